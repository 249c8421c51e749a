"""Drafts stay until they are signed, or leave where a server was shown to keep them apart."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from integration.flows.reading import HL7_V2
from integration.flows.writeback import proving
from integration.states import DeliveryState
from integration.store import extractions
from integration.wiring import extraction
from mappers.fhir.result_bundle import Entry
from tests.support.fhir_store import Store, answer

S = DeliveryState
AIAST = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "AIAST"}
#: Synthetic ids.
REPORT, FINDING, OTHER, MODEL, SAID, SIGNED, NOTE = (
    str(uuid.uuid5(uuid.NAMESPACE_URL, f"{n}")) for n in range(7)
)


def draft(bench, status="preliminary"):
    """What a model wrote about the patient of the bench: its resources, by status."""
    (patient,) = bench.stored("Patient")
    whose = {"subject": {"reference": f"Patient/{patient['id']}"}}
    head = {"meta": {"security": [AIAST]}, "status": status}
    code = {"code": {"coding": [{"system": "http://loinc.org", "code": "18748-4"}]}}
    finding = {
        "resourceType": "Observation",
        "id": FINDING,
        **head,
        **code,
        **whose,
        "valueString": "Effusion.",
    }
    finding["device"] = {"reference": f"Device/{MODEL}"}
    report = {"resourceType": "DiagnosticReport", "id": REPORT, **head, **code, **whose}
    return finding, {**report, "result": [{"reference": f"Observation/{FINDING}"}]}


def made_by(key, who, *targets, kind="author"):
    system = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    return {
        "resourceType": "Provenance",
        "id": key,
        "target": [{"reference": each} for each in targets],
        "recorded": "2026-11-22T12:00:00Z",
        "agent": [{"type": {"coding": [{"system": system, "code": kind}]}, "who": who}],
    }


def model():
    device = {"resourceType": "Device", "id": MODEL, "deviceName": [{"name": "m", "type": "model-name"}]}
    targets = (f"DiagnosticReport/{REPORT}", f"Observation/{FINDING}")
    return device, made_by(SAID, {"reference": f"Device/{MODEL}"}, *targets)


def sign(bench, message):
    signer = made_by(SIGNED, {"display": "Dr Test"}, f"DiagnosticReport/{REPORT}", kind="verifier")
    bench.write(message, *draft(bench, "final"), signer, draft=False)


def test_a_draft_leaves_when_it_is_signed(bench):
    """Not before; then as final, with who said it first and who signed it."""
    message = bench.receive()
    bench.write(message, *draft(bench), *model(), draft=True)
    bench.deliver()
    assert 1 == len(bench.all())
    assert 1 == len(bench.ehr.of("DiagnosticReport"))

    sign(bench, message)
    bench.deliver()
    assert [S.DELIVERED] * 2 == [each.state for each in bench.all()]
    (signed,) = [each for each in bench.ehr.of("DiagnosticReport") if "basedOn" not in each]
    (finding,) = [each for each in bench.ehr.of("Observation") if "device" in each]
    assert ("final", "final") == (signed["status"], finding["status"])
    assert [AIAST] == signed["meta"]["security"]
    by = [each["agent"][0] for each in bench.ehr.of("Provenance")][-2:]
    assert {"author", "verifier"} == {each["type"]["coding"][0]["code"] for each in by}
    assert finding["device"] in [each["who"] for each in by]


def test_a_finding_that_nobody_signed_does_not_leave_with_a_report(bench):
    """A signed report that names an unsigned finding: a name is all that leaves of it."""
    message = bench.receive()
    bench.write(message, *draft(bench))
    finding, report = draft(bench)
    bench.write(message, {**report, "status": "final"}, draft=False)
    bench.deliver()

    (signed,) = [each for each in bench.ehr.of("DiagnosticReport") if "basedOn" not in each]
    assert [("Observation", f"urn:uuid:{FINDING}")] == [
        (each["type"], each["identifier"]["value"]) for each in signed["result"]
    ]
    assert 2 == len(bench.ehr.of("Observation"))
    assert finding["id"] == FINDING


def test_a_signed_report_that_is_taken_back_is_entered_in_error_there(bench):
    """The same resources, and a Provenance that says who took it back."""
    message = bench.receive()
    bench.write(message, *draft(bench), *model())
    sign(bench, message)
    gone = made_by(NOTE, {"display": "Dr Test"}, f"DiagnosticReport/{REPORT}", kind="enterer")
    bench.write(message, *draft(bench, "entered-in-error"), gone, draft=False)
    bench.deliver()

    (report,) = [each for each in bench.ehr.of("DiagnosticReport") if "basedOn" not in each]
    assert "entered-in-error" == report["status"]
    assert 4 == len(bench.ehr.of("Provenance"))


def test_what_was_never_there_is_not_created_to_be_wrong(bench):
    """A draft that is taken back before anybody saw it leaves no trace there."""
    message = bench.receive()
    bench.write(message, *draft(bench))
    bench.write(message, *draft(bench, "entered-in-error"), draft=False)
    bench.deliver()

    assert [S.DELIVERED] * 2 == [each.state for each in bench.all()]
    assert 1 == len(bench.ehr.of("DiagnosticReport"))


@pytest.mark.parametrize("style", ["transaction", "writes"])
def test_drafts_go_only_where_trials_showed_that_they_are_kept_apart(make, style):
    """Parked until then; afterwards preliminary there, and final when it is signed."""
    bench = make(style=style, drafts="send")
    bench.admit()
    message = bench.receive()
    bench.write(message, *draft(bench), *model(), draft=True)
    _, parked = bench.deliver()
    assert (S.PARKED, "drafts-unproven") == (parked.state, parked.reason)

    bench.proven = True
    bench.store.outbox.move(parked.id, S.PENDING, actor="user:op").result(30)
    bench.deliver()
    (report,) = [each for each in bench.ehr.of("DiagnosticReport") if "basedOn" not in each]
    assert "preliminary" == report["status"]

    sign(bench, message)
    bench.deliver()
    (report,) = [each for each in bench.ehr.of("DiagnosticReport") if "basedOn" not in each]
    assert "final" == report["status"]


class Server(Store):
    """A server that somebody has to try before drafts go there."""

    def trials(self):
        self.put("Patient", "test")
        found = proving.trials(self.server(), patient="test", run=str(uuid.uuid4()))
        return {each.kind: each.passed for each in found}


PASSED = {"Observation": True, "DiagnosticReport": True, "DocumentReference": True}


def test_a_server_that_keeps_drafts_apart_passes():
    """And nothing of the trials is left there."""
    server = Server()

    assert server.trials() == PASSED
    assert ["Patient/test"] == list(server.resources)


def test_a_server_that_makes_drafts_final_fails():
    """As US Core allows it: docStatus is not honoured."""
    server = Server()
    server._create = lambda body: server._store(
        {**body, "id": "1", **({"docStatus": "final"} if "docStatus" in body else {"status": "final"})}
    )

    assert server.trials() == dict.fromkeys(PASSED, False)


def test_a_server_that_does_not_update_fails():
    """It takes a PUT and keeps what it had."""
    server = Server()
    real = server.do

    def do(method, path, *rest):
        return (200, server.resources[path]) if method == "PUT" else real(method, path, *rest)

    server.do = do
    assert server.trials() == dict.fromkeys(PASSED, False)


def test_a_server_that_reviews_what_it_is_sent_fails():
    """202: nobody can say what becomes of a draft."""
    server = Server(held=set(PASSED))

    assert server.trials() == dict.fromkeys(PASSED, False)


def test_a_server_that_refuses_fails():
    """Its words stay there."""
    server = Server()
    server.before = lambda request: answer(403, {}) if request.method == "POST" else None

    assert server.trials() == dict.fromkeys(PASSED, False)


class Drafted:
    """A story that drafts what this module drafts, and then takes it back."""

    def __init__(self, bench):
        self._bench = bench
        self.status = "preliminary"

    def read(self, message, *, last):
        return [self]

    def file(self, connection, cabinet, *, now):
        entries = [Entry(each) for each in (*draft(self._bench, self.status), *model())]
        cabinet._scribe(connection, None, now).write(entries)


def test_a_reading_sends_its_drafts_where_they_are_wanted(make):
    """In the transaction that files them; taken back there when they are taken back here."""
    bench = make(drafts="send")
    bench.proven = True
    bench.admit()
    message = bench.receive()
    story = Drafted(bench)
    flow = replace(extraction.build_flow(bench.settings, bench.store), stories={HL7_V2: story})
    for status in ("preliminary", "entered-in-error"):
        story.status = status
        bench.store.database.write(lambda c: extractions.want(c, message)).result(30)
        assert flow.read(message.id) is None
        bench.deliver()
        (report,) = [each for each in bench.ehr.of("DiagnosticReport") if "basedOn" not in each]
        assert status == report["status"]


def test_a_reading_sends_nothing_where_drafts_are_held(make):
    """By default."""
    bench = make()
    bench.admit()
    message = bench.receive()
    flow = replace(extraction.build_flow(bench.settings, bench.store), stories={HL7_V2: Drafted(bench)})
    bench.store.database.write(lambda c: extractions.want(c, message)).result(30)
    flow.read(message.id)

    assert 1 == len(bench.deliver())
    assert 2 == len(bench.stored("DiagnosticReport"))
