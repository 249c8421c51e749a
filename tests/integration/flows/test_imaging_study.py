"""The story of an ImagingStudy: from a notification to a draft with boxes, or to the reason why there is none."""

from __future__ import annotations

import base64
import json

import pytest

from integration.flows.imaging_ports import Settling
from integration.flows.routing import ReadingRule
from integration.store.records import Arrival
from integration.wiring import stores
from tests.support import dicom_files as files
from tests.support.fhir_feed import BASE
from tests.support.pacs import ACSN, BOXES, COMPARED, FORM, MR, Radiology

ORDER = {
    "resourceType": "ServiceRequest",
    "id": "r1",
    "status": "active",
    "intent": "order",
    "identifier": [{"type": ACSN, "value": "ACC-1"}],
    "reasonCode": [{"text": "cough for two weeks"}],
    "subject": {"reference": "Patient/p1"},
}
ORM = (
    "MSH|^~\\&|RIS|HOSP|WW|HOSP|20261122080000||OMI^O23^OMI_O23|O-1|P|2.5.1\r"
    "PID|1||MRN-1^^^HOSP&1.2.3&ISO^MR||Phantom^Test||19700101|F\r"
    "ORC|NW|PL-1^RIS|FL-1^RIS\r"
    "OBR|1|PL-1^RIS|FL-1^RIS|36643-5^XR Chest 2 Views^LN|||||||||||||||||||||||||||^cough for two weeks\r"
    "IPC|ACC-1|RP-1|{study}|SP-1|CR\r"
)


@pytest.fixture
def radiology(tmp_path):
    made = Radiology(tmp_path)
    made.pacs.has()
    yield made
    made.close()


def order(radiology, text=ORM):
    raw = text.format(study=files.STUDY).encode()
    arrival = Arrival(
        channel="ehr",
        peer="ris",
        raw=raw,
        received_at=stores.now(),
        control_id="O-1",
        trigger="OMI^O23^OMI_O23",
    )
    radiology.feed.store.inbox.submit(arrival).result(30)
    radiology.feed.work()


def only_draft(radiology):
    (report,) = radiology.feed.all("DiagnosticReport")
    return report


def test_a_study_becomes_a_draft_with_boxes(radiology):
    """Sections, findings with presence and side, boxes in source pixels, the page with the picture."""
    radiology.arrives()
    report = only_draft(radiology)
    study = radiology.feed.only("ImagingStudy")
    found = {each["code"]["text"]: each for each in radiology.feed.all("Observation")}

    assert "preliminary" == report["status"]
    assert [{"reference": f"ImagingStudy/{study['id']}"}] == report["imagingStudy"]
    assert study["subject"] == report["subject"]
    assert {"text/plain; charset=utf-8", "application/pdf"} == {
        each["contentType"] for each in report["presentedForm"]
    }
    assert {"opacity", "pneumothorax"} == set(found)
    components = {each["code"]["coding"][0]["code"]: each for each in found["opacity"]["component"]}
    edges = {
        name: each["valueQuantity"]["value"] for name, each in components.items() if "valueQuantity" in each
    }
    # 64 x 40 padded to 64 x 64: 12 rows above and below.
    assert ["12.8", "7.2", "25.6", "20"] == [f"{float(edges[name]):g}" for name in ("x0", "y0", "x1", "y1")]
    assert "2026-11-22" == report["effectiveDateTime"]


def test_its_provenance_names_the_instances_by_uid_and_hash(radiology):
    """What the draft was made from, byte by byte."""
    radiology.arrives()
    provenance = next(
        each
        for each in radiology.feed.all("Provenance")
        if "judged" in each.get("activity", {}).get("text", "")
    )
    used = [each["what"] for each in provenance["entity"] if "identifier" in each["what"]]
    (image,) = [each for each in used if each["identifier"].get("value") == f"urn:oid:{files.SOP}"]

    assert image["extension"][0]["valueUri"].startswith("ni:///sha-256;")
    assert "0..4095 to 0..255" in image["display"]


def test_the_picture_goes_with_the_report(radiology):
    """As Media, for whoever shows the draft; the original stays at its server."""
    radiology.arrives()
    report = only_draft(radiology)
    (link,) = report["media"]
    picture = next(
        each for each in radiology.feed.all("Media") if link["link"]["reference"].endswith(each["id"])
    )

    assert base64.b64decode(picture["content"]["data"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "header",
    [
        {"PatientID": "MRN-2"},
        {"PatientBirthDate": "19700102"},
        {"AccessionNumber": "ACC-9"},
        {"PatientID": None},
    ],
    ids=["another patient", "another birth date", "another order", "no patient"],
)
def test_an_image_of_another_patient_is_not_read(tmp_path, header, caplog):
    """Loudly: a Task with the place of the contradiction, an error in the log, no word of a model."""
    radiology = Radiology(tmp_path)
    radiology.pacs.has(**header)
    radiology.arrives()
    (task,) = radiology.feed.all("Task")

    assert [] == radiology.feed.all("DiagnosticReport") == radiology.feed.all("Observation")
    assert "another patient, study or order" in task["description"]
    assert any("issue" == each["type"]["coding"][0]["code"] for each in task["input"])
    assert [] == radiology.model.calls
    assert "MRN-2" not in json.dumps(task)
    radiology.close()


def test_one_wrong_image_stops_the_whole_study(radiology):
    """Two images, one of them of somebody else."""
    radiology.pacs.has(SOPInstanceUID=f"{files.SOP}.2", PatientID="MRN-2", InstanceNumber=2)
    radiology.arrives(numberOfInstances=2)

    assert [] == radiology.feed.all("DiagnosticReport")
    assert [] == radiology.model.calls


def test_a_study_of_nobody_on_file_is_not_read(radiology):
    """Without the Patient nothing says whose the images should be."""
    del radiology.feed.server.resources["Patient/p1"]
    radiology.arrives()

    assert "patient is not on file" in radiology.reasons()[0]
    assert [] == radiology.pacs.fetched


def test_images_that_still_arrive_are_waited_for(radiology):
    """`available` may come early: counts have to stand, and not be below what the study says."""
    radiology.looked.settling = [Settling(0.0, 0.0), Settling(60.0, 60.0), Settling(60.0, 120.0)]
    radiology.arrives(numberOfInstances=2)
    message = radiology.feed.messages()[0].id
    first = radiology.feed.reading.read(message)
    radiology.pacs.has(SOPInstanceUID=f"{files.SOP}.2", InstanceNumber=2)
    waited = (radiology.feed.all("Task"), radiology.feed.state_of_reading(message)[0])
    second = radiology.feed.reading.read(message)

    assert ([], "received") == waited
    assert not first.in_order
    assert None is second
    assert [1, 1, 2] == radiology.looked.counts
    assert "2 of 2 images" in json.dumps(only_draft(radiology))


def test_a_study_that_never_becomes_whole_is_told(radiology):
    """After its time somebody has to look."""
    radiology.looked.settling = [Settling(1800.0, 1800.0)]
    radiology.arrives(numberOfInstances=5)

    assert "1 of 5 images" in radiology.reasons()[0]
    assert [] == radiology.pacs.fetched


def test_looks_are_remembered_and_count_as_no_attempt(radiology):
    """A number that changes begins anew; how long was waited in all does not."""
    radiology.looked.settling = [Settling(0.0, 0.0)]
    radiology.arrives()
    message = radiology.feed.messages()[0].id
    readings = radiology.feed.reading.readings
    readings.begin(message)
    since, first = readings.look(message, 3)
    again, _ = readings.look(message, 3)
    changed, still_first = readings.look(message, 4)

    assert (since, True, first) == (again, changed > since, still_first)
    assert 1 == readings.begin(message).attempts


def test_without_a_model_a_task_says_so(tmp_path):
    """Not read: no model."""
    radiology = Radiology(tmp_path, script=None)
    radiology.pacs.has()
    radiology.arrives()

    assert ["not read: no model"] == radiology.reasons()
    assert [] == radiology.feed.all("DiagnosticReport")
    radiology.close()


def test_a_modality_that_no_task_reads_is_not_fetched(tmp_path):
    """Thousands of slices stay where they are; the reason is coded."""
    radiology = Radiology(tmp_path)
    radiology.pacs.has(Modality="CT", RescaleSlope="1", RescaleIntercept="-1024")
    radiology.arrives()

    assert ["not read: unsupported-modality"] == radiology.reasons()
    assert [] == radiology.pacs.fetched
    radiology.close()


def test_reports_and_derived_series_are_no_evidence(tmp_path):
    """The original series is read; what is left out is said."""
    radiology = Radiology(tmp_path)
    radiology.pacs.has(Modality="SR", SeriesInstanceUID="1.9", SOPInstanceUID="1.9.1", SeriesNumber=1)
    radiology.pacs.has(
        SeriesInstanceUID="1.8", SOPInstanceUID="1.8.1", SeriesNumber=2, ImageType=["DERIVED", "SECONDARY"]
    )
    radiology.pacs.has(SeriesNumber=3)
    radiology.arrives(numberOfInstances=3)

    assert [files.SOP] == radiology.pacs.fetched
    assert "a series of modality SR is no acquired image" in radiology.reasons()[0]
    assert "1 derived series beside original ones" in radiology.reasons()[0]
    radiology.close()


def test_an_order_that_came_first_is_joined_and_gives_context(radiology):
    """By accession number and patient: a v2 order and a FHIR study meet; its reason reaches the prompt."""
    order(radiology)
    radiology.arrives()
    (request,) = radiology.feed.all("ServiceRequest")

    assert [{"reference": f"ServiceRequest/{request['id']}"}] == only_draft(radiology)["basedOn"]
    assert "cough for two weeks" in str(radiology.model.calls[0].parts)
    assert "Phantom" not in str(radiology.model.calls[0].parts)


def test_an_order_that_comes_later_is_joined_too(tmp_path):
    """The study is read again with what the order says; the draft names it."""
    radiology = Radiology(tmp_path, script=[FORM, BOXES, FORM, BOXES])
    radiology.pacs.has()
    radiology.arrives()
    assert "basedOn" not in only_draft(radiology)
    order(radiology)
    reports = [each for each in radiology.feed.all("DiagnosticReport") if each["status"] == "preliminary"]
    (request,) = radiology.feed.all("ServiceRequest")

    assert [[{"reference": f"ServiceRequest/{request['id']}"}]] == [each["basedOn"] for each in reports]
    assert "cough for two weeks" in str(radiology.model.calls[2].parts)
    radiology.close()


def test_an_order_of_another_patient_is_not_joined(radiology):
    """Accession numbers are reused."""
    order(radiology, ORM.replace("MRN-1", "MRN-7"))
    radiology.arrives()

    assert "basedOn" not in only_draft(radiology)


def test_an_order_that_the_study_names_is_joined(radiology):
    """basedOn of the server becomes basedOn here."""
    radiology.feed.server.has(ORDER)
    radiology.arrives(basedOn=[{"reference": "ServiceRequest/r1"}])

    assert only_draft(radiology)["basedOn"][0]["reference"].startswith("ServiceRequest/")


def test_the_prior_is_found_and_compared(tmp_path):
    """The latest earlier frontal chest of the same patient; the comparison is a section."""
    radiology = Radiology(tmp_path, script=[FORM, "Final Answer: []", COMPARED])
    radiology.pacs.has()
    for day, study in (("20250101", "1.7.1"), ("20260601", "1.7.2"), ("20261201", "1.7.3")):
        radiology.pacs.has(
            files.ramp(top=1000), StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.1", StudyDate=day, AccessionNumber=f"A{day}",
        )  # fmt: skip
    radiology.arrives()

    assert [files.SOP, "1.7.2.1.1"] == radiology.pacs.fetched
    assert "compared with a study of 2026-06-01" in radiology.reasons()[0]
    assert COMPARED in json.dumps(only_draft(radiology))
    radiology.close()


def test_a_server_that_is_down_is_asked_again_and_at_last_told(radiology):
    """Later, and with the last attempt a Task."""
    radiology.pacs.down = True
    radiology.arrives()
    message = radiology.feed.messages()[0].id
    attempts = [radiology.feed.reading.read(message) for _ in range(5)]

    assert all(each is not None for each in attempts[:4])
    assert "not read: the image server did not answer" in radiology.reasons()


def test_a_study_that_is_withdrawn_takes_its_draft_along(radiology):
    """Entered in error there, entered in error here."""
    radiology.arrives()
    radiology.arrives(status="entered-in-error")

    assert "entered-in-error" == only_draft(radiology)["status"]


def test_a_study_that_is_only_registered_is_not_read(radiology):
    """Nothing is asked of anybody."""
    radiology.arrives(status="registered")

    assert ([], []) == (radiology.feed.all("Task"), radiology.pacs.fetched)


def test_the_endpoint_of_a_study_is_used_where_its_host_is_allowed(radiology):
    """Named by reference, read from the FHIR server."""
    endpoint = {
        "resourceType": "Endpoint", "id": "e1", "status": "active",
        "connectionType": {"code": "dicom-wado-rs"}, "address": "https://pacs.example/rs",
    }  # fmt: skip
    radiology.feed.server.has(endpoint)
    radiology.servers.main = None
    radiology.servers.allowed = {"https://pacs.example/rs": radiology.pacs}
    radiology.arrives(endpoint=[{"reference": f"{BASE}/Endpoint/e1"}])

    assert [files.SOP] == radiology.pacs.fetched


def test_an_endpoint_at_another_host_is_never_called(radiology):
    """The reason is told."""
    inside = {
        "resourceType": "Endpoint", "id": "e", "status": "active",
        "connectionType": {"code": "dicom-wado-rs"}, "address": "https://evil.example/rs",
    }  # fmt: skip
    radiology.servers.main = None
    radiology.arrives(contained=[inside], endpoint=[{"reference": "#e"}])

    assert "at a host that is not allowed" in radiology.reasons()[0]
    assert [] == radiology.pacs.fetched


def test_a_route_decides_before_the_table(radiology):
    """`none` reads nothing; a route of another modality says nothing."""
    rules = (ReadingRule(modality="CT", task="radiograph"), ReadingRule(modality="CR", task="none"))
    radiology.rewire(rules=rules)
    radiology.arrives()

    assert ["not read: a route says that nothing reads it"] == radiology.reasons()
    assert [] == radiology.pacs.fetched


def test_an_undecodable_image_among_others_is_left_out_and_told(radiology):
    """One of two: the other is read."""
    radiology.pacs.has(SOPInstanceUID=f"{files.SOP}.2", InstanceNumber=2, RescaleSlope="2")
    radiology.arrives(numberOfInstances=2)

    assert "1 of 2 images" in json.dumps(only_draft(radiology))
    assert any("RescaleSlope" in json.dumps(each.get("input", [])) for each in radiology.feed.all("Task"))


@pytest.mark.parametrize(("rows", "columns"), [(40, 64), (301, 117), (977, 1024), (64, 640)])
def test_a_box_comes_back_to_where_it_was_drawn(tmp_path, rows, columns):
    """From source pixels to the square that the model sees and back: within one pixel."""
    box = (columns // 8, rows // 4, columns // 2 + 3, rows - rows // 5)
    side = max(rows, columns)
    left, top = (side - columns) // 2, (side - rows) // 2
    grid = [round(1000 * edge / side) for edge in (box[1] + top, box[0] + left, box[3] + top, box[2] + left)]
    answer = f'Final Answer: ```json[{{"box_2d": {grid}, "label": "opacity"}}]```'
    radiology = Radiology(tmp_path, script=[FORM, answer])
    radiology.pacs.has(files.phantom(rows, columns, box))
    radiology.arrives()
    (found,) = [each for each in radiology.feed.all("Observation") if each["code"]["text"] == "opacity"]
    components = {each["code"]["coding"][0]["code"]: each for each in found["component"]}
    got = [float(components[name]["valueQuantity"]["value"]) for name in ("x0", "y0", "x1", "y1")]

    # The grid of 1000 steps is what a model can say; a pixel more where it is coarser than one.
    assert all(abs(one - other) <= max(1.0, side / 1000) for one, other in zip(got, box, strict=True))
    radiology.close()


def test_the_same_patient_by_other_names_of_the_assigner(tmp_path):
    """An issuer that the channel's settings translate is compared as what it stands for."""
    for issuer, read in (("HOSP", 1), ("OTHER", 0)):
        folder = tmp_path / issuer
        folder.mkdir()
        radiology = Radiology(folder, assigners={"HOSP": "urn:oid:1.2.3", "OTHER": "urn:oid:9.9"})
        radiology.pacs.has(IssuerOfPatientID=issuer)
        radiology.arrives()

        assert read == len(radiology.feed.all("DiagnosticReport"))
        radiology.close()
    assert MR["coding"][0]["code"] == "MR"
