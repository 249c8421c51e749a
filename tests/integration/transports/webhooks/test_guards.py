"""Who is let in at a hook, guard by guard."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from integration.errors import RemoteUnavailable
from integration.transports.webhooks.guards import Certificate, Facts, SecretHeader, Signature, ThisMachine
from integration.transports.webhooks.oidc import IdToken, PublishedKeys

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BODY = b'{"resourceType": "Media", "id": "1"}'


def status(refusal):
    return refusal.status if refusal else None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("10.0.0.1", 403),
        ("", 403),
        ("localhost", 403),
    ],
)
def test_where_nothing_is_configured_only_this_machine_may_call(address, expected):
    """Behind a proxy, where addresses prove nothing, nobody may."""
    assert expected == status(ThisMachine().look(Facts({}, address)))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"authorization": "Bearer new"}, None),
        ({"authorization": "Bearer old"}, None),
        ({"authorization": "Bearer older"}, 401),
        ({"authorization": "bearer new"}, 401),
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer é"}, 401),
        ({"x-other": "Bearer new"}, 401),
        ({}, 401),
    ],
)
def test_a_secret_header(headers, expected):
    """The whole value counts; old and new secret stand side by side."""
    guard = SecretHeader("authorization", (b"Bearer new", b"Bearer old"))

    assert expected == status(guard.look(Facts(headers)))


def sign(body, secret=b"s", algorithm="sha256"):
    return hmac.digest(secret, body, algorithm)


def judged(guard, headers, body=BODY):
    return status(guard.look(Facts(headers)) or guard.verify(Facts(headers), body))


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({}, sign(BODY).hex()),
        ({}, sign(BODY).hex().upper()),
        ({"algorithm": "sha512"}, sign(BODY, algorithm="sha512").hex()),
        ({"encoding": "base64"}, base64.b64encode(sign(BODY)).decode()),
        ({"prefix": "sha256="}, f"sha256={sign(BODY).hex()}"),
        ({"secrets": (b"new", b"s")}, sign(BODY).hex()),
    ],
)
def test_a_signature_of_the_body(options, value):
    """Medplum's form, and what others make of it; of several secrets one suffices."""
    guard = Signature(**{"secrets": (b"s",), "clock": lambda: NOW, **options})

    assert judged(guard, {"x-signature": value}) is None
    assert 401 == judged(guard, {"x-signature": value}, BODY + b" ")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-signature": ""},
        {"x-signature": "zz"},
        {"x-signature": sign(BODY, b"other").hex()},
        {"x-signature": sign(BODY).hex()[:32]},
        {"x-signature": sign(BODY).hex() + "00"},
        {"x-signature": hashlib.sha256(BODY).hexdigest()},
        {"x-signature": sign(b"").hex()},
    ],
)
def test_a_bad_signature(headers):
    """Missing, no hex, another secret, cut, longer, no HMAC at all, of another body."""
    assert 401 == judged(Signature(secrets=(b"s",), clock=lambda: NOW), headers)


def stamped(seconds, body=BODY, separator="."):
    text = str(seconds)
    return {"x-timestamp": text, "x-signature": sign(f"{text}{separator}".encode() + body).hex()}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (stamped(int(NOW.timestamp())), None),
        (stamped(int(NOW.timestamp() * 1000)), None),
        (stamped(int(NOW.timestamp()) - 299), None),
        (stamped(int(NOW.timestamp()) - 301), 401),
        (stamped(int(NOW.timestamp()) + 301), 401),
        ({**stamped(int(NOW.timestamp()) - 9000), "x-timestamp": str(int(NOW.timestamp()))}, 401),
        ({"x-signature": sign(BODY).hex()}, 401),
        ({"x-signature": sign(BODY).hex(), "x-timestamp": "now"}, 401),
    ],
    ids=["now", "milliseconds", "old", "too old", "ahead", "moved", "none", "no number"],
)
def test_a_replayed_signature_is_refused(headers, expected):
    """The moment is part of what is signed, and old ones do not count."""
    guard = Signature(secrets=(b"s",), clock=lambda: NOW, timestamp_header="x-timestamp")

    assert expected == judged(guard, headers)


def test_a_missing_or_stale_signature_is_seen_before_the_body():
    """An attacker's hundred megabytes are not read."""
    guard = Signature(secrets=(b"s",), clock=lambda: NOW, timestamp_header="x-timestamp")

    assert 401 == status(guard.look(Facts({})))
    assert 401 == status(guard.look(Facts(stamped(0))))


@pytest.mark.parametrize(
    ("guard", "facts", "expected"),
    [
        (Certificate({"CN=ehr"}), Facts({}, subject="CN=ehr"), None),
        (Certificate({"CN=ehr"}), Facts({}, subject="CN=other"), 403),
        (Certificate({"CN=ehr"}), Facts({"x-subject": "CN=ehr"}), 401),
        (Certificate({"CN=ehr"}, "x-subject"), Facts({"x-subject": "CN=ehr"}), None),
        (Certificate({"CN=ehr"}, "x-subject"), Facts({}, subject="CN=ehr"), 401),
    ],
)
def test_a_certificate(guard, facts, expected):
    """By the subject that TLS proved, or that the proxy says; never by a header that nobody configured."""
    assert expected == status(guard.look(facts))


ISSUER, AUDIENCE = "https://accounts.example", "https://wardwire.example/hooks/g"
KEY = RSAKey.generate_key(2048, parameters={"kid": "k1"})
EC = ECKey.generate_key("P-256", parameters={"kid": "k2"})


class Provider:
    """A key set that is asked for."""

    def __init__(self, *keys):
        self.keys, self.asked, self.down, self.now = keys, 0, False, 1000.0

    def fetch(self):
        self.asked += 1
        if self.down:
            raise RemoteUnavailable("down")
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def guard(self, subjects=()):
        keys = PublishedKeys(self.fetch, lambda: self.now)
        return IdToken(keys=keys, issuer=ISSUER, audience=AUDIENCE, subjects=subjects, clock=lambda: NOW)


def token(key=KEY, algorithm="RS256", kid="k1", **claims):
    told = {
        "iss": ISSUER, "aud": AUDIENCE, "exp": int(NOW.timestamp()) + 300, "sub": "service",
        "email": "push@example", "email_verified": True, **claims,
    }  # fmt: skip
    header = {"alg": algorithm, **({"kid": kid} if kid else {})}
    return jwt.encode(
        header,
        {name: value for name, value in told.items() if value is not None},
        key,
        algorithms=[algorithm],
    )


def confused():
    """A token signed by HMAC with the public key that everybody has."""
    head, claims, _ = token().split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1"}').rstrip(b"=").decode()
    made = hmac.digest(KEY.as_pem(private=False), f"{head}.{claims}".encode(), "sha256")
    return f"{head}.{claims}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


def bearer(text):
    return Facts({"authorization": f"Bearer {text}"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (token(), None),
        (token(EC, "ES256", "k2"), None),
        (token(aud=["x", AUDIENCE]), None),
        (token(aud="https://other"), 401),
        (token(aud=None), 401),
        (token(iss="https://evil.example"), 401),
        (token(exp=int(NOW.timestamp()) - 31), 401),
        (token(exp=None), 401),
        (token(exp="never"), 401),
        (token(nbf=int(NOW.timestamp()) + 60), 401),
        (token(RSAKey.generate_key(2048), kid="k1"), 401),
        (token()[:-4] + "AAAA", 401),
        ("not.a.token", 401),
        ("", 401),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", 401),
        (confused(), 401),
    ],
    ids=["good", "ES256", "list", "audience", "no audience", "issuer", "expired", "no end", "odd end", "not yet",
         "other key", "altered", "no token", "empty", "alg none", "public key as HMAC secret"],
)  # fmt: skip
def test_a_token(text, expected):
    """Issuer, audience, time and signature; algorithms are ours to choose."""
    assert expected == status(Provider(KEY, EC).guard().look(bearer(text)))


@pytest.mark.parametrize(
    ("subjects", "claims", "expected"),
    [
        ({"push@example"}, {}, None),
        ({"service"}, {}, None),
        ({"push@example"}, {"email_verified": False}, 403),
        ({"push@example"}, {"email_verified": "true"}, 403),
        ({"other@example"}, {}, 403),
    ],
)
def test_a_token_of_somebody_else(subjects, claims, expected):
    """Verified e-mail or subject; anybody can get a token of a public provider."""
    assert expected == status(Provider(KEY).guard(subjects).look(bearer(token(**claims))))


def test_the_key_set_is_kept_and_asked_for_anew_when_a_key_is_unknown():
    """A rotation is noticed, and unknown keys do not make us ask at every request."""
    provider = Provider(KEY)
    guard = provider.guard()
    for _ in range(3):
        assert guard.look(bearer(token())) is None
    assert 1 == provider.asked

    provider.keys = (KEY, EC)
    assert 401 == status(guard.look(bearer(token(EC, "ES256", "k2"))))
    assert 1 == provider.asked
    provider.now += 31
    assert guard.look(bearer(token(EC, "ES256", "k2"))) is None
    assert 2 == provider.asked


def test_a_provider_that_is_down_refuses_nobody_for_ever():
    """Without keys the sender is to come again; with kept ones they serve on."""
    provider = Provider(KEY)
    provider.down = True
    guard = provider.guard()
    assert 503 == status(guard.look(bearer(token())))

    provider.down = False
    assert guard.look(bearer(token())) is None
    provider.down, provider.now = True, provider.now + 10_000
    assert guard.look(bearer(token())) is None
