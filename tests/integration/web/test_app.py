"""What holds for every answer: headers, request ids, metrics and log lines that name no patient."""

from __future__ import annotations

import io
import logging
import subprocess
import sys

import pytest
import structlog
from prometheus_client import generate_latest

from integration import telemetry
from tests.support.results import observation, patient


@pytest.mark.parametrize(
    "path", ["/", "/fhir/metadata", "/fhir/Nothing", "/nothing", "/readyz", "/static/wardwire.css"]
)
def test_every_answer_has_the_security_headers(web, path):
    """Pages, data, errors and files alike."""
    headers = web.get(path).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert ("nosniff", "DENY", "no-referrer") == (
        headers["X-Content-Type-Options"],
        headers["X-Frame-Options"],
        headers["Referrer-Policy"],
    )


def test_transport_security_is_told_over_tls_only(web):
    """HSTS makes no sense on plain loopback."""
    assert "Strict-Transport-Security" not in web.get("/healthz").headers
    assert "max-age" in web.get("/healthz", base_url="https://localhost").headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("expected", "given"),
    [("a-1.b_2", "a-1.b_2"), ("request-1", None), ("request-1", "x" * 65), ("request-1", "Muñoz, Ana")],
)
def test_every_answer_has_a_request_id(web, expected, given):
    """The caller's where it is a plain one, else ours."""
    headers = {"X-Request-Id": given.encode().decode("latin-1")} if given else {}
    assert expected == web.get("/healthz", headers=headers).headers["X-Request-Id"]


def test_metrics_and_logs_know_routes_not_addresses(web):
    """Neither ids, nor parameters, nor unknown paths or methods become labels or log lines."""
    web.store.write(patient(), observation())
    stream, root = io.StringIO(), logging.getLogger()
    kept, level = root.handlers, root.level
    telemetry.configure(role="web", stream=stream)
    try:
        client = web.client
        for path in ("/fhir/Patient/MARKER", "/fhir/Patient?name=MARKER", "/MARKER", "/fhir/MARKER/1"):
            client.get(path, headers={"Host": "localhost"})
        client.open("/fhir/Patient", method="MARKER", headers={"Host": "localhost"})
    finally:
        root.handlers = kept
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()

    exposed = generate_latest(web.services.registry).decode()
    assert 'route="/fhir/<kind>/<resource_id>",status="404"' in exposed
    assert 'method="OTHER"' in exposed
    assert "MARKER" not in exposed
    assert 5 == stream.getvalue().count('"event": "request"')
    assert "MARKER" not in stream.getvalue()


def test_an_unforeseen_error_is_logged_without_its_words(web, monkeypatch):
    """Type and place reach the log, text and path do not."""

    def broken(*_args, **_more):
        raise RuntimeError("MARKER")

    stream, root = io.StringIO(), logging.getLogger()
    kept, level = root.handlers, root.level
    monkeypatch.setattr("integration.store.results.Results.read", broken)
    telemetry.configure(role="web", stream=stream)
    try:
        web.get("/fhir/Patient/MARKER")
    finally:
        root.handlers = kept
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()

    assert "MARKER" not in stream.getvalue()
    assert '"error": "RuntimeError"' in stream.getvalue()
    assert "integration/web/fhir_api.py:" in stream.getvalue()


def test_the_web_loads_no_model_library():
    """Neither torch nor librosa, nor fhir.resources' models, are on the import path of the web."""
    probe = "import integration.web.app, integration.web.server, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert set() == {"torch", "transformers", "librosa", "hl7apy", "fhir.resources"} & set(
        done.stdout.split()
    )
