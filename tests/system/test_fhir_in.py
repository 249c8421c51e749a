"""A real EHR that is not ours, with SMART on: we subscribe there, a document is created there, a draft is here."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey

from integration.clients.fhir import FhirServer
from integration.clients.signing_keys import jwks, read_key
from integration.settings import FhirAuthSettings, FhirServerSettings
from integration.wiring.fhir_servers import build_fhir_server
from tests.support import demo_document, sekmet
from tests.support.serving import Serving
from tests.support.serving import wait_for as wait_a_little

pytestmark = [pytest.mark.system, sekmet.SKIP]

SCOPE = (
    "system/DocumentReference.cruds system/ImagingStudy.rs system/Media.rs system/Binary.cr system/Patient.crs "
    "system/ServiceRequest.rs system/Encounter.rs system/Subscription.cruds"
)


def wait_for(condition: Callable[[], object], *, what: str) -> None:
    """As `wait_a_little`, for a worker that starts, copies and reads on a machine that is busy."""
    wait_a_little(condition, seconds=240, what=what)


class Ehr:
    """The server, and a client of ours that writes there as its clinicians would."""

    def __init__(self, running: sekmet.Sekmet, auth: dict[str, Any]) -> None:
        settings = FhirServerSettings(base=running.base, auth=FhirAuthSettings(**auth))
        server = build_fhir_server("test", settings)
        assert server is not None
        self.server: FhirServer = server

    def patient(self) -> str:
        content = {
            "resourceType": "Patient",
            "identifier": [
                {
                    "type": {
                        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]
                    },
                    "system": "urn:oid:2.16.840.1.113883.19.5",
                    "value": "WW-100417",
                }
            ],
            "name": [{"family": "ROSSI", "given": ["Giulia", "Anna"]}],
            "birthDate": "1971-03-14",
        }
        return self.server.create("Patient", json.dumps(content).encode()).reference

    def document(self, patient: str, pdf: bytes, **more: Any) -> bytes:
        content = {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", "code": "11502-2"}]},
            "subject": {"reference": patient},
            "content": [
                {"attachment": {"contentType": "application/pdf", "data": base64.b64encode(pdf).decode()}}
            ],
        }
        return json.dumps({**content, **more}).encode()

    def subscriptions(self) -> list[Any]:
        return list(self.server.search("Subscription"))


@pytest.fixture
def feed(tmp_path):
    for name in ("ehr", "ww"):
        (tmp_path / name).mkdir()
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_bytes(ECKey.generate_key("P-384").as_pem(private=True))
    client = {"client_id": "wardwire", "jwks": jwks([read_key(key)]), "scopes": SCOPE}
    settings = {
        "server_auth": {"types": ["smart"], "smart_clients": [client], "token_lifetime": 60},
        "subscriptions": {"notify_method": "put-resource", "retries": 1},
    }
    auth = {"kind": "smart", "client_id": "wardwire", "keys": (key,), "scope": SCOPE}
    with sekmet.sekmet(tmp_path / "ehr", **settings) as ehr:
        of_channel = "WARDWIRE_CHANNELS__EHR__"
        environment = {
            f"{of_channel}FHIR__BASE": ehr.base,
            f"{of_channel}FHIR__AUTH__KIND": "smart",
            f"{of_channel}FHIR__AUTH__CLIENT_ID": "wardwire",
            f"{of_channel}FHIR__AUTH__KEYS": json.dumps([str(key)]),
            f"{of_channel}FHIR__AUTH__SCOPE": SCOPE,
            f"{of_channel}FHIR__CATCH_UP_SECONDS": "2",
            f"{of_channel}FHIR__SUBSCRIPTION__KINDS": json.dumps(["DocumentReference"]),
            f"{of_channel}FHIR__SUBSCRIPTION__CHECK_SECONDS": "1",
            f"{of_channel}HOOK__KIND": "header",
            f"{of_channel}HOOK__SECRET": "Bearer of-the-hook",
        }
        wardwire = Serving(tmp_path / "ww", environment=environment).start()
        try:
            yield Ehr(ehr, auth), wardwire
        finally:
            wardwire.stop(kill=True)


def told(wardwire: Serving, *arguments: str) -> Any:
    """What a command says, as JSON; what it says when it fails, too."""
    done = subprocess.run(
        [sys.executable, "-m", "integration.cli", *arguments, "--json"],
        env=wardwire.environment, cwd=wardwire.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def found(wardwire: Serving, query: str) -> list[dict[str, Any]]:
    """What the read face finds."""
    with urllib.request.urlopen(f"{wardwire.base}/fhir/{query}", timeout=10) as answer:
        return [each["resource"] for each in json.load(answer).get("entry", [])]


def copies(wardwire: Serving, ehr: Ehr) -> list[dict[str, Any]]:
    """Documents that were read there; a draft report has a document of its own."""
    every = found(wardwire, "DocumentReference?_count=50")
    return [each for each in every if each.get("meta", {}).get("source", "").startswith(ehr.server.base)]


def test_a_document_there_becomes_a_draft_here(feed):
    """By our own Subscription, with SMART; corrected there, corrected here; after a kill nothing is missing or twice."""
    ehr, wardwire = feed
    for _ in range(2):
        (registered,) = told(wardwire, "subscribe", "ehr")["subscriptions"]
    assert [registered["id"]] == [each.resource["id"] for each in ehr.subscriptions()]

    patient = ehr.patient()
    wait_for(lambda: ehr.subscriptions()[0].resource["status"] == "active", what="the Subscription")
    made = ehr.server.create("DocumentReference", ehr.document(patient, demo_document.pdf()))
    wait_for(lambda: found(wardwire, "DiagnosticReport?status=preliminary"), what="a draft")

    (document,) = copies(wardwire, ehr)
    assert document["meta"]["source"].startswith(f"{ehr.server.base}/DocumentReference/{made.id}/_history/")
    (person,) = found(wardwire, "Patient?identifier=urn:oid:2.16.840.1.113883.19.5|WW-100417")
    assert {"reference": f"Patient/{person['id']}"} == document["subject"]
    values = {each["code"]["text"]: each["valueQuantity"]["value"] for each in found(wardwire, "Observation")}
    assert 2.41 == values["TSH"]
    assert found(wardwire, f"Provenance?entity={ehr.server.base}/DocumentReference/{made.id}")

    wardwire.stop(kill=True)
    results = tuple(("TSH", "9.99", *row[2:]) if row[0] == "TSH" else row for row in demo_document.RESULTS)
    corrected = ehr.document(patient, demo_document.pdf(results), id=made.id)
    ehr.server.update("DocumentReference", made.id, corrected)
    wardwire.start()
    wait_for(
        lambda: 9.99 in {
            each["valueQuantity"]["value"] for each in found(wardwire, "Observation?status=preliminary")
        },
        what="the correction that came while Wardwire was down",
    )  # fmt: skip
    assert 1 == len(copies(wardwire, ehr))
    assert 1 == len(found(wardwire, "DiagnosticReport?status=preliminary"))

    checks = {each["name"]: each for each in told(wardwire, "check")["checks"]}
    assert checks["subscription ehr DocumentReference"]["passed"]
    ehr.server.delete("DocumentReference", made.id)
    ehr.server.delete("Subscription", registered["id"])
    wait_for(lambda: len(ehr.subscriptions()) == 1, what="the Subscription to be registered anew")
    assert 1 == told(wardwire, "unsubscribe", "ehr")["removed"]
    assert [] == ehr.subscriptions()


def test_its_scenarios_are_read_without_error(tmp_path):
    """What its own scenarios of orders, images, reports and documents leave there: polled, copied, none of it parked."""
    for name in ("ehr", "ww"):
        (tmp_path / name).mkdir()
    with sekmet.sekmet(tmp_path / "ehr", server_auth={"types": ["none"]}) as ehr:
        done = subprocess.run(
            [str(sekmet.program(sekmet.REQUIREMENT, "sekmet")), "scenario", "run", "all", "--peer", "self",
             "--no-serve", "-c", str(tmp_path / "ehr" / "settings.yaml")],
            cwd=tmp_path / "ehr", capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        server = build_fhir_server("test", FhirServerSettings(base=ehr.base))
        assert server is not None
        there = {
            each.reference
            for kind in ("DocumentReference", "ImagingStudy", "Media")
            for each in server.search(kind)
        }
        assert there, done.stdout[-2000:]
        environment = {
            "WARDWIRE_CHANNELS__EHR__FHIR__BASE": ehr.base,
            "WARDWIRE_CHANNELS__EHR__FHIR__POLL__SECONDS": "1",
            "WARDWIRE_CHANNELS__EHR__FHIR__POLL__SINCE": "2020-01-01",
        }
        wardwire = Serving(tmp_path / "ww", environment=environment).start()
        try:
            wait_for(lambda: _ended(wardwire) >= there, what=f"{len(there)} resources to be read")
            states = {each["reason"] for each in _messages(wardwire) if each["state"] != "processed"}
            assert set() == states
        finally:
            wardwire.stop(kill=True)


def _messages(wardwire: Serving) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "integration.cli", "messages", "list", "--json", "--limit", "1000"],
        env=wardwire.environment, cwd=wardwire.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(each) for each in done.stdout.splitlines()]


def _ended(wardwire: Serving) -> set[str]:
    found = [each for each in _messages(wardwire) if each["trigger"] == "FHIR resource"]
    return {
        each["control_id"].partition("/_history")[0]
        for each in found
        if each["state"] in {"processed", "parked"}
    }
