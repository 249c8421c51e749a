"""The story of a Media that holds sound: its local copy heard as a recording in a message is.

| the Media | becomes |
|---|---|
| holds a recording, by its content or as its sender calls it | what `integration.flows.dictations` says |
| holds a picture, a film, nothing | nothing here: who reads pictures has a story of its own |
| is in error, or not done | its drafts are taken back |
| is being made | nothing yet: a later version speaks for it |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from integration.errors import NotFound
from integration.flows.dictations import is_recording
from integration.flows.documents import DocumentStory
from integration.flows.fhir_documents import Chart
from integration.flows.filing_drafts import FiledSource
from integration.flows.local_copies import LocalCopies
from integration.store.database import Database
from integration.store.records import StoredMessage
from mappers.domain.documents import ClinicalDocument, Document, DocumentLink
from mappers.domain.identifiers import Known
from mappers.domain.results import standing
from mappers.fhir import datatypes_reader as types
from mappers.fhir import document_reference, local_copy, r4

Node = dict[str, Any]

_GONE: Final = frozenset({"entered-in-error", "not-done"})
_NOT_YET: Final = frozenset({"preparation", "in-progress", "on-hold"})


@dataclass(frozen=True, slots=True)
class RecordingMediaStory:
    """What the story needs (`flows.reading.Story`).

    Attributes:
        documents: with the reader of recordings alone.
    """

    documents: DocumentStory
    copies: LocalCopies
    database: Database

    def read(self, message: StoredMessage, *, last: bool) -> Sequence[FiledSource]:
        """Hear the recording of one Media; nothing where it is none, or its copy is gone."""
        with self.database.read() as connection:
            try:
                stored = self.copies.of_message(connection, message)
            except NotFound:
                return ()
            resource = r4.decode(stored.content)
            attachment = document_reference.attachment(types.node(resource.get("content")), origin="Media")
            if attachment is None or not _is_sound(attachment) or resource.get("status") in _NOT_YET:
                return ()
            document = _document(resource, attachment)
            # A Media names its visit where a DocumentReference has a context.
            visited = {**resource, "context": {"encounter": [types.node(resource.get("encounter"))]}}
            report = Chart(self.copies, connection).around(visited, document, message)
        filed = self.documents.filed(document, report, message, last=last)
        return (
            FiledSource(
                message_id=message.id,
                source=document.identity.reference,
                version=types.text(types.node(resource.get("meta")).get("source")),
                drafts=filed.drafts,
                whose=filed.whose,
                reading=filed.reading,
            ),
        )


def _is_sound(attachment: Document | DocumentLink) -> bool:
    """By content where it is at hand; what lies elsewhere by what its sender calls it."""
    if isinstance(attachment, Document):
        return is_recording(attachment) or attachment.media_type.startswith("audio/")
    return (attachment.media_type or "").startswith("audio/")


def _document(resource: Node, attachment: Document | DocumentLink) -> ClinicalDocument:
    """The Media in the form that recordings in messages have."""
    said = types.moment(types.node(resource.get("meta")).get("lastUpdated"))
    orders = (
        local_copy.target(reference.get("reference"), "")
        for reference in types.nodes(resource.get("basedOn"))
    )
    made = types.moment(resource.get("createdDateTime"))
    document = ClinicalDocument(
        identity=Known("Media", (str(resource["id"]),)),
        status="entered-in-error" if resource.get("status") in _GONE else "current",
        standing=standing("final", said),
        date=types.moment(resource.get("issued")) or made,
        performed=made,
        attachments=(attachment,),
        related=tuple(Known(kind, (name,)) for kind, name in filter(None, orders)),
    )
    return replace(document, attachments=()) if resource.get("status") in _GONE else document
