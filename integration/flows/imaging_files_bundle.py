"""Images that came with no message, as FHIR: what they are, and what was drafted of them. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from integration.flows.imaging_files import Files
from mappers.domain.attribution import Software
from mappers.domain.findings import JudgedReport
from mappers.domain.identifiers import Identity
from mappers.domain.imaging import DCM, DICOM_UID, ImageHeader
from mappers.domain.people import Organization
from mappers.domain.results import standing
from mappers.domain.times import Moment
from mappers.fhir import judged_bundle
from mappers.fhir.authorship import Reading
from mappers.fhir.datatypes import absent, pruned
from mappers.fhir.result_bundle import Entry, WrittenBundle
from mappers.fhir.whose import Whose

Node = dict[str, Any]


def bundle_of(
    report: JudgedReport,
    files: Files,
    *,
    software: Software,
    recorded: Moment,
    responsible: Organization | None = None,
) -> dict[str, Any]:
    """A transaction Bundle: the ImagingStudy or the Media, and the draft.

    Args:
        report: what was drafted.
        files: what it was drafted of.
        software: what writes it.
        recorded: now, an instant.
        responsible: on whose behalf Wardwire acts.
    """
    source = _study(files) if files.images else _media(files)
    reference = f"{source['resourceType']}/{source['id']}"
    reading = Reading(
        software=software,
        task=report.task,
        document=reference,
        sha256=files.stills[0].source.sha256,
        received=recorded,
        recorded=recorded,
        responsible=responsible,
    )
    written = judged_bundle.write(report, reading=reading, whose=Whose())
    return WrittenBundle((Entry(source, standing("final", recorded)), *written.entries), ()).bundle()


def _study(files: Files) -> Node:
    headers = [image.header for image in files.images]
    first = headers[0]
    identity = Identity("ImagingStudy", (DICOM_UID, first.study))
    accession = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
    numbers = [{"system": DICOM_UID, "value": f"urn:oid:{first.study}"}]
    if first.accession:
        numbers.append({"type": accession, "value": first.accession})  # type: ignore[dict-item]
    return pruned(
        {
            "resourceType": "ImagingStudy",
            "id": identity.id,
            "identifier": numbers,
            "status": "available",
            "subject": _subject(first),
            "started": first.study_date or None,
            "series": [_series(uid, files) for uid in dict.fromkeys(header.series for header in headers)],
        }
    )


def _subject(header: ImageHeader) -> Node:
    """Who the header says it is; no Patient is at hand to refer to."""
    if not header.patient_ids:
        return {"type": "Patient", "extension": absent()}
    number, issuer = header.patient_ids[0]
    assigner: Node | None = {"display": issuer} if issuer else None
    return {"type": "Patient", "identifier": pruned({"value": number, "assigner": assigner})}


def _series(uid: str, files: Files) -> Node:
    own = [image.header for image in files.images if image.header.series == uid]
    return pruned(
        {
            "uid": uid,
            "number": own[0].series_number or None,
            "modality": {"system": DCM, "code": own[0].modality},
            "instance": [_instance(each) for each in own],
        }
    )


def _instance(header: ImageHeader) -> Mapping[str, Any]:
    sop_class = {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{header.sop_class}"}
    return pruned({"uid": header.sop, "sopClass": sop_class, "number": header.instance_number or None})


def _media(files: Files) -> Node:
    content, kind = files.pictures[0]
    digest = hashlib.sha256(content).hexdigest()
    sha1 = hashlib.sha1(content, usedforsecurity=False).digest()
    modality = files.claim.arrived.modality
    attachment = {
        "contentType": kind,
        "data": base64.b64encode(content).decode("ascii"),
        "size": len(content),
        "hash": base64.b64encode(sha1).decode("ascii"),
    }
    return pruned(
        {
            "resourceType": "Media",
            "id": Identity("Media", (digest,)).id,
            "status": "completed",
            "modality": {"coding": [{"system": DCM, "code": modality}]} if modality else None,
            "width": files.stills[0].columns,
            "height": files.stills[0].rows,
            "content": attachment,
        }
    )
