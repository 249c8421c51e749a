"""What all resources of one message share: whose chart, which visit, which message, whose account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mappers.domain.attribution import MessageSource
from mappers.domain.identifiers import Identity
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Note
from mappers.domain.times import Moment, Period
from mappers.fhir.account import Account
from mappers.fhir.datatypes import annotation, coding, period
from mappers.fhir.digests import source_uri

Node = dict[str, Any]

NOTE = "http://hl7.org/fhir/StructureDefinition/note"
_TEST_DATA = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
_PRODUCTION = "P"
_MODES = frozenset("DTNV")  # table 0103 but for P


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart that a message is written into.

    Attributes:
        subject: Reference to the patient; None when the message names none.
        encounter: Reference to the visit, if any.
        meta: what every resource of the message bears in `meta`.
    """

    account: Account
    subject: Node | None
    encounter: Node | None
    meta: Node

    def head(self, identity: Identity) -> Node:
        """resourceType, id and meta of a resource."""
        return {"resourceType": identity.kind, "id": identity.id, "meta": dict(self.meta)}


def meta(source: MessageSource, account: Account) -> Node:
    """`meta` of what a message says: its source, its labels, and a mark on everything that is no production.

    `source` is the RFC 6920 URI of the message's bytes, the same as Provenance.entity.what: R4 §2.5.0.4.
    """
    written: Node = {"source": source_uri(source.sha256)}
    labels = [label for one in source.security if (label := coding(one, account))]
    mode = (source.processing_id or _PRODUCTION)[:1].upper()
    if mode != _PRODUCTION:
        labels.append(_TEST_DATA)
    if labels:
        written["security"] = labels
    if mode in _MODES:
        written["tag"] = [{"system": "http://terminology.hl7.org/CodeSystem/v2-0103", "code": mode}]
    return written


def timing(stem: str, value: Moment | Period | None, account: Account) -> Node:
    """`effective[x]`, `collected[x]`: the branch that the value needs, or nothing."""
    if isinstance(value, Moment):
        return {f"{stem}DateTime": value.text}
    written = period(value, account, element=stem)
    return {f"{stem}Period": written} if written else {}


def instant(value: Moment | None, account: Account, *, element: str = "issued") -> str | None:
    """The moment where R4 wants an `instant`; a mere date cannot stand there."""
    if value is None:
        return None
    if value.is_instant:
        return value.text
    text = "a time without zone or seconds is no instant: it is not written"
    account.lose(IssueCode.INCOMPLETE, text, element=element)
    return None


def note_extensions(notes: tuple[Note, ...], path: str, account: Account) -> list[Node]:
    """Notes on a resource that has no `note` in R4."""
    written = []
    for note in notes:
        words = annotation(note, account)
        if words:
            written.append({"url": NOTE, "valueAnnotation": words})
            account.wrote(note.origin, path)
    return written


def notes_of(notes: tuple[Note, ...], path: str, account: Account) -> list[Node]:
    """Notes on a resource that has `note`."""
    written = []
    for note in notes:
        words = annotation(note, account)
        if words:
            written.append(words)
            account.wrote(note.origin, path)
    return written
