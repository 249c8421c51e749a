"""Drafts of a document into the store, in one transaction with what they replace.

Whatever was read, the stored DocumentReference decides: drafts are written only of the content that is
current there, and taken back when it is not current any more. What a person signed stays as it is.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration.errors import NotFound
from integration.flows.writing import Scribe
from integration.store import extractions
from integration.store.database import Database, Transaction
from integration.store.results import Results
from mappers.domain.documents import ClinicalDocument, Document
from mappers.fhir import extracted_bundle, r4
from mappers.fhir.extracted_provenance import Reading
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.whose import Whose

Node = dict[str, Any]
Key = tuple[str, str]

ACTOR = "worker"
WITHDRAWN = "the sender withdrew the document"
REPLACED = "another document replaces it"
READ_ANEW = "the document was sent or read anew"
_DRAFTED = frozenset({"Observation", "DiagnosticReport", "Task"})
#: Statuses of what waits for a person; anything else was decided by one, or is over.
_OPEN = frozenset({"preliminary", "requested", "received", "accepted", "ready", "draft", "on-hold"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What one document became.

    Attributes:
        drafts: of its attachments; none when it is withdrawn or nobody's to read.
        reading: of the document as a whole, for what is taken back.
    """

    message_id: str
    document: ClinicalDocument
    drafts: tuple[WrittenBundle, ...]
    whose: Whose
    reading: Reading


@dataclass(frozen=True, slots=True)
class Cabinet:
    """Where drafts are filed."""

    database: Database
    results: Results

    def file(self, connection: Transaction, filed: Filed, *, now: datetime) -> None:
        """File a document's drafts and take back what they replace, in the caller's transaction."""
        scribe = Scribe(
            connection=connection, results=self.results, message_id=filed.message_id, now=now, actor=ACTOR
        )
        document = filed.document
        for relation in document.relations:
            if relation.kind == "replaces":
                self._retract(scribe, filed, relation.parent.id, REPLACED)
        stored = self._current(connection, "DocumentReference", document.identity.id)
        if stored is None or stored["status"] != "current":
            self._retract(scribe, filed, document.identity.id, WITHDRAWN)
            return
        if not document.attachments or not _has(stored, document):
            return
        entries = [entry for draft in filed.drafts for entry in draft.entries]
        keys = [(entry.resource["resourceType"], entry.resource["id"]) for entry in entries]
        new = tuple(key for key in dict.fromkeys(keys) if key[0] in _DRAFTED)
        self._retract(scribe, filed, document.identity.id, READ_ANEW, keep=new)
        scribe.write(entries)
        extractions.replace_drafts(connection, document.identity.id, new, message_id=filed.message_id)

    def _retract(
        self, scribe: Scribe, filed: Filed, document: str, reason: str, *, keep: Iterable[Key] = ()
    ) -> None:
        """Take back the drafts of a document but for those that are written again."""
        kept = set(keep)
        connection = scribe.connection
        gone = [key for key in extractions.drafts_of(connection, document) if key not in kept]
        stored = [found for key in gone if (found := self._current(connection, *key))]
        drafts = [each for each in stored if each["status"] in _OPEN]
        if drafts:
            bundle = extracted_bundle.retract(drafts, reading=filed.reading, whose=filed.whose, reason=reason)
            scribe.write(bundle.entries)
        for each in stored:
            if each["status"] not in _OPEN:
                # What a person decided stays; the trail says that its document is gone.
                scribe.tell("draft.signed_kept", f"{each['resourceType']}/{each['id']}")
        extractions.replace_drafts(connection, document, kept, message_id=filed.message_id)

    def _current(self, connection: Transaction, kind: str, key: str) -> Node | None:
        try:
            stored = self.results.read(connection, kind, key)
        except NotFound:
            return None
        return None if stored.deleted else r4.decode(stored.content)


def _has(stored: Node, document: ClinicalDocument) -> bool:
    """Whether the stored version has the attachments that were read; it may have more, of other messages."""
    attachments = [content["attachment"] for content in stored["content"]]
    there = [each.get("hash") or each.get("url") for each in attachments]
    read = [_sha1(each.content) if isinstance(each, Document) else each.url for each in document.attachments]
    return set(read) <= set(there)


def _sha1(content: bytes) -> str:
    """As an Attachment has it."""
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode("ascii")
