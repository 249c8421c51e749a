"""Single pictures: a Media, and an attachment of a message; who reads them, and whose they are."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from integration.flows.routing import ReadingRule
from integration.store.records import Arrival
from integration.wiring import stores
from mappers.fhir import media
from tests.support import dicom_files as files
from tests.support.pacs import BOXES, FORM, Radiology

DCM = "http://dicom.nema.org/resources/ontology/DCM"
ORU = (
    "MSH|^~\\&|CAM|HOSP|WW|HOSP|20261122080000||ORU^R01^ORU_R01|E-1|P|2.5.1\r"
    "PID|1||MRN-1^^^HOSP&1.2.3&ISO^MR||Phantom^Test||19700101|F\r"
    "OBR|1||FL-9^CAM|36643-5^XR Chest 2 Views^LN|||20261122075000|||||||||||||||||RAD|F\r"
    "OBX|1|ED|18748-4^Diagnostic imaging study^LN||CAM^IM^{kind}^Base64^{data}||||||F\r"
)


def png(width=90, height=60) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(stream, "PNG")
    return stream.getvalue()


def picture(shot: bytes, **more):
    """A Media as a server has it."""
    data = base64.b64encode(shot).decode()
    return {
        "resourceType": "Media",
        "id": "m1",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "modality": {"coding": [{"system": DCM, "code": "CR"}]},
        "bodySite": {"text": "Chest"},
        "view": {"coding": [{"display": "PA"}]},
        "content": {"contentType": "image/png", "data": data},
    } | more


@pytest.fixture
def radiology(tmp_path):
    made = Radiology(tmp_path)
    yield made
    made.close()


def sent(radiology, content: bytes, kind: str) -> None:
    """An ORU with the picture as ED."""
    raw = ORU.format(kind=kind, data=base64.b64encode(content).decode()).encode()
    arrival = Arrival(
        channel="ehr",
        peer="cam",
        raw=raw,
        received_at=stores.now(),
        control_id="E-1",
        trigger="ORU^R01^ORU_R01",
    )
    radiology.feed.store.inbox.submit(arrival).result(30)
    radiology.feed.work()


def drafts(radiology):
    return [each for each in radiology.feed.all("DiagnosticReport") if each["status"] == "preliminary"]


def test_a_picture_with_its_modality_becomes_a_draft(radiology):
    """Modality, body site and view of the Media select the task; boxes are in its own pixels."""
    radiology.feed.changed(picture(png()))
    (report,) = drafts(radiology)
    held = next(each for each in radiology.feed.all("Media") if each.get("bodySite"))
    (found,) = [each for each in radiology.feed.all("Observation") if each["code"]["text"] == "opacity"]
    components = {each["code"]["coding"][0]["code"]: each for each in found["component"]}

    assert {"reference": f"Media/{held['id']}"} in [each["link"] for each in report["media"]]
    # 90 x 60 in a square of 90: 15 rows above and below.
    assert ["18", "12", "36", "30"] == [
        f"{float(components[name]['valueQuantity']['value']):g}" for name in ("x0", "y0", "x1", "y1")
    ]


def test_a_picture_of_which_nobody_says_what_it_shows_is_asked_about(radiology):
    """A coded reason on a Task, never a guess."""
    radiology.feed.changed(picture(png(), modality=None, bodySite=None, view=None))

    assert ["not read: content-unknown"] == radiology.reasons()
    assert [] == radiology.model.calls


def test_a_route_can_name_the_task(radiology):
    """By content type, where the feed says no more."""
    radiology.rewire(rules=(ReadingRule(message_type="Media", content_type="image/*", task="radiograph"),))
    radiology.feed.changed(picture(png(), modality=None, bodySite=None, view=None))

    assert 1 == len(drafts(radiology))


def test_dicom_in_a_media_is_compared_with_its_patient(radiology):
    """Another patient's object is not read; the Media's own is."""
    kind = {"contentType": "application/dicom"}
    other = base64.b64encode(files.image(PatientID="MRN-2")).decode()
    radiology.feed.changed(picture(b"", content={**kind, "data": other}))
    refused = radiology.reasons()
    own = base64.b64encode(files.image(PatientSex="F")).decode()
    radiology.feed.changed(picture(b"", id="m2", content={**kind, "data": own}))

    assert ["not read: the image names another patient than the record: nothing of it was read"] == refused
    assert 1 == len(drafts(radiology))


@pytest.mark.parametrize("content", [b"no picture at all", png()[:60]], ids=["text", "torn"])
def test_what_is_no_picture_is_told(radiology, content):
    """A Task that says why; nothing is asked of a model."""
    radiology.feed.changed(picture(content))

    assert radiology.reasons()
    assert [] == radiology.model.calls


def test_a_media_in_error_takes_its_draft_along(radiology):
    """Entered in error there, entered in error here."""
    radiology.feed.changed(picture(png()))
    radiology.feed.changed(picture(png(), status="entered-in-error"))

    assert [] == drafts(radiology)


def test_a_dicom_object_in_a_message_is_read(tmp_path):
    """OBX ED of a radiology report: the draft stands beside the sender's own report."""
    radiology = Radiology(tmp_path, script=[FORM, BOXES])
    sent(radiology, files.image(PatientSex="F"), "DICOM")
    (draft,) = drafts(radiology)
    (own,) = [each for each in radiology.feed.all("DiagnosticReport") if each["status"] == "final"]

    assert own["subject"] == draft["subject"]
    assert "opacity" in {each["code"]["text"] for each in radiology.feed.all("Observation")}
    radiology.close()


def test_another_patient_s_object_in_a_message_is_not_read(radiology):
    """Whoever put it there."""
    sent(radiology, files.image(PatientID="MRN-2"), "DICOM")

    assert [] == drafts(radiology)
    assert any("another patient" in each for each in radiology.reasons())


def test_a_photograph_in_a_message_needs_a_route(radiology):
    """Without one it is kept as the document that it is; with one it is read."""
    sent(radiology, png(), "PNG")
    before = (drafts(radiology), radiology.reasons())

    assert ([], []) == before
    assert [] == radiology.model.calls


def test_words_for_body_sites_are_those_of_dicom():
    """Text, display or code; what contradicts itself says nothing."""
    said = media.read(picture(png(), bodySite={"coding": [{"display": "Knee"}]}), reference="Media/1")
    both = media.read(
        picture(png(), bodySite={"text": "knee", "coding": [{"display": "Hip"}]}), reference="Media/1"
    )

    assert ("KNEE", "PA", "CR", "") == (said.body_part, said.view_position, said.modality, both.body_part)
