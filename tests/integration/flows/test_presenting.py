"""Reports as people read them, beside the facts: the same bytes in both places."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from integration.flows.presenting import present
from mappers.domain.sheet import Signed
from mappers.fhir import presented, r4, report_sheet
from mappers.fhir.labels import labelled
from mappers.fhir.result_bundle import Entry
from tests.mappers.paper.sheets import picture

PATIENT = {
    "resourceType": "Patient", "id": "p1", "name": [{"family": "Rossi", "given": ["Maria"]}],
    "birthDate": "1971-03-14", "identifier": [{"value": "WW-1", "type": {"text": "MRN"}}],
}  # fmt: skip
OBSERVATION = {
    "resourceType": "Observation", "id": "o1", "status": "preliminary", "code": {"text": "Ferritin"},
    "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2026-11-22",
    "valueQuantity": {"value": r4.decode(b'{"v":5.50}')["v"], "unit": "ng/mL", "comparator": "<"},
}  # fmt: skip
REPORT = {
    "resourceType": "DiagnosticReport", "id": "r1", "status": "preliminary",
    "category": [{"coding": [{"system": "http://loinc.org", "code": "LP29684-5"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "36643-5"}], "text": "Chest radiograph"},
    "subject": {"reference": "Patient/p1"}, "issued": "2026-11-22T08:00:00Z",
    "effectiveDateTime": "2026-11-22", "result": [{"reference": "Observation/o1"}],
    "conclusion": "No pneumothorax.\n\nLeft basal opacity.",
}  # fmt: skip
PROVENANCE = {
    "resourceType": "Provenance", "id": "v1", "target": [{"reference": "DiagnosticReport/r1"}],
    "recorded": "2026-11-22T08:00:00Z", "agent": [{"who": {"reference": "Device/d1"}}],
}  # fmt: skip
DEVICE = {
    "resourceType": "Device", "id": "d1", "deviceName": [{"name": "toy", "type": "model-name"}],
    "type": {"coding": [{"code": "Artificial-Intelligence", "system": "http://x.example/y"}]},
}  # fmt: skip


def drafted(report=REPORT):
    """The entries of a draft."""
    return [Entry(each) for each in (DEVICE, OBSERVATION, report, PROVENANCE)]


def of(entries, kind):
    """The only resource of a type."""
    (found,) = [entry.resource for entry in entries if entry.resource["resourceType"] == kind]
    return found


def words(resource):
    """The plain text of its rendering."""
    return base64.b64decode(resource["presentedForm"][0]["data"]).decode()


def test_the_note_has_the_same_bytes():
    """Attachment for attachment: type, data, size, hash."""
    entries = present(drafted(), context=[PATIENT])
    report, note = of(entries, "DiagnosticReport"), of(entries, "DocumentReference")
    assert report["presentedForm"] == [each["attachment"] for each in note["content"]]
    assert ["text/plain; charset=utf-8", "application/pdf"] == [
        form["contentType"] for form in report["presentedForm"]
    ]
    for form in report["presentedForm"]:
        data = base64.b64decode(form["data"])
        assert base64.b64encode(hashlib.sha1(data).digest()).decode() == form["hash"]
        assert len(data) == form["size"]


def test_everything_is_valid():
    """And the note is a clinical note of US Core 9 about the report."""
    entries = present(drafted(), context=[PATIENT], pictures={"a": picture()})
    assert [] == [issue for entry in entries for issue in r4.validate(entry.resource)]
    note = of(entries, "DocumentReference")
    assert ("current", "preliminary", "18748-4", "clinical-note") == (
        note["status"], note["docStatus"], note["type"]["coding"][0]["code"],
        note["category"][0]["coding"][0]["code"],
    )  # fmt: skip
    assert [{"reference": "DiagnosticReport/r1"}] == note["context"]["related"]
    assert [{"reference": "Device/d1"}] == note["author"]


def test_the_page_says_whose_it_is():
    """Patient, numbers, result digit for digit."""
    text = words(of(present(drafted(), context=[PATIENT]), "DiagnosticReport"))
    for said in ("Rossi, Maria", "WW-1 (MRN)", "<5.50 ng/mL", "No pneumothorax.", "Left basal opacity."):
        assert said in text


def test_rendering_again_changes_nothing():
    """The same entries, rendered twice."""
    once = present(drafted(), context=[PATIENT], pictures={"a": picture()})
    assert once == present(once, context=[PATIENT])


def test_pictures_are_filed_so_that_they_can_be_drawn_again():
    """As Media with their boxes; the report links to them."""
    entries = present(drafted(), context=[PATIENT], pictures={"a": picture()})
    media = of(entries, "Media")
    sheet = report_sheet.read(of(entries, "DiagnosticReport"), {f"Media/{media['id']}": media})
    assert [picture()] == list(sheet.pictures)
    kinds = [entry.resource["resourceType"] for entry in entries]
    assert kinds.index("Media") < kinds.index("DiagnosticReport")


def test_provenance_covers_the_rendering():
    """Who wrote the report wrote the note."""
    entries = present(drafted())
    targets = [each["reference"] for each in of(entries, "Provenance")["target"]]
    assert ["DiagnosticReport/r1", f"DocumentReference/{of(entries, 'DocumentReference')['id']}"] == targets


@pytest.mark.parametrize(
    ("status", "doc_status", "stage"),
    [
        ("final", "final", "Signed"),
        ("amended", "amended", "Amended"),
        ("entered-in-error", "entered-in-error", "WITHDRAWN"),
    ],
)
def test_the_status_shows(status, doc_status, stage):
    """In the note's metadata and on the page."""
    entries = present(
        drafted({**REPORT, "status": status}),
        signatures=[Signed("Dr Ada Rossi", "2026-11-29 19:03:12 UTC", "reviewed and approved")],
        signer={"display": "Dr Ada Rossi"},
    )
    assert doc_status == of(entries, "DocumentReference")["docStatus"]
    text = words(of(entries, "DiagnosticReport"))
    assert stage in text
    assert "DRAFT" not in text


def test_what_a_model_said_is_told():
    """In the head of the page, with its name."""
    text = words(of(present(drafted(labelled(REPORT))), "DiagnosticReport"))
    assert "written by artificial intelligence (toy)" in " ".join(text.split())


def test_a_name_that_cannot_be_drawn_leaves_the_text():
    """No PDF with a letter replaced."""
    someone = {**PATIENT, "name": [{"text": "王小明"}]}
    report = of(present(drafted(), context=[someone]), "DiagnosticReport")
    assert ["text/plain; charset=utf-8"] == [form["contentType"] for form in report["presentedForm"]]
    assert "王小明" in words(report)


def test_pictures_that_weigh_too_much_stay_out_of_the_pdf(monkeypatch):
    """The first ones stay, the text names all."""
    import integration.flows.presenting as module

    one = present(drafted(), pictures={"a": picture()})
    size = of(one, "DiagnosticReport")["presentedForm"][1]["size"]
    monkeypatch.setattr(module, "_MOST_PDF_BYTES", size + 40)
    two = present(drafted(), pictures={"a": picture(), "b": replace(picture(), caption="Lateral view")})
    report = of(two, "DiagnosticReport")
    assert size + 40 >= report["presentedForm"][1]["size"]
    assert "Lateral view" in words(report)


def test_no_report_no_rendering():
    """A question to a person stays as it is."""
    entries = (Entry(DEVICE), Entry(PROVENANCE))
    assert entries == present(entries)


def test_which_note_is_ours():
    """A sender's document about the same report is none."""
    note = of(present(drafted()), "DocumentReference")
    assert presented.is_presented(note)
    assert not presented.is_presented({**note, "id": "another"})
