"""A report's rendering in FHIR: DiagnosticReport.presentedForm, and a DocumentReference with the same bytes.

US Core 9, clinical notes: a narrative report is in both places. Text and PDF are inline, with size and hash;
pictures stand as Media that the report links to, so that they can be drawn again when it is signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from mappers.domain.documents import Document
from mappers.domain.identifiers import Identity
from mappers.domain.sheet import Marked, Picture
from mappers.fhir import attachment
from mappers.fhir.categories import CLINICAL_NOTE
from mappers.fhir.datatypes import URI_SYSTEM, pruned, text
from mappers.fhir.report_sheet import MARKED_REGION

Node = dict[str, Any]

_LOINC = "http://loinc.org"
#: LOINC codes of the notes that US Core 9 names (clinical-notes).
NOTES = {
    "11488-4": "Consult note", "18842-5": "Discharge summary", "34117-2": "History and physical note",
    "28570-0": "Procedure note", "11506-3": "Progress note", "18748-4": "Diagnostic imaging study",
    "11502-2": "Laboratory report", "11526-1": "Pathology study", "11504-8": "Surgical operation note",
    "34111-5": "Emergency department Note",
}  # fmt: skip
#: What the category of a report makes of it; the first that it has.
_OF_CATEGORY = {
    "LP29684-5": "18748-4", "RAD": "18748-4", "LP7839-6": "11526-1", "LAB": "11502-2",
}  # fmt: skip
_OTHER = "11506-3"
_GONE = frozenset({"entered-in-error", "cancelled"})
#: DiagnosticReport.status to composition-status; what is not listed is preliminary.
_DOC_STATUS = {
    "final": "final", "amended": "amended", "corrected": "amended", "appended": "amended",
    "entered-in-error": "entered-in-error", "cancelled": "entered-in-error",
}  # fmt: skip


def document_identity(report: Node) -> Identity:
    """That of the DocumentReference: one for each report, whatever its version."""
    return Identity("DocumentReference", ("presented", f"DiagnosticReport/{report['id']}"))


def with_forms(report: Node, *, words: str, pdf: bytes | None) -> Node:
    """The report with its rendering, in the place of an earlier one.

    Args:
        report: the DiagnosticReport.
        words: as plain text.
        pdf: as PDF; None where it could not be drawn.
    """
    return {**report, "presentedForm": _forms(words, pdf)}


def document(report: Node, *, authors: Sequence[str], signer: Node | None = None) -> Node:
    """The DocumentReference of a report that has its forms.

    Args:
        report: with `presentedForm`.
        authors: references of the Devices that wrote it.
        signer: Reference to the person who signed it.
    """
    identity = document_identity(report)
    encounter = report.get("encounter")
    context = pruned(
        {
            "encounter": [encounter] if encounter else None,
            "period": _period(report),
            "related": [{"reference": f"DiagnosticReport/{report['id']}"}],
        }
    )
    meta = {name: value for name, value in report.get("meta", {}).items() if name in _KEPT_META}
    head = {"resourceType": "DocumentReference", "id": identity.id, **({"meta": meta} if meta else {})}
    return head | pruned(
        {
            "identifier": [{"system": URI_SYSTEM, "value": f"urn:uuid:{identity.id}"}],
            "status": "entered-in-error" if report["status"] in _GONE else "current",
            "docStatus": _DOC_STATUS.get(report["status"], "preliminary"),
            "type": _type(report),
            "category": [deepcopy(CLINICAL_NOTE)],
            "subject": report.get("subject"),
            "date": report.get("issued"),
            "author": [{"reference": author} for author in authors],
            "authenticator": signer,
            "description": text(report["code"].get("text")),
            "content": [{"attachment": dict(form)} for form in report["presentedForm"]],
            "context": context,
        }
    )


_KEPT_META = frozenset({"source", "security", "tag"})


def with_pictures(report: Node, pictures: Sequence[Picture]) -> tuple[Node, tuple[Node, ...]]:
    """The report with links to its pictures, and the Media that hold them."""
    held = tuple(_media(report, picture) for picture in pictures)
    links = [
        pruned({"comment": text(picture.caption), "link": {"reference": f"Media/{media['id']}"}})
        for picture, media in zip(pictures, held, strict=True)
    ]
    known = {link["link"]["reference"] for link in links}
    before = [each for each in report.get("media", []) if each["link"]["reference"] not in known]
    return pruned({**report, "media": [*before, *links]}), held


def _media(report: Node, picture: Picture) -> Node:
    digest = hashlib.sha256(picture.content).hexdigest()
    identity = Identity("Media", ("presented", report["id"], digest))
    meta = {name: value for name, value in report.get("meta", {}).items() if name in _KEPT_META}
    content = attachment.write(Document(picture.content, picture.media_type, digest, picture.caption or None))
    head = {"resourceType": "Media", "id": identity.id, **({"meta": meta} if meta else {})}
    return head | pruned(
        {
            "extension": [_region(mark) for mark in picture.marks],
            "status": "completed",
            "type": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/media-type", "code": "image"}]
            },
            "subject": report.get("subject"),
            "encounter": report.get("encounter"),
            "width": picture.columns,
            "height": picture.rows,
            "content": content,
        }
    )


def _region(mark: Marked) -> Node:
    edges = zip(("x0", "top", "x1", "bottom"), mark.box, strict=True)
    parts: list[Node] = [{"url": name, "valueDecimal": Decimal(f"{edge:.2f}")} for name, edge in edges]
    label = text(mark.label)
    if label:
        parts.append({"url": "label", "valueString": label})
    return {"url": MARKED_REGION, "extension": parts}


def _forms(words: str, pdf: bytes | None) -> list[Node]:
    forms = [attachment.plain_text(words)]
    if pdf is not None:
        digest = hashlib.sha256(pdf).hexdigest()
        forms.append(attachment.write(Document(pdf, "application/pdf", digest)))
    return forms


def _type(report: Node) -> Node:
    code = _note(report)
    return {"coding": [{"system": _LOINC, "code": code, "display": NOTES[code]}]}


def _note(report: Node) -> str:
    """The report's own code where it is one of the notes, else what its category makes of it."""
    own = {each.get("code") for each in report["code"].get("coding", []) if each.get("system") == _LOINC}
    named = next((code for code in NOTES if code in own), None)
    if named:
        return named
    codes = {
        coding.get("code") for category in report.get("category", []) for coding in category.get("coding", [])
    }
    return next((note for code, note in _OF_CATEGORY.items() if code in codes), _OTHER)


def _period(report: Node) -> Node | None:
    if "effectivePeriod" in report:
        return dict(report["effectivePeriod"])
    moment = report.get("effectiveDateTime")
    return {"start": moment, "end": moment} if moment else None


def is_presented(resource: Node) -> bool:
    """Whether this DocumentReference is the rendering of a report of ours."""
    related = resource.get("context", {}).get("related", [])
    return resource.get("resourceType") == "DocumentReference" and any(
        document_identity({"id": each["reference"].partition("/")[2]}).id == resource["id"]
        for each in related
        if each.get("reference", "").startswith("DiagnosticReport/")
    )
