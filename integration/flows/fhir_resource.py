"""The worker's story of a resource that a server gave, or that was submitted: copied, then read by others.

| the resource | becomes |
|---|---|
| of a type that is copied (`local_copies`) | copies of it and of what it refers to, a reading; PROCESSED |
| one that Wardwire wrote itself, or that a machine made, as its label says | PROCESSED, "machine-made" |
| of another type | PROCESSED, reason "kept-not-supported": kept, nothing written |
| so faulty that no valid copy can be made | PARKED, reason "unreadable", its ledger says why |
| at odds with what is stored | PARKED, reason "conflict" |
| one whose server does not answer for what it refers to | FAILED, tried again later |
| gone from its server, though a copy is here | the copy is in error, and says why; its drafts go |

An older version never overwrites a newer one, whatever the order in which they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration.errors import NotFound, SettingsInvalid
from integration.flows.local_copies import BACKGROUND, SUBMITTED, Copied, Copier, LocalCopies
from integration.flows.writing import Scribe
from integration.states import MessageState
from integration.store import extractions, ledgers, messages
from integration.store.database import Database, Transaction
from integration.store.ids import utc_text
from integration.store.records import Act, StoredMessage
from integration.store.result_records import Outcome, WriteOutcome
from integration.store.results import Results
from mappers.domain.issues import Issue, Refused
from mappers.domain.standing import standing
from mappers.domain.times import Moment
from mappers.fhir import copy_provenance, labels, r4
from mappers.fhir import datatypes_reader as types
from mappers.fhir.datatypes import URI_SYSTEM
from mappers.fhir.provenance import Making
from mappers.fhir.result_bundle import Entry

Node = dict[str, Any]

ACTOR = "worker"
GONE = "the resource is no longer on its server"
_KEPT = "kept-not-supported"
_UNREADABLE = "unreadable"
_MACHINE_MADE = "machine-made"
_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True)
class ResourceFlow:
    """What the story needs.

    Attributes:
        copies: finds what was copied before.
        copiers: by channel.
        clock: aware now.
    """

    database: Database
    copies: LocalCopies
    copiers: Mapping[str, Copier]
    clock: Callable[[], datetime]

    def process(self, message: StoredMessage) -> None:
        """End the message with all that it leads to.

        Raises:
            WardwireError: see `retry`.
        """
        assert message.raw is not None
        if message.peer == SUBMITTED:
            self._end(message, want=True)
            return
        resource = r4.decode(message.raw)
        copier = self.copiers.get(message.channel)
        if copier is None:
            raise SettingsInvalid(f"channels.{message.channel}.fhir.base is not set: nothing can be read")
        kind = str(resource.get("resourceType"))
        if kind not in copier.kinds or kind in BACKGROUND:
            self._end(message, reason=_KEPT)
        elif is_machine_made(resource) or self._is_ours(resource):
            self._end(message, reason=_MACHINE_MADE)
        else:
            self._copy(message, resource, copier)

    def _copy(self, message: StoredMessage, resource: Node, copier: Copier) -> None:
        assert message.raw is not None
        recorded = Moment(utc_text(datetime.fromisoformat(message.received_at)))
        try:
            copied = copier.copy(resource, message.raw, recorded=recorded)
        except Refused as refusal:
            self._refuse(message, refusal.issue)
            return
        self.database.write(lambda connection: self._store(connection, message, copied)).result()

    def _store(self, connection: Transaction, message: StoredMessage, copied: Copied) -> None:
        now = self.clock()
        outcomes = self._scribe(connection, message.id, now).write(copied.entries)
        own = next(each for each in outcomes if each.reference == _settled(copied, outcomes))
        if own.outcome is not Outcome.STALE:
            extractions.want(connection, message)
        ledgers.keep(connection, message.id, line(message.control_id, copied.issues, outcomes))
        messages.move(connection, message.id, MessageState.PROCESSED, Act(utc_text(now), ACTOR, None))

    def _end(self, message: StoredMessage, *, reason: str | None = None, want: bool = False) -> None:
        act = Act(utc_text(self.clock()), ACTOR, reason)

        def store(connection: Transaction) -> None:
            if want:
                extractions.want(connection, message)
            messages.move(connection, message.id, MessageState.PROCESSED, act)

        self.database.write(store).result()

    def _refuse(self, message: StoredMessage, issue: Issue) -> None:
        act = Act(utc_text(self.clock()), ACTOR, _UNREADABLE, (issue,))

        def store(connection: Transaction) -> None:
            ledgers.keep(
                connection, message.id, {**line(message.control_id, (issue,), ()), "outcome": "refused"}
            )
            messages.move(connection, message.id, MessageState.PARKED, act)

        self.database.write(store).result()

    def _is_ours(self, resource: Node) -> bool:
        """Whether one of its identifiers is the id of a resource of our own store: we delivered it there."""
        kind = str(resource["resourceType"])
        with self.database.read() as connection:
            return any(_is_there(self.copies.results, connection, kind, each) for each in _uuids(resource))

    def withdraw(self, channel: str, kind: str, name: str, *, message_id: str) -> bool:
        """Mark the copy of what is gone from its server as in error; whether there was one that stood.

        Args:
            channel: whose server it was.
            kind: its type.
            name: its id there.
            message_id: of the message that said so.
        """
        copier = self.copiers.get(channel)
        if copier is None:
            return False
        url = f"{copier.place.base}/{kind}/{name}"

        def store(connection: Transaction) -> bool:
            return self._withdraw(connection, copier, kind, url, message_id)

        return self.database.write(store).result()

    def _withdraw(
        self, connection: Transaction, copier: Copier, kind: str, url: str, message_id: str
    ) -> bool:
        found = self.copies.of_source(connection, kind, url)
        stored = self.copies.results.read(connection, kind, found) if found else None
        if stored is None or stored.deleted:
            return False
        resource = r4.decode(stored.content)
        if resource.get("status") == _IN_ERROR:
            return False
        now = self.clock()
        at = Moment(utc_text(now))
        meta = {key: value for key, value in resource["meta"].items() if key in {"source", "security", "tag"}}
        gone = {**resource, "meta": meta, "status": _IN_ERROR}
        making = Making(copier.software, at, copier.responsible)
        why = copy_provenance.write_withdrawal(f"{kind}/{found}", source=url, reason=GONE, making=making)
        entries = (Entry(gone, standing(_IN_ERROR, at)), Entry(why, None, once=True))
        self._scribe(connection, message_id, now).write(entries)
        if stored.message_id:
            extractions.want(connection, messages.find(connection, stored.message_id))
        return True

    def _scribe(self, connection: Transaction, message_id: str, now: datetime) -> Scribe:
        results = self.copies.results
        return Scribe(connection=connection, results=results, message_id=message_id, now=now, actor=ACTOR)


def is_machine_made(resource: Node) -> bool:
    """Whether a machine said it, as its label says: that is no evidence for what a machine says next."""
    meta = types.node(resource.get("meta"))
    return any(each.get("code") in labels.MACHINE for each in types.nodes(meta.get("security")))


def _uuids(resource: Node) -> Iterator[str]:
    for each in types.nodes(resource.get("identifier")):
        value = types.text(each.get("value")) or ""
        if each.get("system") == URI_SYSTEM and value.startswith("urn:uuid:"):
            yield value.removeprefix("urn:uuid:")


def _is_there(results: Results, connection: Transaction, kind: str, name: str) -> bool:
    try:
        results.read(connection, kind, name)
    except NotFound:
        return False
    return True


def line(control_id: str, issues: Sequence[Issue], outcomes: Sequence[WriteOutcome]) -> dict[str, Any]:
    """The ledger of a resource."""
    return {
        "control_id": control_id,
        "outcome": "converted",
        "issues": [
            {
                "severity": each.severity.value,
                "code": each.code.value,
                "location": each.location,
                "text": each.text,
            }
            for each in issues
        ],
        "segments": {"in": 1, "mapped": 1, "kept": 0, "reported": 0},
        "rows": [],
        "written": [
            {"reference": f"{each.reference}/_history/{each.version}", "outcome": each.outcome.value}
            for each in outcomes
        ],
    }


def _settled(copied: Copied, outcomes: Sequence[WriteOutcome]) -> str:
    """The copy's reference as the store settled it."""
    kind = copied.reference.partition("/")[0]
    of_kind = [each.reference for each in outcomes if each.type == kind]
    return copied.reference if copied.reference in of_kind else of_kind[-1]
