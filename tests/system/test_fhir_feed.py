"""A real FHIR server that is not ours, and a real Wardwire: a Subscription there, a hook here, all by HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from integration.clients.fhir import FhirServer
from integration.settings import FhirAuthSettings, FhirServerSettings
from integration.wiring.fhir_servers import build_fhir_server
from tests.support import sekmet
from tests.support.serving import Serving, wait_for

pytestmark = [pytest.mark.system, sekmet.SKIP]

BEARER = "Bearer of-the-hook"


def messages(wardwire: Serving, trigger: str) -> list[dict[str, Any]]:
    """Messages of a kind, oldest first, by the operator's command."""
    done = subprocess.run(
        [sys.executable, "-m", "integration.cli", "messages", "list", "--json", "--limit", "1000"],
        env=wardwire.environment, cwd=wardwire.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [each for each in reversed(found) if each["trigger"] == trigger]


def ended(wardwire: Serving) -> set[str]:
    """Resources that were read and came to their end, as Type/id."""
    found = messages(wardwire, "FHIR resource")
    return {each["control_id"].partition("/_history")[0] for each in found if each["state"] == "processed"}


@pytest.fixture(params=["put-resource", "post-endpoint"])
def feed(request, tmp_path):
    """A server that knows us by a token, notifying by PUT or by POST; a Wardwire that knows it by a header."""
    (tmp_path / "ehr").mkdir()
    (tmp_path / "ww").mkdir()
    settings = {
        "server_auth": {"types": ["bearer"], "tokens": ["of-the-server"]},
        "subscriptions": {"notify_method": request.param, "retries": 1},
    }
    with sekmet.sekmet(tmp_path / "ehr", **settings) as ehr:
        environment = {
            "WARDWIRE_CHANNELS__EHR__FHIR__BASE": ehr.base,
            "WARDWIRE_CHANNELS__EHR__FHIR__AUTH__KIND": "bearer",
            "WARDWIRE_CHANNELS__EHR__FHIR__AUTH__SECRET": "of-the-server",
            "WARDWIRE_CHANNELS__EHR__FHIR__CATCH_UP_SECONDS": "1",
            "WARDWIRE_CHANNELS__EHR__HOOK__KIND": "header",
            "WARDWIRE_CHANNELS__EHR__HOOK__SECRET": BEARER,
        }
        wardwire = Serving(tmp_path / "ww", environment=environment).start()
        try:
            yield ehr, wardwire
        finally:
            wardwire.stop(kill=True)


def server_of(ehr: sekmet.Sekmet) -> FhirServer:
    auth = FhirAuthSettings(kind="bearer", secret="of-the-server")
    server = build_fhir_server("test", FhirServerSettings(base=ehr.base, auth=auth))
    assert server is not None
    return server


def subscribe(server: FhirServer, wardwire: Serving, kind: str) -> None:
    subscription = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "test",
        "criteria": f"{kind}?",
        "channel": {
            "type": "rest-hook",
            "endpoint": f"{wardwire.base}/hooks/ehr",
            "payload": "application/fhir+json",
            "header": [f"Authorization: {BEARER}"],
        },
    }
    made = server.create("Subscription", json.dumps(subscription).encode())
    wait_for(
        lambda: server.read("Subscription", made.id).resource["status"] == "active", what="the Subscription"
    )


def study(server: FhirServer) -> str:
    content = {"resourceType": "ImagingStudy", "status": "available", "subject": {"display": "Test, Only"}}
    return server.create("ImagingStudy", json.dumps(content).encode()).reference


def test_what_is_created_there_arrives_here(feed):
    """By the server's own Subscription; what was lost while Wardwire was down is caught up, nothing twice."""
    ehr, wardwire = feed
    server = server_of(ehr)
    subscribe(server, wardwire, "ImagingStudy")
    first = study(server)
    wait_for(
        lambda: any(each["state"] == "processed" for each in messages(wardwire, "FHIR notification")),
        what="a hook",
    )
    wait_for(lambda: first in ended(wardwire), what="the first study")

    wardwire.stop(kill=True)
    second = study(server)
    wardwire.start()
    wait_for(lambda: second in ended(wardwire), what="the study that was created while Wardwire was down")

    third = study(server)
    wait_for(lambda: third in ended(wardwire), what="the third study")
    found = [each["control_id"] for each in messages(wardwire, "FHIR resource")]
    assert len(found) == len(set(found)) == 3
    assert all(each["state"] == "processed" for each in messages(wardwire, "FHIR notification"))
