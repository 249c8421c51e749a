"""What the demonstration models say, through the product: labelled everywhere, and titled as what it is."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from integration.cli.main import wardwire
from tests.house.tree import ROOT

pytest.importorskip("transformers", reason="pip install 'wardwire[models]'")
pytest.importorskip("soxr", reason="pip install 'wardwire[audio]'")

HOSPITAL = ROOT / "fixtures" / "demo" / "hospital"


@pytest.fixture(autouse=True)
def demonstration(monkeypatch, tmp_path):
    monkeypatch.setenv("WARDWIRE_DEMO", "true")
    monkeypatch.chdir(tmp_path)


def bundle(*arguments: str) -> list[dict]:
    result = CliRunner().invoke(wardwire, list(arguments))
    assert 0 == result.exit_code, result.stderr
    return [entry["resource"] for entry in json.loads(result.stdout)["entry"]]


def labels(resource: dict) -> set[str]:
    return {each["code"] for each in resource.get("meta", {}).get("security", [])}


def test_a_dictation_is_a_demonstration():
    """Transcript, draft, Task and Provenance bear HTEST; title, Device and Task say it in words."""
    resources = bundle("transcribe", "--fhir", str(HOSPITAL / "dictation.flac"))
    written = [each for each in resources if each["resourceType"] != "Device" and "content" not in each]
    (report,) = (each for each in resources if each["resourceType"] == "DiagnosticReport")
    (task,) = (each for each in resources if each["resourceType"] == "Task")
    devices = [json.dumps(each) for each in resources if each["resourceType"] == "Device"]

    assert all("HTEST" in labels(each) for each in written)
    assert report["code"]["text"].startswith("Demonstration: ")
    assert "preliminary" == report["status"]
    assert "demonstration model" in task["description"]
    assert any("wardwire-demonstration/medasr" in each and "no clinical use" in each for each in devices)


def test_without_the_setting_nobody_hears(monkeypatch):
    """The checkpoint lies there, and is not used."""
    monkeypatch.delenv("WARDWIRE_DEMO")
    result = CliRunner().invoke(wardwire, ["transcribe", str(HOSPITAL / "dictation.flac")])

    assert 1 == result.exit_code
    assert "medasr" in result.stderr


def test_a_reading_is_a_demonstration():
    """A drawn chest as DICOM: draft, finding and its box, by both models, all labelled."""
    resources = bundle("read", "--fhir", str(HOSPITAL / "chest.dcm"))
    written = [
        each for each in resources if each["resourceType"] in {"DiagnosticReport", "Observation", "Task"}
    ]
    (report,) = (each for each in resources if each["resourceType"] == "DiagnosticReport")
    devices = json.dumps([each for each in resources if each["resourceType"] == "Device"])

    assert {"DiagnosticReport", "Observation", "Task"} == {each["resourceType"] for each in written}
    assert all("HTEST" in labels(each) for each in written)
    assert report["code"]["text"].startswith("Demonstration: ")
    assert "wardwire-demonstration/medgemma" in devices
    assert "wardwire-demonstration/medsiglip" in devices
