"""Drafts of a document into the store, in one transaction with what they replace.

Whatever was read, the stored DocumentReference decides: drafts are written only of the content that is
current there, and taken back when it is not current any more. What a person signed stays as it is, and they
are asked about it again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from integration import telemetry
from integration.errors import NotFound
from integration.flows.writing import Scribe
from integration.store import extractions
from integration.store.database import Database, Transaction
from integration.store.result_records import Outcome, WriteOutcome
from integration.store.results import Results
from mappers.domain.documents import ClinicalDocument, Document
from mappers.domain.sheet import Picture
from mappers.fhir import ai_profiles, extracted_bundle, r4, re_review, signing
from mappers.fhir.authorship import Reading
from mappers.fhir.presented import is_presented
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.whose import Whose

Node = dict[str, Any]
Key = tuple[str, str]

ACTOR = "worker"
_LOG = telemetry.logger(__name__)
WITHDRAWN = "the sender withdrew the document"
_WITHDRAWN_OF = {
    "ImagingStudy": "the sender withdrew the study",
    "Media": "the sender withdrew the picture or recording",
    "DiagnosticReport": "the sender withdrew the report",
}
REPLACED = "another document replaces it"
READ_ANEW = "the document was sent or read anew"
_DRAFTED = frozenset({"Observation", "DiagnosticReport", "DocumentReference", "Task"})
#: Statuses of a resource that does not stand any more (ImagingStudy, Media, DocumentReference, reports).
_WITHDRAWN = frozenset({"entered-in-error", "cancelled", "not-done", "superseded"})
#: Statuses of what waits for a person; anything else was decided by one, or is over.
_OPEN = frozenset({"preliminary", "requested", "received", "accepted", "ready", "draft", "on-hold"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """What one document became.

    Attributes:
        drafts: of its attachments; none when it is withdrawn or nobody's to read.
        reading: of the document as a whole, for what is taken back.
        refused: why attachments were not fetched, one text each.
    """

    message_id: str
    document: ClinicalDocument
    drafts: tuple[WrittenBundle, ...]
    whose: Whose
    reading: Reading
    refused: tuple[str, ...] = ()

    def file(self, connection: Transaction, cabinet: Cabinet, *, now: datetime) -> None:
        """File them (`flows.reading.Fileable`)."""
        cabinet.file(connection, self, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledSource:
    """What a resource became that was read: an ImagingStudy, a Media, a DocumentReference, a report's text.

    Attributes:
        source: reference of the resource in our store, "ImagingStudy/…".
        version: `meta.source` that the stored resource has while this reading speaks for it; None for any.
        drafts: what was drafted of it; none when it was withdrawn or is nobody's to read.
        reading: of the resource as a whole, for what is taken back.
        pictures: that were read, by a name each, for the pages of the drafts.
    """

    message_id: str
    source: str
    version: str | None
    drafts: tuple[WrittenBundle, ...]
    whose: Whose
    reading: Reading
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    def file(self, connection: Transaction, cabinet: Cabinet, *, now: datetime) -> None:
        """File them (`flows.reading.Fileable`)."""
        cabinet.file_source(connection, self, now=now)


@dataclass(frozen=True, slots=True)
class Cabinet:
    """Where drafts are filed.

    Attributes:
        ai_profiles: say in `meta.profile` that they meet AI Transparency on FHIR.
        heard: what became of what is filed is added here, for who sends it on.
    """

    database: Database
    results: Results
    ai_profiles: bool = False
    heard: list[WriteOutcome] | None = None

    def file_source(self, connection: Transaction, filed: FiledSource, *, now: datetime) -> None:
        """File a resource's drafts and take back what they replace, in the caller's transaction.

        | the stored resource | then |
        |---|---|
        | is gone, or withdrawn: its status says so | its drafts are taken back |
        | came from another version than was read | nothing: that version's reading speaks for it |
        | is the one that was read | the drafts are written, earlier ones taken back |
        """
        scribe = self._scribe(connection, filed.message_id, now)
        kind, _, key = filed.source.partition("/")
        stored = self._current(connection, kind, key)
        if stored is None or stored.get("status") in _WITHDRAWN:
            self._retract(scribe, filed, key, _WITHDRAWN_OF.get(kind, WITHDRAWN))
            return
        if filed.version is not None and stored.get("meta", {}).get("source") != filed.version:
            return
        self._replace(scribe, filed, key)

    def _scribe(self, connection: Transaction, message_id: str, now: datetime) -> Scribe:
        return Scribe(
            connection=connection,
            results=self.results,
            message_id=message_id,
            now=now,
            actor=ACTOR,
            heard=self.heard,
        )

    def _replace(self, scribe: Scribe, filed: Filed | FiledSource, key: str) -> None:
        """Write the drafts of what has this id and take back those that they replace."""
        entries = [entry for draft in filed.drafts for entry in draft.entries]
        if self.ai_profiles:
            entries = [replace(each, resource=ai_profiles.claimed(each.resource)) for each in entries]
        keys = [(entry.resource["resourceType"], entry.resource["id"]) for entry in entries]
        new = tuple(each for each in dict.fromkeys(keys) if each[0] in _DRAFTED)
        signed = self._retract(scribe, filed, key, READ_ANEW, keep=new)
        scribe.write(entries)
        extractions.replace_drafts(scribe.connection, key, (*new, *signed), message_id=filed.message_id)

    def file(self, connection: Transaction, filed: Filed, *, now: datetime) -> None:
        """File a document's drafts and take back what they replace, in the caller's transaction."""
        scribe = self._scribe(connection, filed.message_id, now)
        document = filed.document
        for _ in filed.refused:
            scribe.tell("document.refused", document.identity.reference, failed=True)
        for relation in document.relations:
            if relation.kind == "replaces":
                self._retract(scribe, filed, relation.parent.id, REPLACED)
        stored = self._current(connection, "DocumentReference", document.identity.id)
        if stored is None or stored["status"] != "current":
            self._retract(scribe, filed, document.identity.id, WITHDRAWN)
            return
        if not document.attachments or not _has(stored, document):
            return
        self._replace(scribe, filed, document.identity.id)

    def _retract(
        self,
        scribe: Scribe,
        filed: Filed | FiledSource,
        document: str,
        reason: str,
        *,
        keep: Iterable[Key] = (),
    ) -> tuple[Key, ...]:
        """Take back the drafts of what has this id but for those that are written again.

        What a person signed stays, a person is asked about it, and it is remembered for the next change.
        """
        kept = set(keep)
        connection = scribe.connection
        gone = [key for key in extractions.drafts_of(connection, document) if key not in kept]
        stored = [found for key in gone if (found := self._current(connection, *key))]
        drafts = [each for each in stored if _is_open(each)]
        if drafts:
            bundle = extracted_bundle.retract(drafts, reading=filed.reading, whose=filed.whose, reason=reason)
            scribe.write(bundle.entries)
        signed = [each for each in stored if signing.is_final(each)]
        for each in signed:
            scribe.tell("draft.signed_kept", f"{each['resourceType']}/{each['id']}")
            self._alert(scribe, filed, each, reason)
        keys = tuple((each["resourceType"], each["id"]) for each in signed)
        extractions.replace_drafts(connection, document, {*kept, *keys}, message_id=filed.message_id)
        return keys

    def _alert(self, scribe: Scribe, filed: Filed | FiledSource, signed: Node, reason: str) -> None:
        """Ask a person about what they signed and what lost its ground; a replay asks once."""
        is_report = signed["resourceType"] == "DiagnosticReport"
        if not is_report and (signed["resourceType"] != "DocumentReference" or is_presented(signed)):
            return  # results and renderings go with their report
        reference = f"{signed['resourceType']}/{signed['id']}"
        alert = re_review.write(reference, reason=reason, reading=filed.reading, whose=filed.whose)
        if any(
            each.type == "Task" and each.outcome is Outcome.CREATED for each in scribe.write(alert.entries)
        ):
            scribe.tell("review.alert", reference)
            _LOG.warning("review.alert", resource_type=signed["resourceType"], resource_id=signed["id"])

    def _current(self, connection: Transaction, kind: str, key: str) -> Node | None:
        try:
            stored = self.results.read(connection, kind, key)
        except NotFound:
            return None
        return None if stored.deleted else r4.decode(stored.content)


def _is_open(draft: Node) -> bool:
    """Whether it waits for a person; of a DocumentReference `docStatus` says so."""
    decides = "docStatus" if draft["resourceType"] == "DocumentReference" else "status"
    return draft.get(decides) in _OPEN and draft["status"] != "entered-in-error"


def _has(stored: Node, document: ClinicalDocument) -> bool:
    """Whether the stored version has the attachments that were read; it may have more, of other messages."""
    attachments = [content["attachment"] for content in stored["content"]]
    there = [each.get("hash") or each.get("url") for each in attachments]
    read = [_sha1(each.content) if isinstance(each, Document) else each.url for each in document.attachments]
    return set(read) <= set(there)


def _sha1(content: bytes) -> str:
    """As an Attachment has it."""
    return base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode("ascii")
