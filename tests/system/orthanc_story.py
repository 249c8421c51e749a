"""Run in a network namespace: a chest radiograph into Orthanc, a study notified, a draft out of Wardwire.

The image is a real one (NEMA's sample RG1 of pydicom-data, read from that package and never copied); the FHIR
server is a scripted one, and so is the model. Prints what became of it as one line of JSON.
"""

from __future__ import annotations

import io
import json
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import data_store
import pydicom
from pynetdicom import AE
from pynetdicom.sop_class import ComputedRadiographyImageStorage

from integration.clients.dicomweb import DicomWeb
from integration.settings import DicomWebSettings
from integration.wiring.dicomweb import build_server
from tests.support import dicom_files as files
from tests.support import orthanc
from tests.support.serving import Serving, free_port, serving, wait_for

PACKAGE = Path(data_store.__file__).parent / "data"
CHEST = PACKAGE / "RG1_UNCR.dcm"
HOOK = "Bearer of-the-hook"
ANSWERS = [
    {
        "findings": "Multiple rounded opacities in both lungs. No pneumothorax.",
        "impression": "Multiple bilateral opacities.",
        "items": [
            {"finding": "opacity", "presence": "present", "side": "both"},
            {"finding": "pneumothorax", "presence": "absent", "side": "none"},
        ],
    },
    'Final Answer: ```json[{"box_2d": [300, 200, 500, 400], "label": "opacity"}]```',
]


class Ehr:
    """A FHIR server that gives what it has."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Any]] = {}
        self.port = free_port()
        ehr = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = ehr.resources.get(self.path.partition("?")[0].removeprefix("/fhir/"))
                empty = {"resourceType": "Bundle", "type": "searchset"}
                content = json.dumps(found or empty).encode()
                self.send_response(200 if found or "?" in self.path else 404)
                self.send_header("Content-Type", "application/fhir+json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def has(self, resource: dict[str, Any]) -> None:
        """A resource, in its first version."""
        key = f"{resource['resourceType']}/{resource['id']}"
        self.resources[key] = {**resource, "meta": {"versionId": "1", "lastUpdated": "2026-11-22T09:00:00Z"}}


def c_store(dataset: pydicom.Dataset) -> int:
    """Store by DIMSE; the status."""
    entity = AE("MODALITY")
    entity.add_requested_context(ComputedRadiographyImageStorage)
    association = entity.associate("127.0.0.1", orthanc.DICOM, ae_title="ORTHANC")
    try:
        return int(association.send_c_store(dataset).Status)
    finally:
        association.release()


def quirks(pacs: DicomWeb, stored: bytes) -> dict[str, Any]:
    """What the client asks for beside the story, against the same server."""
    where = (files.STUDY, files.SERIES, files.SOP)
    pixels = pydicom.dcmread(io.BytesIO(stored)).PixelData
    return {
        "metadata": len(pacs.metadata(files.STUDY, files.SERIES)),
        "frames": pacs.frames(*where, [1])[0] == pixels,
        "rendered": pacs.rendered(*where)[:4].hex(),
        "unchanged": pixels in pacs.instance(*where),
        "missing": [each.uid for each in pacs.instances("1.2.3.4.5.6.7")],
    }


def notify(running: Serving, reference: str) -> None:
    request = urllib.request.Request(
        f"{running.base}/hooks/ehr/{reference}", method="PUT", data=b"", headers={"Authorization": HOOK}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 202, answer.status


def found(running: Serving, query: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{running.base}/fhir/{query}", timeout=20) as answer:
        return [entry["resource"] for entry in json.load(answer).get("entry", [])]


def patient(name: str, number: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": "urn:oid:1.2.3", "value": number}],
    }


def study(name: str, uid: str, of: str, count: int) -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy",
        "id": name,
        "status": "available",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
        "subject": {"reference": f"Patient/{of}"},
        "numberOfInstances": count,
    }


def main(folder: Path) -> dict[str, Any]:
    """The story."""
    (folder / "orthanc").mkdir()
    (folder / "answers.json").write_text(json.dumps(ANSWERS))
    ehr = Ehr()
    environment = {
        "WARDWIRE_CHANNELS__EHR__FHIR__BASE": f"http://127.0.0.1:{ehr.port}/fhir",
        "WARDWIRE_CHANNELS__EHR__HOOK__KIND": "header",
        "WARDWIRE_CHANNELS__EHR__HOOK__SECRET": HOOK,
        "WARDWIRE_CHANNELS__EHR__DICOMWEB__BASE": orthanc.DICOMWEB,
        "WARDWIRE_CHANNELS__EHR__DICOMWEB__SETTLE_SECONDS": "1",
        "WARDWIRE_MODELS__MEDGEMMA__BACKEND": "scripted",
        "WARDWIRE_MODELS__MEDGEMMA__MODEL": str(folder / "answers.json"),
    }
    chest = pydicom.dcmread(CHEST)
    with orthanc.running(folder / "orthanc"), serving(folder, environment=environment) as wardwire:
        settings = DicomWebSettings(base=orthanc.DICOMWEB)
        pacs = build_server("test", settings, base=orthanc.DICOMWEB)
        status = c_store(chest)
        phantom = files.image(files.phantom(120, 90, (20, 30, 60, 80)), PatientID="MRN-9")
        stored = pacs.store([phantom])
        ehr.has(patient("p1", chest.PatientID))
        ehr.has(patient("p2", "MRN-1"))
        ehr.has(study("s1", chest.StudyInstanceUID, "p1", 1))
        ehr.has(study("s2", files.STUDY, "p2", 1))
        notify(wardwire, "ImagingStudy/s1")
        (draft,) = wait_for(
            lambda: found(wardwire, "DiagnosticReport?status=preliminary"), seconds=300, what="a draft"
        )
        notify(wardwire, "ImagingStudy/s2")
        refused = wait_for(
            lambda: [
                each for each in found(wardwire, "Task") if "another patient" in each.get("description", "")
            ],
            seconds=300,
            what="the refusal of another patient's images",
        )
        return {
            "status": status,
            "stored": len(stored.stored),
            "draft": draft,
            "observations": found(wardwire, "Observation"),
            "provenance": found(wardwire, "Provenance?target=DiagnosticReport/" + draft["id"]),
            "studies": found(wardwire, "ImagingStudy"),
            "reports": len(found(wardwire, "DiagnosticReport")),
            "refused": len(refused),
            "sop": chest.SOPInstanceUID,
            "quirks": quirks(pacs, phantom),
        }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
