"""Media of FHIR -> a single picture and what is said of it: modality, view, body site, bytes or address."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Final

from mappers.domain.documents import Document, DocumentLink
from mappers.domain.imaging import DCM, DICOM_UID, Photograph
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.domain.media_types import UNKNOWN, sniff
from mappers.fhir import datatypes_reader as types
from mappers.fhir.imaging_study import uid_of

Node = dict[str, Any]

#: Codes of media-type (R4) and digital-media-type for pictures.
_IMAGES: Final = frozenset({"image", "photo"})


def read(resource: Node, *, reference: str) -> Photograph:
    """What a Media says.

    Args:
        resource: our copy of it.
        reference: of that copy.

    Raises:
        Refused: its bytes are no base64.
    """
    numbers = types.identifiers(resource.get("identifier"))
    modality = types.concept(resource.get("modality"))
    return Photograph(
        reference=reference,
        status=types.text(resource.get("status")) or "unknown",
        content=_content(types.node(resource.get("content")), reference),
        sop=next((uid for each in numbers if each.system == DICOM_UID and (uid := uid_of(each.value))), ""),
        modality=(modality.code_in(DCM) if modality else None) or "",
        type=types.concept(resource.get("type")),
        view=types.concept(resource.get("view")),
        body_site=types.concept(resource.get("bodySite")),
        reasons=types.concepts(resource.get("reasonCode")),
        created=types.moment(resource.get("createdDateTime")),
    )


def is_image(resource: Node, said: Photograph) -> bool:
    """Whether a Media holds a picture: as its bytes or its content type say, else as its type does."""
    kind = (said.content.media_type if said.content else None) or ""
    declared = (types.text(types.node(resource.get("content")).get("contentType")) or "").casefold()
    if kind.startswith("audio/"):
        return False
    if kind or declared:
        return _is_picture(kind) or _is_picture(declared.partition(";")[0].strip())
    return said.type is not None and any(code.code in _IMAGES for code in said.type.codings)


def _is_picture(media_type: str) -> bool:
    return media_type.startswith("image/") or media_type == "application/dicom"


def _content(attachment: Node, reference: str) -> Document | DocumentLink | None:
    title = types.text(attachment.get("title"))
    data = types.text(attachment.get("data"))
    if data is None:
        url = types.text(attachment.get("url"))
        kind = types.text(attachment.get("contentType"))
        return DocumentLink(url, kind, title, reference) if url else None
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        text = "the data is no base64"
        raise Refused(Issue(Severity.FATAL, IssueCode.VALUE, "Media.content.data", text)) from None
    return Document(content, sniff(content) or UNKNOWN, hashlib.sha256(content).hexdigest(), title, reference)
