"""From settings to a client, to published keys, and to what `wardwire check` says."""

from __future__ import annotations

import http.server
import json
import threading
from typing import ClassVar

import pytest
from joserfc.jwk import ECKey

from integration.errors import SettingsInvalid
from integration.settings import ChannelSettings, FhirAuthSettings, FhirServerSettings, Settings, TlsSettings
from integration.web.app import create_app
from integration.web.health import run
from integration.wiring.fhir_servers import build_fhir_server, probes, published_keys
from tests.support.web import web_over


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    return path


def settings_with(**fhir):
    return Settings(channels={"ehr": ChannelSettings(fhir=FhirServerSettings(**fhir))})


def test_no_base_is_no_server():
    """A channel without a FHIR server has none."""
    assert build_fhir_server("channels.x.fhir", FhirServerSettings()) is None


@pytest.mark.parametrize(
    "fhir",
    [
        {"tls": TlsSettings(ca="absent.pem")},
        {"tls": TlsSettings(certificate="absent.pem", key="absent.pem")},
        {"auth": FhirAuthSettings(kind="bearer", secret_file="absent")},
        {"auth": FhirAuthSettings(kind="smart", client_id="x", keys=("absent.pem",))},
    ],
)
def test_a_file_that_cannot_be_used_is_named_at_start(fhir):
    """Not at the first message."""
    with pytest.raises(SettingsInvalid):
        build_fhir_server("channels.ehr.fhir", FhirServerSettings(base="https://ehr.example/fhir", **fhir))


@pytest.mark.parametrize("content", ["", "two\nlines", "\n"])
def test_a_secret_is_one_line(tmp_path, content):
    """What would break a header never gets there."""
    file = tmp_path / "secret"
    file.write_text(content)
    auth = FhirAuthSettings(kind="bearer", secret_file=file)
    with pytest.raises(SettingsInvalid, match="one line"):
        build_fhir_server("channels.ehr.fhir", FhirServerSettings(base="https://ehr.example/fhir", auth=auth))


def test_public_keys_are_served_to_all(tmp_path, key):
    """/.well-known/jwks.json needs no token, may be kept for minutes, and holds public halves only."""
    auth = FhirAuthSettings(kind="smart", client_id="wardwire", keys=(key,))
    keys = published_keys(settings_with(base="https://ehr.example/fhir", auth=auth))
    with web_over(tmp_path, key_set=keys) as web:
        answer = (
            create_app(web.services)
            .test_client()
            .get("/.well-known/jwks.json", environ_base={"REMOTE_ADDR": "203.0.113.9"})
        )

    assert (200, "public, max-age=300") == (answer.status_code, answer.headers["Cache-Control"])
    (published,) = json.loads(answer.data)["keys"]
    assert ("EC", "P-384", "ES384", "sig") == tuple(published[name] for name in ("kty", "crv", "alg", "use"))
    assert "d" not in published


def test_without_keys_the_set_is_empty():
    """The route is always there."""
    assert {"keys": []} == published_keys(Settings())


class _Server(http.server.BaseHTTPRequestHandler):
    """A FHIR server that answers all that a probe asks."""

    answers: ClassVar[dict[str, tuple[int, dict[str, object]]]] = {}

    def do_GET(self):
        status, said = self.answers.get(self.path.partition("?")[0], (404, {}))
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+json")
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_):
        """Silence."""


@pytest.fixture
def base():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/fhir"
    server.shutdown()
    server.server_close()


def checks_of(base):
    return {check.name: check for probe in probes(settings_with(base=base)) for check in probe()}


KINDS = ("DocumentReference", "ImagingStudy", "Media")
STATEMENT = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "rest": [
        {"mode": "server", "resource": [{"type": kind, "interaction": [{"code": "read"}]} for kind in KINDS]}
    ],
}


def test_check_says_what_will_work(base):
    """Required things pass or fail; the rest says what happens instead and fails nothing."""
    counted = (200, {"resourceType": "Bundle", "type": "searchset", "total": 3})
    _Server.answers = {"/fhir/metadata": (200, STATEMENT), **{f"/fhir/{kind}": counted for kind in KINDS}}
    checks = checks_of(base)

    assert all(check.passed for check in checks.values()), checks
    assert "written one by one" in checks["channels.ehr.fhir transaction"].reason


def test_check_says_that_a_credential_does_not_do(base):
    """The statement is open to all; a search is not."""
    _Server.answers = {"/fhir/metadata": (200, STATEMENT), "/fhir/DocumentReference": (403, {})}
    (check,) = checks_of(base).values()

    assert not check.passed
    assert "403" in check.reason


def test_check_says_that_nobody_answers():
    """A closed port is one clear line."""
    (check,) = checks_of("http://127.0.0.1:9/fhir").values()

    assert (False, True) == (check.passed, "no connection" in check.reason)
    assert run((lambda: check,))
