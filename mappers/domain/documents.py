"""Documents that came with a message: their bytes, what they are, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass, field

from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.orders import Note
from mappers.domain.people import Practitioner
from mappers.domain.standing import Standing
from mappers.domain.times import Moment


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes of one media type.

    Attributes:
        media_type: MIME type, decided by content, not by label.
        sha256: hex digest of `content`.
        origin: segment label or resource reference that carried it.
    """

    content: bytes
    media_type: str
    sha256: str
    title: str | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class DocumentLink:
    """A document that lies elsewhere (RP); where it lies is kept, nobody went there.

    Attributes:
        url: absolute, `https:`, `urn:oid:`.
        media_type: as its sender calls it.
    """

    url: str
    media_type: str | None = None
    title: str | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class DocumentRelation:
    """What a document is to another one.

    Attributes:
        kind: FHIR document-relationship-type: replaces, appends, transforms, signs.
        parent: the other one.
        number: its number as sent.
    """

    kind: str
    parent: Identity
    number: Identifier


@dataclass(frozen=True, slots=True)
class ClinicalDocument:
    """A document in a chart (OBX with ED or RP; TXA with its OBX).

    Attributes:
        status: FHIR document-reference-status.
        doc_status: FHIR composition-status, where something is said of it.
        attachments: the document; none where a message speaks of it without sending it.
        results: of a report or order that it belongs to: references.
        by_element: several messages say parts of it, each of which stands until another one says it anew.
        origins: labels of its segments.
    """

    identity: Identity
    status: str
    standing: Standing
    doc_status: str | None = None
    number: Identifier | None = None
    identifiers: tuple[Identifier, ...] = field(default=())
    type: Concept | None = None
    date: Moment | None = None
    authors: tuple[Practitioner, ...] = field(default=())
    authenticator: Practitioner | None = None
    security: tuple[Concept, ...] = field(default=())
    description: str | None = None
    relations: tuple[DocumentRelation, ...] = field(default=())
    attachments: tuple[Document | DocumentLink, ...] = field(default=())
    event: tuple[Concept, ...] = field(default=())
    performed: Moment | None = None
    related: tuple[Identity, ...] = field(default=())
    related_numbers: tuple[Identifier, ...] = field(default=())
    notes: tuple[Note, ...] = field(default=())
    by_element: bool = False
    origins: tuple[str, ...] = field(default=())
