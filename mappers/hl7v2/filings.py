"""A document with its TXA (chapter 9): its text, its bytes and where it stands among others.

Texts (TX, FT, ST) of all its OBX are one attachment in plain text; each ED or RP is one of its own. An event
without content (T01, T03, T05, T07, T09, T11) speaks of a document that came, or will come, with another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from mappers.domain import media_types
from mappers.domain.documents import ClinicalDocument, Document, DocumentLink, DocumentRelation
from mappers.domain.identifiers import Identity
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Note
from mappers.domain.results import standing
from mappers.domain.times import Moment
from mappers.hl7v2 import attachments, identities, narratives, values
from mappers.hl7v2.identities import Sender
from mappers.hl7v2.plan import Filing, Result
from mappers.hl7v2.segments import obx, txa
from mappers.hl7v2.segments.obr import Heading

#: Where TXA-17 says nothing: observation-status -> composition-status.
_DOC_STATUS: Final = {
    "registered": "preliminary", "preliminary": "preliminary", "final": "final", "amended": "amended",
    "corrected": "amended", "cancelled": "entered-in-error", "entered-in-error": "entered-in-error",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """What a message says of all its documents.

    Attributes:
        event: its trigger event, T02.
        at: MSH-7.
        orders: the orders that it names.
    """

    event: str
    at: Moment | None
    orders: tuple[Identity, ...] = ()


def read(
    filing: Filing, *, scopes: Sender, sent: Sent, notes: tuple[Note, ...]
) -> tuple[ClinicalDocument, ...]:
    """The document, and its parent as far as this message speaks of it."""
    notice = txa.read(filing.txa, event=sent.event)
    if notice.number is None:
        filing.txa.first(12).error(
            IssueCode.REQUIRED, "no document number; a later version of this document cannot be recognised"
        )
    contents, doc_status = _contents(filing)
    segments = [filing.group.txa, *(each.obx for each in filing.group.observations)]
    standings = standing("final", sent.at)
    parent = identities.document(notice.parent, scopes, ()) if notice.parent else None
    document = ClinicalDocument(
        identity=identities.document(notice.number, scopes, segments),
        status=notice.status,
        standing=standings,
        doc_status=notice.doc_status or doc_status,
        number=notice.number,
        identifiers=notice.identifiers,
        type=notice.type,
        date=notice.date,
        authors=notice.authors,
        authenticator=notice.authenticator,
        security=notice.security,
        description=notice.title,
        relations=(DocumentRelation(notice.relation, parent, notice.parent),)
        if notice.relation and parent and notice.parent
        else (),
        attachments=contents,
        performed=notice.performed,
        related=sent.orders,
        related_numbers=notice.orders,
        notes=notes,
        by_element=True,
        origins=(filing.txa.label, *_origins(filing)),
    )
    if notice.relation != "replaces" or parent is None:
        return (document,)
    replaced = ClinicalDocument(
        parent, "superseded", standings, number=notice.parent, by_element=True, origins=(filing.txa.label,)
    )
    return (document, replaced)


def texts(filing: Filing) -> list[Result]:
    """The results of a filing that are its text."""
    return [each for each in filing.contents.results if values.kind(each.obx) in values.TEXTS]


def _contents(filing: Filing) -> tuple[tuple[Document | DocumentLink, ...], str | None]:
    """Its attachments, and the status that the OBX give it."""
    found: list[Document | DocumentLink] = []
    statuses: list[str] = []
    parts = []
    for each in texts(filing):
        observed = values.read(each.obx, tuple(each.further))
        if isinstance(observed.value, str):
            unit = observed.unit and (observed.unit.unit or observed.unit.code)
            words = f"{observed.value} {unit}" if unit else observed.value
            parts.append((obx.code(each.obx), words))
            statuses.append(obx.status(each.obx, Heading())[0])
            for one in each.further:
                obx.agree(one, each.obx)
    text = narratives.sections(parts)
    if text:
        data = text.encode(errors="replace")
        title = narratives.name(parts[0][0]) if len({code for code, _ in parts}) == 1 else None
        digest = hashlib.sha256(data).hexdigest()
        found.append(Document(data, media_types.TEXT, digest, title, texts(filing)[0].obx.label))
    for each in filing.contents.documents:
        sent = attachments.contents(each.obx, title=narratives.name(obx.code_as_sent(each.obx)))
        if sent:
            found += sent
            obx.code(each.obx)
            statuses.append(obx.status(each.obx, Heading())[0])
    known = {_DOC_STATUS[each] for each in statuses if each in _DOC_STATUS}
    return tuple(found), known.pop() if len(known) == 1 else None


def _origins(filing: Filing) -> tuple[str, ...]:
    readers = [each.obx for each in filing.contents.documents]
    readers += [reader for each in texts(filing) for reader in (each.obx, *each.further)]
    return tuple(reader.label for reader in readers if reader.touched)
