"""OBX with ED or RP: a document beside the results, with a status and an identity of its own."""

from __future__ import annotations

from typing import Final

from mappers.domain.documents import ClinicalDocument, Document, DocumentLink
from mappers.domain.identifiers import Identity
from mappers.domain.results import standing
from mappers.domain.times import Moment
from mappers.hl7v2 import narratives, values
from mappers.hl7v2.datatypes import encapsulated, people, times
from mappers.hl7v2.elements import SegmentReader
from mappers.hl7v2.segments import obx
from mappers.hl7v2.segments.obr import Heading

#: observation-status -> document-reference-status, composition-status.
_STATUS: Final = {
    "registered": ("current", "preliminary"), "preliminary": ("current", "preliminary"),
    "final": ("current", "final"), "amended": ("current", "amended"), "corrected": ("current", "amended"),
    "cancelled": ("entered-in-error", "entered-in-error"),
    "entered-in-error": ("entered-in-error", "entered-in-error"), "unknown": ("current", None),
}  # fmt: skip
_WITHDRAWN: Final = "entered-in-error"


def read(
    reader: SegmentReader, *, identity: Identity, head: Heading, related: tuple[Identity, ...]
) -> ClinicalDocument | None:
    """The document of an OBX; None, said, when there is none in it and it withdraws none."""
    title = narratives.name(obx.code_as_sent(reader))
    attachments = contents(reader, title=title)
    observed, _ = obx.status_as_sent(reader, head)
    status, doc_status = _STATUS[observed]
    if not attachments and status != _WITHDRAWN:
        return None
    observed, _ = obx.status(reader, head)
    return ClinicalDocument(
        identity=identity,
        status=status,
        standing=standing(observed, head.at, head.sent),
        doc_status=doc_status,
        identifiers=obx.identifiers_of(reader),
        type=obx.code(reader),
        date=head.issued if head.issued and head.issued.is_instant else None,
        authors=tuple(found for each in reader.all(16) if (found := people.xcn(each))),
        attachments=attachments,
        performed=times.dtm(reader.first(14)) or _moment(head),
        related=related,
        origins=(reader.label,),
    )


def contents(reader: SegmentReader, *, title: str | None) -> tuple[Document | DocumentLink, ...]:
    """The documents of OBX-5; what cannot be read is said and left."""
    kind = values.kind(reader)
    found: list[Document | DocumentLink] = []
    for each in reader.all(5):
        one = (encapsulated.ed if kind == "ED" else encapsulated.rp)(each, title=title, origin=reader.label)
        found += [one] if one else []
    if found:
        reader.first(2).take()
    return tuple(found)


def _moment(head: Heading) -> Moment | None:
    return head.effective if isinstance(head.effective, Moment) else None
