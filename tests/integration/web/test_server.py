"""gunicorn as it is told: threads, limits, quiet; over a real socket, with several workers, until SIGTERM."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from gunicorn.config import Config

from integration.settings import TlsSettings, WebSettings
from integration.web.server import options
from tests.support.serving import free_port, wait_for

SERVER = """
import sys
from pathlib import Path
from integration import telemetry
from integration.settings import WebSettings
from integration.web import server
from tests.support import web

folder, port = Path(sys.argv[1]), int(sys.argv[2])

def make_app():
    from integration.web.app import create_app
    context = web.web_over(folder, multiprocess_folder=folder / "metrics")
    make_app.kept = context  # the store stays open as long as the process
    return create_app(context.__enter__().services)

telemetry.configure(role="web")
server.serve(make_app, WebSettings(port=port, workers=2, threads=4), metrics_folder=folder / "metrics")
"""


def test_gunicorn_knows_every_option():
    """Each option exists in this gunicorn and takes the value."""
    config = Config()
    for name, value in options(WebSettings(), metrics_folder=Path("metrics")).items():
        config.set(name, value)

    assert ("integration.web.worker.OutcomeWorker", False, True) == (
        config.worker_class_str,
        config.preload_app,
        config.control_socket_disable,
    )


def test_tls_is_modern():
    """Certificates reach gunicorn; nothing before TLS 1.2 is spoken; clients can be asked for theirs."""
    tls = TlsSettings(certificate=Path("c.pem"), key=Path("k.pem"), ca=Path("ca.pem"), require_client=True)
    told = options(WebSettings(tls=tls))
    assert ("c.pem", "k.pem", "ca.pem", ssl.CERT_REQUIRED) == (
        told["certfile"],
        told["keyfile"],
        told["ca_certs"],
        told["cert_reqs"],
    )
    context = told["ssl_context"](None, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert ssl.TLSVersion.TLSv1_2 == context.minimum_version
    assert "certfile" not in options(WebSettings())


def test_an_ipv6_address_is_bracketed():
    """::1 becomes [::1]:8080."""
    assert "[::1]:8080" == options(WebSettings(host="::1"))["bind"]


@pytest.mark.system
def test_a_real_server(tmp_path):
    """Two workers answer, refuse what is too long, share their counters, log no query, and drain."""
    (tmp_path / "metrics").mkdir()
    port, log = free_port(), tmp_path / "log"
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(tmp_path), str(port)],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(lambda: _status(port, "/healthz") == 200, what=f"the server to answer (see {log})")
        assert 200 == _status(port, "/fhir/Patient?name=MARKER-in-a-query")
        refused = (
            (414, _get(port, "/fhir/Patient?name=" + "MARKER" * 2000)),
            (431, _get(port, "/healthz", {"X-Long": "MARKER" * 2000})),
            (431, _get(port, "/healthz", {f"X-{n}": "1" for n in range(80)})),
            (400, _get(port, "/healthz", {"Bad MARKER": "1"})),
        )
        for status, (given, body) in refused:
            assert (status, "OperationOutcome") == (given, json.loads(body)["resourceType"])
            assert b"MARKER" not in body
        for _ in range(10):
            _status(port, "/healthz")
        text = _get(port, "/metrics")[1].decode()
        counted = [line for line in text.splitlines() if 'route="/healthz",status="200"' in line]
        assert float(counted[0].split()[-1]) >= 11
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)

    assert 0 == code
    lines = log.read_text().splitlines()
    assert [] == [line for line in lines if "MARKER" in line]
    assert all(json.loads(line)["role"] == "web" for line in lines)


def _status(port: int, path: str, headers: dict[str, str] | None = None) -> int | None:
    return _get(port, path, headers)[0]


def _get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return None, b""
    finally:
        connection.close()
