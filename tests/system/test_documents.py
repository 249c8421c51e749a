"""An ORU with a PDF, from a client that is not ours: the sender's results final, ours a draft beside them."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.request
from typing import Any

import hl7.client
import pytest

from mappers.fhir import r4
from mappers.fhir.places import EXTRACTED_FROM
from tests.support.demo_document import PATIENT, RESULTS, message, pdf
from tests.support.serving import Serving, serving, wait_for

pytestmark = pytest.mark.system
PDF = pdf()
FERRITIN = "http://loinc.org|2276-4"
KINDS = ("Observation", "DiagnosticReport", "DocumentReference", "Device", "Provenance", "Task")


@pytest.fixture
def running(tmp_path):
    """A Wardwire of its own for each test."""
    with serving(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """A Wardwire that was sent the document, and has read it."""
    with serving(tmp_path_factory.mktemp("sent")) as started:
        send(started, message(PDF))
        drafted(started)
        yield started


def send(running: Serving, raw: bytes) -> None:
    with hl7.client.MLLPClient("127.0.0.1", running.mllp_port) as client:
        assert "MSA|AA|" in client.send_message(raw).decode()


def found(running: Serving, query: str) -> list[Any]:
    """The resources of a search; numbers as they were written."""
    with urllib.request.urlopen(f"{running.base}/fhir/{query}", timeout=20) as answer:
        bundle = json.loads(answer.read(), parse_float=str)
    return [entry["resource"] for entry in bundle.get("entry", [])]


def drafted(running: Serving) -> list[Any]:
    """The draft reports, waited for."""
    return wait_for(lambda: found(running, "DiagnosticReport?status=preliminary"), seconds=60, what="a draft")


def statuses(running: Serving, query: str) -> dict[str, str]:
    return {each["code"]["text"]: each["status"] for each in found(running, query)}


def places(running: Serving, reference: str) -> list[dict[str, Any]]:
    """Where an Observation stands, as its Provenances say."""
    return [
        {
            part["url"]: next(value for name, value in part.items() if name != "url")
            for part in each["extension"]
        }
        for provenance in found(running, f"Provenance?target={reference}")
        for target in provenance["target"]
        if target["reference"] == reference
        for each in target.get("extension", ())
        if each["url"] == EXTRACTED_FROM
    ]


def test_the_sender_s_results_and_the_draft_stand_apart(sent):
    """One final report with what was sent, one preliminary with what was read; neither holds the other's."""
    (draft,) = drafted(sent)
    (final,) = found(sent, "DiagnosticReport?status=final")
    mine = {each["reference"] for each in draft["result"]}
    theirs = {each["reference"] for each in final["result"]}
    assert (len(RESULTS), 1, set()) == (len(mine), len(theirs), mine & theirs)
    values = {
        (each["code"]["text"], each["valueQuantity"]["value"], each["status"])
        for each in found(sent, "Observation?status=preliminary")
    }
    # Whole numbers come as numbers, the others as they were written.
    assert {(name, value, "preliminary") for name, value, *_ in RESULTS} == {
        (name, str(value), status) for name, value, status in values
    }
    assert draft["subject"] == final["subject"]
    assert draft["basedOn"] == final["basedOn"]


def test_the_document_is_there_byte_for_byte(sent):
    """The bytes that were sent, their SHA-1 and size, found by the patient and by status."""
    (draft,) = drafted(sent)
    (document,) = [
        each
        for each in found(sent, f"DocumentReference?patient={draft['subject']['reference']}&status=current")
        if each["docStatus"] == "final"  # the draft's own note is preliminary
    ]
    attachment = document["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]) == PDF
    assert ("application/pdf", len(PDF), base64.b64encode(hashlib.sha1(PDF).digest()).decode()) == (
        attachment["contentType"], attachment["size"], attachment["hash"],
    )  # fmt: skip


def test_every_value_can_be_found_on_its_page(sent):
    """Each extracted Observation's Provenance names page and box, and the words in that box are the value."""
    for each in found(sent, "Observation?status=preliminary"):
        stands = places(sent, f"Observation/{each['id']}")
        (place,) = [one for one in stands if one["holds"] == "value"]
        assert (1, "pt") == (place["page"], place["unit"])
        box = tuple(float(place[edge]) for edge in ("x0", "top", "x1", "bottom"))
        assert words_in(box) == str(each["valueQuantity"]["value"])


def words_in(box: tuple[float, float, float, float]) -> str:
    """What stands in a box of the page, by a reader that is not ours."""
    import io

    import pdfplumber

    with pdfplumber.open(io.BytesIO(PDF)) as document:
        x0, top, x1, bottom = box
        page = document.pages[0].crop((x0 - 1, top - 1, x1 + 1, bottom + 1))
        return (page.extract_text() or "").strip()


def test_a_person_is_asked(sent):
    """A Task about the draft, found by status, patient and focus; it says that one result agrees."""
    (draft,) = drafted(sent)
    about = f"DiagnosticReport/{draft['id']}"
    (task,) = found(sent, f"Task?status=requested&patient={draft['subject']['reference']}&focus={about}")
    said = [each["valueString"] for each in task["input"]]
    assert "1 result agrees with what the sender sent" in said
    assert "4 results were read off a document and nobody has looked at them" in said
    assert ("proposal", about) == (task["intent"], task["focus"]["reference"])


def test_everything_is_valid_r4(sent):
    """Every resource of the store, as it is served."""
    for kind in KINDS:
        with urllib.request.urlopen(f"{sent.base}/fhir/{kind}", timeout=20) as answer:
            entries = r4.decode(answer.read())["entry"]
        assert [] == [issue for entry in entries for issue in r4.validate(entry["resource"])]


def test_a_disagreement_is_said_and_the_sender_s_number_stands(running):
    """Both numbers stay as they are; the Task asks."""
    send(running, message(PDF, tsh="2.14"))
    drafted(running)
    (task,) = found(running, "Task?status=requested")
    assert "1 result differs from what the sender sent" in task["description"]
    values = {
        each["status"]: each["valueQuantity"]["value"] for each in found(running, "Observation?code=3016-3")
    }
    assert {"final": "2.14", "preliminary": "2.41"} == values


def test_a_page_about_somebody_else_writes_nothing(running):
    """Only a Task about the document."""
    other = pdf(patient=(("Patient", "ROSSI, Giulia"), ("Date of birth", "1951-03-14"), PATIENT[2]))
    send(running, message(other))
    (task,) = wait_for(lambda: found(running, "Task"), seconds=60, what="a Task")
    (document,) = found(running, "DocumentReference")
    assert f"DocumentReference/{document['id']}" == task["focus"]["reference"]
    assert "another patient or order" in task["description"]
    assert [] == found(running, "Observation?status=preliminary")
    assert "1951" not in json.dumps(task)


def test_a_withdrawn_document_takes_its_drafts_with_it(running):
    """OBX-11 D: entered in error, the Task cancelled, a Provenance says why; the sender's result stands."""
    send(running, message(PDF))
    drafted(running)
    send(running, message(b"", control_id="DEMO-0007", status="D", sent_at="20261122120000"))
    wait_for(lambda: not found(running, "DiagnosticReport?status=preliminary"), seconds=60, what="retraction")
    assert {"entered-in-error"} == set(statuses(running, "DiagnosticReport?status=entered-in-error").values())
    assert len(RESULTS) == len(found(running, "Observation?status=entered-in-error"))
    (task,) = found(running, "Task")
    assert "cancelled" == task["status"]
    (why,) = [each for each in found(running, f"Provenance?target=Task/{task['id']}") if "reason" in each]
    assert "the sender withdrew the document" == why["reason"][0]["text"]
    assert 1 == len(found(running, "Observation?status=final"))


def test_a_corrected_document_replaces_its_drafts(running):
    """OBX-11 C with other bytes: the old reading is entered in error, the new one stands."""
    send(running, message(PDF))
    drafted(running)
    corrected = pdf((*RESULTS[:2], ("Ferritin", "90", "ng/mL", "15 - 150", ""), RESULTS[3]))
    send(running, message(corrected, control_id="DEMO-0008", status="C", sent_at="20261122130000"))

    def ferritins():
        return {
            each["status"]: each["valueQuantity"]["value"]
            for each in found(running, f"Observation?code={FERRITIN}")
        }

    wait_for(lambda: len(ferritins()) == 2, seconds=60, what="a second reading")
    assert {"entered-in-error": 9, "preliminary": 90} == ferritins()
    assert 1 == len(found(running, "DiagnosticReport?status=preliminary"))


def test_nothing_of_the_page_is_in_the_logs(sent):
    """Neither names nor numbers nor results."""
    told = sent.log.read_text()
    assert not [word for word in ("ROSSI", "Rossi", "WW-100417", "FL-8803", "2.41", "1971") if word in told]
