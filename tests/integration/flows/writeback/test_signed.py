"""From a document to a person's signature to both kinds of destinations: the real review in between."""

from __future__ import annotations

import pytest

from integration.flows.writeback.courier import FhirCourier
from integration.flows.writeback.shipment import Loader
from integration.settings import Settings
from integration.store.counterparts import Counterparts
from integration.store.delivery_records import DeliveryFilter
from integration.wiring import stores
from integration.wiring.destinations import build_sending
from integration.wiring.fhir_destinations import terms_of
from integration.wiring.review import Releases
from tests.support.fhir_store import Store
from tests.support.reviewing import Desk, desk_in

PATIENTS = "urn:oid:2.16.840.1.113883.19.5.1"


def signed(folder, style):
    """A draft that was read off a document and signed; what leaves, and the server it leaves for."""
    with desk_in(folder) as plain:
        settings = Settings(
            store={"url": f"sqlite:///{folder / 'store.sqlite'}"},
            channels={"default": {"destinations": ["ehr", "results"]}},
            destinations={
                "ehr": {
                    "kind": "fhir",
                    "fhir": {"base": "https://ehr.example/fhir"},
                    "patient_assigners": [PATIENTS],
                    "missing_orders": "identifier",
                    "style": style,
                },
                "results": {"kind": "folder", "path": "/nowhere"},
            },
        )
        desk = Desk(
            plain.bench,
            releasing=Releases(plain.bench.store.inbox, build_sending(settings, plain.bench.store)),
        )
        desk.bench.read()
        desk.sign()
        store, ehr = desk.bench.store, Store()
        ehr.put("Patient", "p9", identifier=[{"system": PATIENTS, "value": "WW-100417"}])
        courier = FhirCourier(
            server=ehr.server(),
            terms=terms_of("ehr", settings.destinations["ehr"]),
            loader=Loader(store.database, store.results),
            memory=Counterparts(store.database, "ehr", stores.now),
            drafts_proven=lambda: False,
        )
        (going,) = store.outbox.list(DeliveryFilter(destination="ehr"))
        courier.carry(store.outbox.load(going.id).content, name="x")
        (rendered,) = store.outbox.list(DeliveryFilter(destination="results"))
        return ehr, store.outbox.load(rendered.id).content.decode()


@pytest.mark.parametrize("style", ["transaction", "writes"])
def test_what_a_person_signed_reaches_the_ehr(tmp_path, style):
    """Final there, with the document that it was read off, the note, who read it and who signed it."""
    ehr, message = signed(tmp_path, style)
    # The sender's own report comes along: the document that was read belongs to it.
    (report,) = [each for each in ehr.of("DiagnosticReport") if "resultsInterpreter" in each]
    results = [each for each in ehr.of("Observation") if "derivedFrom" in each]
    assert ("final", "Patient/p9") == (report["status"], report["subject"]["reference"])
    assert "Dr Ada Rossi" == report["resultsInterpreter"][0]["display"]
    assert {"final"} == {each["status"] for each in results}
    assert {f"Observation/{each['id']}" for each in results} == {
        each["reference"] for each in report["result"]
    }
    source = {each["derivedFrom"][0]["reference"] for each in results}
    documents = {f"DocumentReference/{each['id']}": each for each in ehr.of("DocumentReference")}
    assert source < documents.keys()
    (note,) = [each for key, each in documents.items() if key not in source]
    assert ("final", report["presentedForm"]) == (
        note["docStatus"],
        [each["attachment"] for each in note["content"]],
    )
    roles = {
        coding["code"]
        for each in ehr.of("Provenance")
        for agent in each["agent"]
        for coding in agent.get("type", {}).get("coding", [])
    }
    assert {"author", "verifier"} <= roles or {"assembler", "verifier"} <= roles
    assert [] == ehr.of("Task")

    lines = [line.split("|") for line in message.split("\r") if line]
    (obr,) = [line for line in lines if line[0] == "OBR"]
    assert ("F", True) == (obr[25], "Dr Ada Rossi" in obr[32])
    assert {"F"} == {line[11] for line in lines if line[0] == "OBX"}
    assert "ED" in {line[2] for line in lines if line[0] == "OBX"}
