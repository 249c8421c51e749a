"""What models judged, signed and amended by a person: radiographs with boxes and sections, dictations."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from integration.flows.presenting import present
from integration.flows.review_acts import Amendment
from integration.flows.review_case import Kind, sections
from integration.web.review import view
from integration.wiring import stores
from mappers.fhir import r4
from mappers.fhir.labels import is_model, is_person
from mappers.fhir.result_bundle import Entry
from tests.mappers.fhir import judged
from tests.mappers.fhir.test_judged_bundle import made
from tests.mappers.paper.sheets import picture
from tests.support.reviewing import desk_in

STUDY = {
    "resourceType": "ImagingStudy", "id": "i1", "status": "available", "subject": {"reference": "Patient/p1"},
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}],
}  # fmt: skip
RECORDING = {
    "resourceType": "DocumentReference", "id": "d1", "status": "current", "docStatus": "final",
    "content": [{"attachment": {"contentType": "audio/wav", "data": base64.b64encode(b"RIFF\x00\x00\x00\x00WAVE").decode()}}],
}  # fmt: skip
XRAY = replace(picture(), columns=1955, rows=1841, marks=(), caption="Chest PA")


def filed(desk, report, document, source):
    """A judged draft in the store, as the reading files it."""
    bundle = made(report, document=document)
    entries = present(bundle.entries, pictures={judged.SOP: XRAY} if document.startswith("Imaging") else {})
    desk.bench.store.database.write(
        lambda connection: desk.bench.store.results.write(
            connection, [Entry(source), *entries], message_id=None, now=stores.now()
        )
    ).result(30)
    return desk.only()


@pytest.fixture
def desk(tmp_path):
    """An empty one."""
    with desk_in(tmp_path) as made_:
        yield made_


def radiograph(desk):
    report = judged.radiograph(judged.EFFUSION_FOUND, judged.NO_PNEUMOTHORAX, judged.NODULES)
    return filed(desk, report, "ImagingStudy/i1", STUDY)


def test_a_radiograph_is_shown_with_its_boxes(desk):
    """Findings with side and absence, the regions of one with several, the picture with frames, the study."""
    case = radiograph(desk)
    page = view.page(case)
    assert (Kind.DRAFT, True) == (case.kind, page.by_model)
    said = {each.row.name: each.row.result for each in page.results}
    assert ("Present", "Absent") == (said["Pleural effusion"], said["Pneumothorax"])
    assert [True] == [each.is_negative for each in page.results if each.row.name == "Pneumothorax"]
    effusion = next(each for each in page.results if each.row.name == "Pleural effusion")
    assert ("left", "side") in effusion.detail
    assert 1 == [each.row.name for each in page.results].count("Nodules")
    assert 3 == [each.resource["code"]["text"] for each in case.results].count("Nodules")
    assert ["elsewhere"] == [each.kind for each in page.sources]
    ((box, is_value), *_) = view.regions(case.pictures[0])
    assert is_value
    assert pytest.approx(100 * 40 / 1955) == box[0]


def test_a_radiograph_is_signed_whole(desk):
    """Members too; the picture is drawn again in the signed PDF; labels stay."""
    case = radiograph(desk)
    desk.sign(case)
    assert {"final"} == {
        each["status"] for kind in ("DiagnosticReport", "Observation") for each in desk.bench.all(kind)
    }
    (report,) = desk.bench.all("DiagnosticReport")
    assert is_model(report)
    words = base64.b64decode(report["presentedForm"][0]["data"]).decode()
    assert "Picture 1 (in the PDF): Chest PA" in words
    assert "marked: Pleural effusion" in words
    assert "artificial intelligence" in words
    for kind in ("DiagnosticReport", "Observation", "DocumentReference", "Task", "Provenance", "Media"):
        assert [] == [issue for each in desk.bench.all(kind) for issue in r4.validate(each)]


def test_an_impression_is_worded_by_a_person(desk):
    """Section, conclusion and page say the same; the person's label is there."""
    case = radiograph(desk)
    desk.reviews.amend(
        case.task.reference,
        desk.decision(case, "not seen by me"),
        Amendment(words={"impression": "No effusion on the right."}),
    )
    case = desk.only()
    report = case.focus.resource
    told = {title: [text for text, _ in sentences] for title, sentences in sections(report)}
    assert ["No effusion on the right."] == told["Impression"]
    assert "No effusion on the right." == report["conclusion"]
    assert is_person(report)
    desk.sign(case)


def test_a_dictation_is_signed_with_its_transcript(desk):
    """Report and transcript are final together; the recording is beside them."""
    case = filed(desk, judged.dictation(), "DocumentReference/d1", RECORDING)
    page = view.page(case)
    assert ["audio"] == [each.kind for each in page.sources]
    assert any(spot.spoken for _, told in page.sections for each in told for spot in each.spots) or page.words
    desk.sign(case)
    notes = {each["id"]: each["docStatus"] for each in desk.bench.all("DocumentReference")}
    assert {"final"} == set(notes.values())
    assert len(notes) >= 2


def test_what_was_not_read_is_a_question(desk):
    """Closed with a reason."""
    case = filed(desk, judged.unread(), "ImagingStudy/i1", STUDY)
    assert Kind.QUESTION is case.kind
    desk.reviews.reject(case.task.reference, desk.decision(case, "read elsewhere"))
    assert () == desk.reviews.waiting()
