"""`wardwire read` as its users see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from integration.cli.main import wardwire
from mappers.fhir import r4
from tests.support import dicom_files as files
from tests.support.pacs import BOXES, COMPARED, FORM

KEYS = {"task", "coverage", "not_read", "sections", "findings", "guards", "sources", "reasons", "issues"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file of the developer's takes part; a scripted model answers."""
    monkeypatch.chdir(tmp_path)
    Path("answers.json").write_text(json.dumps([FORM, BOXES, COMPARED]), encoding="utf-8")
    Path("wardwire.toml").write_text(
        '[models.medgemma]\nbackend = "scripted"\nmodel = "answers.json"\n', encoding="utf-8"
    )


def _read(*arguments: str) -> Result:
    return CliRunner().invoke(wardwire, ["read", *arguments])


def test_a_radiograph_is_read_with_its_boxes() -> None:
    """Findings, impression, boxes in its own pixels; the picture with them drawn."""
    Path("chest.dcm").write_bytes(files.image())
    done = _read("chest.dcm", "--json", "--picture", "boxes.png")
    told = json.loads(done.stdout)

    assert 0 == done.exit_code
    assert KEYS <= set(told)
    assert [12.8, 7.2, 25.6, 20.0] == told["findings"][0]["boxes"][0]["box"]
    assert "PNG" == Image.open("boxes.png").format


def test_people_get_words() -> None:
    """Sections, the list of findings, and that it is a draft."""
    Path("chest.dcm").write_bytes(files.image())
    done = _read("chest.dcm")

    for words in (
        "IMPRESSION",
        "- opacity: present, right",
        "box 12.8 7.2 25.6 20 of 64 x 40",
        "Not for diagnosis",
    ):
        assert words in done.stdout


def test_a_folder_is_a_study() -> None:
    """What is no image, and what is no DICOM, is left out; two studies at once are refused."""
    folder = Path("study")
    folder.mkdir()
    (folder / "IM1").write_bytes(files.image())
    (folder / "IM2").write_bytes(files.image(SOPInstanceUID=f"{files.SOP}.2", InstanceNumber=2))
    (folder / "SR").write_bytes(files.image(Modality="SR", SeriesInstanceUID="1.9", SOPInstanceUID="1.9.1"))
    (folder / "readme.txt").write_text("hello", encoding="utf-8")
    done = _read("study", "--json")
    (folder / "IM3").write_bytes(files.image(StudyInstanceUID="1.77", SOPInstanceUID="1.77.1"))
    refused = _read("study")

    assert "2 of 2 images" == json.loads(done.stdout)["coverage"]
    assert "modality SR" in done.stderr
    assert (1, True) == (refused.exit_code, "several studies" in refused.stderr)


def test_the_bundle_is_valid_fhir() -> None:
    """The study, the draft, its Provenance; every resource of it holds before our own judge."""
    Path("chest.dcm").write_bytes(files.image())
    bundle = json.loads(_read("chest.dcm", "--fhir").stdout)
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]

    assert {"ImagingStudy", "DiagnosticReport", "Observation", "Provenance", "Task", "Device"} == set(kinds)
    assert all(r4.is_valid(entry["resource"]) for entry in bundle["entry"])


def test_a_picture_needs_words_about_it() -> None:
    """A PNG says nothing of what it shows: the options do."""
    Image.linear_gradient("L").save("chest.png")
    unknown = _read("chest.png")
    done = _read("chest.png", "--modality", "CR", "--body-part", "CHEST", "--view", "PA", "--fhir")

    assert (1, "not read: content-unknown") == (unknown.exit_code, unknown.stdout.splitlines()[-1])
    assert 0 == done.exit_code
    assert "Media" in done.stdout


def test_a_prior_is_compared_and_has_to_be_of_the_same_patient() -> None:
    """Another patient's is refused before a model is asked."""
    Path("now.dcm").write_bytes(files.image())
    header = {"StudyInstanceUID": "1.7", "SOPInstanceUID": "1.7.1", "StudyDate": "20250101"}
    Path("before.dcm").write_bytes(files.image(**header))
    Path("other.dcm").write_bytes(files.image(PatientID="MRN-2", **header))
    done = _read("now.dcm", "--prior", "before.dcm")
    refused = _read("now.dcm", "--prior", "other.dcm")

    assert COMPARED in done.stdout
    assert (1, True) == (refused.exit_code, "another patient" in refused.stderr)


def test_what_is_no_image_is_refused() -> None:
    """In one line, with exit code 1."""
    Path("letter.dcm").write_text("Dear colleague", encoding="utf-8")
    done = _read("letter.dcm")

    assert (1, 1) == (done.exit_code, len(done.stderr.splitlines()))


def test_without_a_model_it_says_so() -> None:
    """Not read: no model."""
    Path("wardwire.toml").unlink()
    Path("chest.dcm").write_bytes(files.image())
    done = _read("chest.dcm")

    assert (1, "not read: no model") == (done.exit_code, done.stdout.splitlines()[-1])
