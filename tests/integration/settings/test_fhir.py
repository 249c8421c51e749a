"""The tables about FHIR servers: what is complete, what is safe, and that no secret is shown."""

from __future__ import annotations

import pytest

from integration.errors import SettingsInvalid
from integration.settings import load


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.delenv("WARDWIRE_CONFIG", raising=False)

    def settings(text):
        file = tmp_path / "wardwire.toml"
        file.write_text(text)
        return load(file)

    return settings


@pytest.mark.parametrize(
    "text",
    [
        'base = "ehr.example/fhir"',
        'base = "ftp://ehr.example/fhir"',
        'base = "https://user:pass@ehr.example/fhir"',
        'base = "https://ehr.example/fhir?x=1"',
        'base = "http://ehr.example/fhir"',
        'auth = {kind = "basic", user = "x"}',
        'auth = {kind = "bearer"}',
        'auth = {kind = "smart", client_id = "x"}',
        'auth = {kind = "smart", keys = ["k.pem"]}',
        'auth = {kind = "basic", secret = "x"}',
        'auth = {kind = "digest"}',
    ],
)
def test_what_cannot_run_safely_is_refused(read, text):
    """Half a credential, a password in a URL, plain HTTP over a network."""
    with pytest.raises(SettingsInvalid, match="ehr"):
        read(f"[channels.ehr.fhir]\n{text}\n")


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:8090/fhir", "http://localhost/fhir", "https://ehr.example/fhir/"]
)
def test_a_base_that_is_safe(read, base):
    """Loopback may be plain; a slash at the end is forgiven."""
    assert base.rstrip("/") == read(f'[channels.ehr.fhir]\nbase = "{base}"\n').channels["ehr"].fhir.base


def test_plain_http_may_be_accepted_in_writing(read):
    """For networks that are protected themselves."""
    text = '[channels.ehr.fhir]\nbase = "http://10.0.0.1/fhir"\nplaintext = "accepted"\n'

    assert "http://10.0.0.1/fhir" == read(text).channels["ehr"].fhir.base


def test_a_secret_comes_by_the_environment_and_is_never_shown(read, monkeypatch):
    """Neither print nor dump holds it."""
    monkeypatch.setenv("WARDWIRE_CHANNELS__EHR__FHIR__AUTH__KIND", "bearer")
    monkeypatch.setenv("WARDWIRE_CHANNELS__EHR__FHIR__AUTH__SECRET", "MARKER")
    settings = read("")
    secret = settings.channels["ehr"].fhir.auth.secret

    assert secret is not None
    assert "MARKER" == secret.get_secret_value()
    assert "MARKER" not in repr(settings) + str(settings.model_dump())
