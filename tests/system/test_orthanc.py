"""A PACS that is not ours, a real chest radiograph, a real Wardwire: from C-STORE to a draft with boxes."""

from __future__ import annotations

import json

import pytest

from tests.support import orthanc

pytestmark = [pytest.mark.system, orthanc.SKIP]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What became of the story."""
    return orthanc.story("tests.system.orthanc_story", tmp_path_factory.mktemp("orthanc"))


def test_a_radiograph_in_the_pacs_becomes_a_draft_with_boxes(told):
    """Stored by C-STORE, notified as ImagingStudy, fetched by WADO-RS, boxes in pixels of 1841 x 1955."""
    boxes = [each for each in told["observations"] if "component" in each]
    edges = {
        each["code"]["coding"][0]["code"]: each["valueQuantity"]["value"]
        for each in boxes[0]["component"]
        if "valueQuantity" in each
    }

    assert (0, 1) == (told["status"], told["stored"])
    assert "preliminary" == told["draft"]["status"]
    assert "application/pdf" in {each["contentType"] for each in told["draft"]["presentedForm"]}
    # 1841 columns and 1955 rows in a square of 1955, on a grid of 1000: x is (200/1000 * 1955) - 57.
    assert [334, 586.5, 725, 977.5] == [float(edges[name]) for name in ("x0", "y0", "x1", "y1")]


def test_its_provenance_names_the_instance(told):
    """By its SOP Instance UID and the hash of the bytes that came."""
    assert any(f"urn:oid:{told['sop']}" in json.dumps(each) for each in told["provenance"])


def test_images_of_another_patient_are_refused(told):
    """Stored by STOW-RS under another PatientID: a Task, and no second report."""
    assert (1, 1) == (told["refused"], told["reports"])


def test_the_other_transactions_work_there_too(told):
    """Metadata, frames in any syntax, rendered pictures, nothing found."""
    quirks = told["quirks"]

    assert 1 == quirks["metadata"]
    assert quirks["frames"]
    assert "89504e47" == quirks["rendered"]
    assert quirks["unchanged"]
    assert [] == quirks["missing"]
