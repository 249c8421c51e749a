"""The demo's hospital on loopback: a FHIR server that is read, and the DICOMweb server of its one study.

It serves files of fixtures/demo/hospital and nothing else. It belongs to the demo: no feed uses it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler, make_server

_BASE: Final = "{{base}}"
_FHIR: Final = "application/fhir+json"
_DICOM_JSON: Final = "application/dicom+json"
_BOUNDARY: Final = "wardwire-demo-hospital"
#: By what it can be searched for; any other parameter is passed over, as PS3.18 8.3.4.1 has it.
_SEARCHED: Final = {
    "StudyInstanceUID": "0020000D", "AccessionNumber": "00080050", "PatientID": "00100020",
    "Modality": "00080060",
}  # fmt: skip
_STUDY, _SERIES, _SOP = "0020000D", "0020000E", "00080018"


class Hospital:
    """What the hospital has, read from its folder.

    Attributes:
        header: attributes of its one image in the DICOM JSON model.
        resources: by type and id, as text with a mark where its own address belongs.
        image: the DICOM file.
        recording: the dictation, and its media type.
    """

    def __init__(self, folder: Path) -> None:
        self.header: dict[str, Any] = json.loads((folder / "chest.json").read_bytes())
        self.image = (folder / "chest.dcm").read_bytes()
        self.recording = (folder / "dictation.flac").read_bytes()
        self.resources = {
            (kind, file.stem.partition("-")[2]): file.read_text(encoding="utf-8")
            for file in sorted(folder.glob("*-*.json"))
            for kind in (file.stem.partition("-")[0],)
        }

    @property
    def uids(self) -> tuple[str, str, str]:
        """Study, series and instance."""
        study, series, sop = (str(self.header[tag]["Value"][0]) for tag in (_STUDY, _SERIES, _SOP))
        return study, series, sop

    def has(self, name: str, value: str) -> bool:
        """Whether the image is what a search asks for."""
        if name == "offset":
            return value == "0"
        tag = _SEARCHED.get(name, name)
        return tag not in self.header or value in map(str, self.header[tag].get("Value", ()))

    def answers(self) -> dict[str, Any]:
        """The image as an answer to a search: with the counts that are not in its header."""
        counted = {"00201206": 1, "00201208": 1, "00201209": 1}
        modalities = {"00080061": {"vr": "CS", "Value": self.header["00080060"]["Value"]}}
        return {
            **self.header,
            **modalities,
            **{tag: {"vr": "IS", "Value": [n]} for tag, n in counted.items()},
        }


def app_of(hospital: Hospital) -> Flask:
    """Its two servers."""
    app = Flask("wardwire-demo-hospital")
    _add_fhir(app, hospital)
    _add_dicomweb(app, hospital)
    return app


def _add_fhir(app: Flask, hospital: Hospital) -> None:
    def written(text: str) -> str:
        return text.replace(_BASE, request.host_url.rstrip("/"))

    @app.get("/fhir/metadata")
    def metadata() -> Response:
        told = {
            "resourceType": "CapabilityStatement", "status": "active", "date": "2026-11-22",
            "kind": "instance", "fhirVersion": "4.0.1", "format": ["json"], "rest": [{"mode": "server"}],
        }  # fmt: skip
        return Response(json.dumps(told), mimetype=_FHIR)

    @app.get("/fhir/Binary/dictation")
    def recording() -> Response:
        return Response(hospital.recording, mimetype="audio/flac")

    @app.get("/fhir/<kind>/<name>")
    def read(kind: str, name: str) -> Response:
        text = hospital.resources.get((kind, name))
        if text is None:
            return Response('{"resourceType": "OperationOutcome"}', status=404, mimetype=_FHIR)
        return Response(written(text), mimetype=_FHIR, headers={"ETag": 'W/"1"'})

    @app.get("/fhir/<kind>")
    def search(kind: str) -> Response:
        # Whoever looks for what changed finds nothing: all that is here is told by notification.
        wanted = request.args.get("_id", "").split(",")
        found = [
            {"fullUrl": f"{request.host_url}fhir/{kind}/{name}", "resource": json.loads(written(text))}
            for (each, name), text in hospital.resources.items()
            if each == kind and name in wanted
        ]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": found}
        return Response(
            json.dumps({key: value for key, value in bundle.items() if value != []}), mimetype=_FHIR
        )


def _add_dicomweb(app: Flask, hospital: Hospital) -> None:
    study, series, sop = hospital.uids

    def searched() -> Response:
        known = all(hospital.has(name, value) for name, value in request.args.items())
        return Response(json.dumps([hospital.answers()] if known else []), mimetype=_DICOM_JSON)

    for rule in (
        "/studies",
        "/series",
        "/instances",
        f"/studies/{study}/series",
        f"/studies/{study}/instances",
        f"/studies/{study}/series/{series}/instances",
    ):
        app.add_url_rule(f"/dicom-web{rule}", f"search {rule}", searched)

    @app.get(f"/dicom-web/studies/{study}/metadata")
    @app.get(f"/dicom-web/studies/{study}/series/{series}/metadata")
    def attributes() -> Response:
        return Response(json.dumps([hospital.header]), mimetype=_DICOM_JSON)

    @app.get(f"/dicom-web/studies/{study}/series/{series}/instances/{sop}")
    def instance() -> Response:
        head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
        return Response(head + hospital.image + f"\r\n--{_BOUNDARY}--\r\n".encode(), content_type=kind)


class _Silent(WSGIRequestHandler):
    """The demo prints its own account."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  (werkzeug's name)
        """Nothing."""


@contextmanager
def open_hospital(folder: Path) -> Iterator[str]:
    """The hospital at work on a free port of loopback: its address."""
    server = make_server("127.0.0.1", 0, app_of(Hospital(folder)), threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, name="demo-hospital", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
