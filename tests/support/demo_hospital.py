"""What the demo's hospital has: an order, a chest, a dictation. `python -m tests.support.demo_hospital` makes it.

The chest is drawn, the dictation is spoken by espeak-ng, the patient is invented. The same code and the same
espeak-ng make the same bytes.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from inference.demo.training import phantoms, speech

FOLDER = Path(__file__).parents[2] / "fixtures" / "demo"
HOSPITAL = FOLDER / "hospital"
#: UIDs under 2.25 (PS3.5 B.2), of numbers that nothing else has.
STUDY = "2.25.190031973020261122141500001"
SERIES = f"{STUDY}.1"
SOP = f"{STUDY}.1.1"
DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
ACCESSION = "RX-2611220007"
PATIENT_SYSTEM = "urn:oid:2.16.840.1.113883.19.5.1"
#: Stands for the address of the hospital, which is not known before it runs.
BASE = "{{base}}"
#: What is dictated, as it should be written.
DICTATION = (
    "[FINDINGS] there is a moderate opacity in the left upper lobe {period} no pleural effusion {period} "
    "the heart is normal {period} [IMPRESSION] left opacity {period} recommend follow up in 6 weeks {period}"
)
ORDER = (
    "MSH|^~\\&|RIS|WARDHOSP|WARDWIRE|WARDHOSP|20261122134000+0100||ORM^O01^ORM_O01|DEMO-0007|T|2.5.1"
    "||||||UNICODE UTF-8\r"
    "PID|1||WW-100417^^^WARDHOSP&2.16.840.1.113883.19.5.1&ISO^MR||Rossi^Giulia^Anna^^^^L||19710314|F\r"
    "PV1|1|I|MED3^312^B^WARDHOSP||||||||||||||||V-20261^^^WARDHOSP&2.16.840.1.113883.19.5.1&ISO^VN\r"
    "ORC|NW|PL-7003^EHR|FX-9001^RIS||SC||||20261122133500+0100|||1234^Bianchi^Luca^^^Dr\r"
    "OBR|1|PL-7003^EHR|FX-9001^RIS|30745-4^XR Chest Views^LN|||||||||Fever for three days|||"
    f"1234^Bianchi^Luca^^^Dr||{ACCESSION}||||||RAD|||||||^Cough and fever\r"
)


def chest() -> phantoms.Phantom:
    """The demo's chest, higher than wide, with an opacity in the left lung."""
    return phantoms.chest(random.Random(20261122), 400, 480, side=phantoms.LEFT)


def study() -> FileDataset:
    """The chest as a digital radiograph of 12 bits."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DX_FOR_PRESENTATION
    meta.MediaStorageSOPInstanceUID = SOP
    made = FileDataset(None, Dataset(), file_meta=meta, preamble=bytes(128))
    pixels = np.asarray(chest().image, dtype=np.uint16) * 16
    for keyword, value in {
        "SpecificCharacterSet": "ISO_IR 192", "ImageType": ["ORIGINAL", "PRIMARY"],
        "SOPClassUID": DX_FOR_PRESENTATION, "SOPInstanceUID": SOP, "StudyDate": "20261122", "StudyTime": "141500",
        "AccessionNumber": ACCESSION, "Modality": "DX", "PresentationIntentType": "FOR PRESENTATION",
        "Manufacturer": "Wardwire drawn phantom", "StudyDescription": "Chest, one view (drawn)",
        "PatientName": "Rossi^Giulia^Anna", "PatientID": "WW-100417", "IssuerOfPatientID": "WARDHOSP",
        "PatientBirthDate": "19710314", "PatientSex": "F", "BodyPartExamined": "CHEST", "ViewPosition": "PA",
        "StudyInstanceUID": STUDY, "SeriesInstanceUID": SERIES, "SeriesNumber": 1, "InstanceNumber": 1,
        "PatientOrientation": ["L", "F"], "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
        "Rows": pixels.shape[0], "Columns": pixels.shape[1], "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
        "PixelRepresentation": 0, "RescaleIntercept": 0, "RescaleSlope": 1, "PresentationLUTShape": "IDENTITY",
        "ImagerPixelSpacing": [0.8, 0.8],
    }.items():  # fmt: skip
        setattr(made, keyword, value)
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OW"
    return made


def dictation() -> bytes:
    """The dictation as FLAC, 16 kHz mono, by one voice of espeak-ng."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "clip.wav"
        words = ["-v", "en-us", "-s", "150", "-p", "50", "-w", str(file), speech.spoken(DICTATION)]
        subprocess.run(["espeak-ng", *words], check=True)
        wave = speech.heard(file)
    quiet = np.zeros(speech.RATE // 4, np.float32)
    stream = io.BytesIO()
    whole = np.concatenate([quiet, wave * 0.6 / np.abs(wave).max(), quiet])
    soundfile.write(stream, whole, speech.RATE, format="FLAC", subtype="PCM_16")
    return stream.getvalue()


def resources() -> dict[str, dict[str, Any]]:
    """What the hospital's FHIR server says."""
    meta = {"versionId": "1", "lastUpdated": "2026-11-22T14:20:00+01:00"}
    subject = {"reference": "Patient/rossi"}
    image_instance = {
        "uid": SOP,
        "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{DX_FOR_PRESENTATION}"},
    }
    chest_site = {"system": "http://snomed.info/sct", "code": "51185008", "display": "Thoracic structure"}
    modality = {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "DX"}
    accession_type = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}
    found: list[dict[str, Any]] = [
        {
            "resourceType": "Patient", "id": "rossi", "meta": meta,
            "identifier": [{"system": PATIENT_SYSTEM, "value": "WW-100417"}],
            "name": [{"family": "Rossi", "given": ["Giulia", "Anna"]}], "gender": "female", "birthDate": "1971-03-14",
        },
        {
            "resourceType": "Endpoint", "id": "pacs", "meta": meta, "status": "active",
            "connectionType": {"system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
                               "code": "dicom-wado-rs"},
            "payloadType": [{"text": "DICOM"}], "address": f"{BASE}/dicom-web",
        },
        {
            "resourceType": "ImagingStudy", "id": "chest", "meta": meta, "status": "available", "subject": subject,
            "identifier": [
                {"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY}"},
                {"type": {"coding": [accession_type]}, "value": ACCESSION},
            ],
            "modality": [modality], "started": "2026-11-22T14:15:00+01:00", "endpoint": [{"reference": "Endpoint/pacs"}],
            "numberOfSeries": 1, "numberOfInstances": 1, "description": "Chest, one view (drawn)",
            "series": [{
                "uid": SERIES, "number": 1, "modality": modality, "numberOfInstances": 1,
                "bodySite": chest_site, "instance": [image_instance],
            }],
        },
        {
            "resourceType": "Media", "id": "dictation", "meta": meta, "status": "completed", "subject": subject,
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "audio"}]},
            "createdDateTime": "2026-11-22T14:40:00+01:00",
            "content": {"contentType": "audio/flac", "url": "Binary/dictation", "title": "Dictation, chest radiograph"},
        },
    ]  # fmt: skip
    return {f"{each['resourceType']}-{each['id']}": each for each in found}


def main() -> None:
    """Write everything."""
    HOSPITAL.mkdir(parents=True, exist_ok=True)
    (FOLDER / "7-order.hl7").write_bytes(ORDER.encode())
    made = study()
    made.save_as(HOSPITAL / "chest.dcm", enforce_file_format=True)
    header = {tag: element for tag, element in made.to_json_dict().items() if tag != "7FE00010"}
    _write("chest.json", header)
    (HOSPITAL / "dictation.flac").write_bytes(dictation())
    for name, resource in resources().items():
        _write(f"{name}.json", resource)


def _write(name: str, content: Any) -> None:
    (HOSPITAL / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
