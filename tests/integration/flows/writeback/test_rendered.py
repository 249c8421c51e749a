"""A report that a person signed, for destinations that read HL7 v2."""

from __future__ import annotations

import base64
import hashlib
from decimal import Decimal

import pytest

from integration.flows import convert
from integration.store.delivery_records import DeliveryFilter
from mappers.domain.channels import Channel
from tests.integration.flows.writeback.test_drafts import REPORT, SIGNED, draft, made_by, model

PDF = b"%PDF-1.4\n%%EOF\n"
WORDS = "Findings\nA small effusion.\n\nImpression\nEffusion."
SIGNER = {
    "type": "Practitioner",
    "identifier": {"system": "urn:oid:1.2.3.9", "value": "D7"},
    "display": "Dr Test",
}


def form(media_type, content):
    return {
        "contentType": media_type,
        "data": base64.b64encode(content).decode(),
        "size": len(content),
        "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
    }


@pytest.fixture
def bench(make):
    """An EHR by FHIR, a results receiver and an archive of documents by HL7 v2."""
    oru = {"kind": "folder", "path": "/nowhere", "message": "ORU_R01"}
    found = make(beside={"results": oru, "archive": {**oru, "message": "MDM_T02"}})
    found.admit()
    return found


def sign(bench, message, status="final", **more):
    finding, report = draft(bench, status)
    finding["component"] = [{"code": {"text": "side"}, "valueCodeableConcept": {"text": "left"}}]
    finding["bodySite"] = {"text": "pleura"}
    size = {"resourceType": "Observation", "id": SIGNED, "status": status, "code": {"text": "depth"}}
    size |= {"subject": finding["subject"], "valueQuantity": {"value": Decimal("12.50"), "unit": "mm"}}
    report["result"].append({"reference": f"Observation/{SIGNED}"})
    report["presentedForm"] = [
        form("text/plain; charset=utf-8", WORDS.encode()),
        form("application/pdf", PDF),
    ]
    report["issued"] = "2026-11-22T14:00:00+01:00"
    bench.write(message, finding, size, {**report, **more}, draft=False)


def sent(bench, destination):
    """Its deliveries, oldest first, each as segments of fields."""
    found = sorted(
        bench.store.outbox.list(DeliveryFilter(destination=destination)), key=lambda each: each.seq
    )
    contents = [bench.store.outbox.load(each.id).content for each in found if each.size]
    return [[line.split("|") for line in each.decode().split("\r") if line] for each in contents]


def segments(message, name):
    return [each for each in message if each[0] == name]


def test_a_signed_report_is_an_oru_with_text_results_and_pdf(bench):
    """F in OBR-25 and every OBX-11, who signed in OBR-32 and OBX-16, digits as they were, PDF in ED."""
    message = bench.receive()
    bench.write(message, *draft(bench), *model())
    sign(bench, message, resultsInterpreter=[SIGNER])
    _, signed = sent(bench, "results")

    (pid,), (obr,) = segments(signed, "PID"), segments(signed, "OBR")
    assert ("17^^^HOSP&1.2.3.1&ISO^MR", "Rossi^Giulia") == (pid[3], pid[5])
    assert ("F", "D7&Dr Test") == (obr[25], obr[32][:10])
    text, finding, depth, pdf = segments(signed, "OBX")
    assert ("TX", WORDS.replace("\n", "~")) == (text[2], text[5])
    assert ("ST", "Effusion.", "pleura") == (finding[2], finding[5], finding[20].strip("^"))
    assert ("NM", "12.50", "mm") == (depth[2], depth[5], depth[6])
    assert ("ED", base64.b64encode(PDF).decode()) == (pdf[2], pdf[5].rpartition("^")[2])
    assert ["F"] * 4 == [each[11] for each in (text, finding, depth, pdf)]
    assert all(each[16].startswith("D7^Dr Test") for each in (text, finding, depth))
    (note,) = segments(signed, "NTE")
    assert "side: left" == note[3]
    assert "20261122140000+0100" == segments(signed, "MSH")[0][6]


def test_a_signed_report_is_a_document_in_an_mdm(bench):
    """Its words once, its PDF, authenticated."""
    message = bench.receive()
    sign(bench, message, resultsInterpreter=[SIGNER])
    _, signed = sent(bench, "archive")
    (txa,) = segments(signed, "TXA")
    text, pdf = segments(signed, "OBX")

    assert ("AU", REPORT) == (txa[17], txa[12].partition("^")[0])
    assert WORDS.replace("\n", "~") in text[5]
    assert 1 == text[5].count("small effusion")
    assert pdf[5].endswith(base64.b64encode(PDF).decode())


def test_who_signed_may_stand_in_the_provenance_alone(bench):
    """The verifier's."""
    message = bench.receive()
    finding, report = draft(bench, "final")
    signer = made_by(SIGNED, {"display": "Dr Other"}, f"DiagnosticReport/{REPORT}", kind="verifier")
    bench.write(message, finding, report, signer, draft=False)
    _, signed = sent(bench, "results")

    assert "Dr Other" in segments(signed, "OBR")[0][32]


def test_what_is_taken_back_is_sent_as_wrong(bench):
    """OBX-11 W, the last word of that report."""
    message = bench.receive()
    sign(bench, message)
    sign(bench, message, "entered-in-error")
    *_, gone = sent(bench, "results")

    assert {"W"} == {each[11] for each in segments(gone, "OBX")}


def test_an_unsigned_finding_is_not_rendered(bench):
    """The report names it; nobody signed it."""
    message = bench.receive()
    bench.write(message, *draft(bench))
    _, report = draft(bench)
    bench.write(message, {**report, "status": "final", "conclusion": "Signed words."}, draft=False)
    _, signed = sent(bench, "results")

    assert ["Signed words."] == [each[5] for each in segments(signed, "OBX")]


def test_a_report_about_nobody_is_for_a_human(bench):
    """No message without a patient leaves."""
    message = bench.receive()
    finding, report = draft(bench, "final")
    nobody = [
        {name: value for name, value in each.items() if name != "subject"} for each in (finding, report)
    ]
    bench.write(message, *nobody, draft=False)
    found = bench.store.outbox.list(DeliveryFilter(destination="results"))

    assert ("parked", "unwritable", "DiagnosticReport.subject") in [
        (each.state.value, each.reason, each.response) for each in found
    ]


def test_what_is_written_reads_again(bench):
    """By our own reader of HL7 v2: the same words, digits and bytes."""
    message = bench.receive()
    sign(bench, message, resultsInterpreter=[SIGNER])
    found = max(bench.store.outbox.list(DeliveryFilter(destination="results")), key=lambda each: each.seq)
    raw = bench.store.outbox.load(found.id).content
    (whole,) = convert.reports_of(raw, channel=Channel("archive"))
    (report,) = whole.reports

    assert "final" == report.status
    assert [WORDS, "Effusion.", "12.50"] == [
        getattr(each.value, "value", each.value) for each in report.measurements
    ]
    assert [PDF] == [each.attachments[0].content for each in whole.documents]
