"""Who is let in: bearers of a configured token, or this machine alone."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from integration.errors import SettingsInvalid
from integration.web.auth import Caller, Refusal, authorize, read_tokens
from tests.support.results import observation
from tests.support.web import BASE

SECRET = "0123456789abcdef0123456789abcdef"
LINE = f"ward-reader:{hashlib.sha256(SECRET.encode()).hexdigest()}"
OTHER = f"second:{hashlib.sha256(b'other').hexdigest()}"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"somebody:{password}".encode()).decode()


def decide(authorization: str = "", *, address="127.0.0.1", host="localhost:8080", tokens=()):
    return authorize(authorization, address=address, host=host, tokens=tokens, public_base=BASE)


def test_a_token_file_has_a_line_for_each_caller():
    """Empty lines and comments are skipped."""
    tokens = read_tokens(f"# readers\n\n{LINE}\n{OTHER.upper().replace('SECOND', 'second')}\n")
    assert ["ward-reader", "second"] == [token.name for token in tokens]


@pytest.mark.parametrize("text", ["", "# none\n", "name", "name:abc", f"{LINE}\nsecret-in-the-clear"])
def test_a_wrong_token_file_is_refused_by_its_line(text):
    """The problem is named by line; the line itself is never repeated."""
    with pytest.raises(SettingsInvalid) as caught:
        read_tokens(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {SECRET}", f"bearer {SECRET}", basic(SECRET)],
    ids=["bearer", "lower-case", "basic"],
)
def test_a_token_opens_from_anywhere(authorization):
    """As a bearer token, or as a browser's password."""
    tokens = read_tokens(f"{OTHER}\n{LINE}")
    assert Caller("user:ward-reader") == decide(authorization, address="10.1.2.3", host="x", tokens=tokens)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        SECRET,
        f"Digest {SECRET}",
        "Basic %%%",
        "Basic",
        basic("wrong"),
        basic(""),
    ],
)
def test_anything_else_is_401_even_from_here(authorization):
    """With tokens configured, every caller needs one."""
    answer = decide(authorization, tokens=read_tokens(LINE))
    assert isinstance(answer, Refusal)
    assert 401 == answer.status


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "wardwire.example"]
)
def test_without_tokens_this_machine_is_let_in(address, host):
    """Under its own names and the name of the public base."""
    assert Caller(address) == decide(address=address, host=host)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("10.1.2.3", "localhost"),
        ("::ffff:10.1.2.3", "localhost"),
        ("", "localhost"),
        ("somewhere", "localhost"),
        ("127.0.0.1", "attacker.example"),
        ("127.0.0.1", "localhost.attacker.example"),
        ("127.0.0.1", ""),
    ],
)
def test_without_tokens_others_are_refused(address, host):
    """Other machines, and pages of other sites that had their name point here."""
    answer = decide(address=address, host=host)
    assert isinstance(answer, Refusal)
    assert 403 == answer.status


def test_refusals_on_the_wire(web):
    """401 with a challenge and 403, as OperationOutcome under /fhir and as a page elsewhere; nothing leaks."""
    web.store.write(observation())
    far = {"REMOTE_ADDR": "10.1.2.3"}

    forbidden = web.get("/fhir/Observation/o1", environ_base=far)
    assert (403, "forbidden") == (forbidden.status_code, forbidden.json["issue"][0]["code"])
    web.services = replace(web.services, tokens=read_tokens(LINE))
    refused = web.get("/fhir/Observation/o1")
    assert (401, "login") == (refused.status_code, refused.json["issue"][0]["code"])
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
    page = web.get("/")
    assert (401, True) == (page.status_code, page.headers["Content-Type"].startswith("text/html"))
    assert 401 == web.get("/metrics").status_code
    assert [] == web.audited()

    answer = web.get("/fhir/Observation/o1", headers={"Authorization": f"Bearer {SECRET}"}, environ_base=far)
    assert (200, "user:ward-reader") == (answer.status_code, web.audited()[0].event.actor)


def test_health_is_open(web):
    """Orchestrators have no token; what they see names nobody."""
    web.services = replace(web.services, tokens=read_tokens(LINE))
    for path in ("/healthz", "/readyz", "/fhir/metadata"):
        assert 200 == web.client.get(path, environ_base={"REMOTE_ADDR": "10.1.2.3"}).status_code


def test_behind_a_proxy_nearness_proves_nothing(web):
    """Every caller comes from the proxy's address, so a token is needed, and without one nobody comes in."""
    web.services = replace(web.services, behind_proxy=True)
    assert 403 == web.get("/fhir/Observation", headers={"X-Forwarded-For": "127.0.0.1"}).status_code
