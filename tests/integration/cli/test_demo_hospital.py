"""The demo's hospital: what it serves is valid, of one patient and one study, and what its script makes."""

from __future__ import annotations

import json

import httpx2
import pytest

from integration.cli.demo_hospital import Hospital, open_hospital
from mappers.fhir import r4
from tests.house.tree import ROOT

FOLDER = ROOT / "fixtures" / "demo" / "hospital"
KINDS = {"Patient": "rossi", "Endpoint": "pacs", "ImagingStudy": "chest", "Media": "dictation"}


@pytest.fixture(scope="module")
def hospital():
    with open_hospital(FOLDER) as base, httpx2.Client(base_url=base) as client:
        yield client


@pytest.mark.parametrize("kind", KINDS)
def test_its_resources_are_valid(hospital, kind):
    """FHIR R4, with the address that it listens on where its own is meant."""
    answer = hospital.get(f"/fhir/{kind}/{KINDS[kind]}")

    assert [] == list(r4.validate(r4.decode(answer.content)))
    assert "{{" not in answer.text


def test_its_references_lead_somewhere(hospital):
    """Study to patient and endpoint, dictation to its recording."""
    study, media = (
        hospital.get(f"/fhir/{each}").json() for each in ("ImagingStudy/chest", "Media/dictation")
    )
    named = [study["subject"]["reference"], study["endpoint"][0]["reference"], media["content"]["url"]]

    assert [200] * 3 == [hospital.get(f"/fhir/{each}").status_code for each in named]
    assert hospital.get(f"/fhir/{named[-1]}").content.startswith(b"fLaC")


def test_the_endpoint_has_the_study(hospital):
    """The address that the study names answers a search for it, and has the image."""
    address = hospital.get("/fhir/Endpoint/pacs").json()["address"]
    study = hospital.get("/fhir/ImagingStudy/chest").json()
    uid = study["identifier"][0]["value"].removeprefix("urn:oid:")
    series, instance = study["series"][0]["uid"], study["series"][0]["instance"][0]["uid"]
    found = httpx2.get(f"{address}/studies", params={"StudyInstanceUID": uid}).json()
    image = httpx2.get(f"{address}/studies/{uid}/series/{series}/instances/{instance}").content

    assert [uid] == [each["0020000D"]["Value"][0] for each in found]
    assert (FOLDER / "chest.dcm").read_bytes() in image
    assert [] == httpx2.get(f"{address}/studies", params={"StudyInstanceUID": "1.2.3"}).json()


def test_header_and_image_say_the_same():
    """What is searched is what is retrieved; both, the study and the order name one patient and accession."""
    pydicom = pytest.importorskip("pydicom", reason="pip install 'wardwire[imaging]'")
    from tests.support import demo_hospital

    image = pydicom.dcmread(FOLDER / "chest.dcm")
    told = {tag: each for tag, each in image.to_json_dict().items() if tag != "7FE00010"}
    study = demo_hospital.resources()["ImagingStudy-chest"]

    assert told == Hospital(FOLDER).header
    assert image.AccessionNumber == study["identifier"][1]["value"] == demo_hospital.ACCESSION
    assert demo_hospital.ACCESSION in demo_hospital.ORDER
    assert image.PatientID == demo_hospital.resources()["Patient-rossi"]["identifier"][0]["value"]


def test_the_script_makes_the_fixtures():
    """All but the recording, for which a synthesizer is needed."""
    pytest.importorskip("pydicom", reason="pip install 'wardwire[imaging]'")
    pytest.importorskip("soxr", reason="pip install 'wardwire[audio]'")
    import numpy as np
    import pydicom

    from tests.support import demo_hospital

    made = {name: json.loads(json.dumps(each)) for name, each in demo_hospital.resources().items()}
    pixels = np.frombuffer(demo_hospital.study().PixelData, np.uint16)
    shipped = np.frombuffer(pydicom.dcmread(FOLDER / "chest.dcm").PixelData, np.uint16)

    assert made == {file.stem: json.loads(file.read_bytes()) for file in FOLDER.glob("*-*.json")}
    assert demo_hospital.ORDER.encode() == (FOLDER.parent / "7-order.hl7").read_bytes()
    # Libraries of another version may round a grey value otherwise.
    assert np.abs(pixels.astype(int) - shipped.astype(int)).max() <= 16
