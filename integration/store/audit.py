"""The audit chain: what happened, in the transaction in which it happened, each record bound to the last.

A record is the canonical JSON (RFC 8785) of

    {"actor", "at", "details", "kind", "outcome", "prev", "seq", "subject": {"message_id", "resource"}, "v"}

with `prev` the hash of the record before and `seq` counting from 1 without gaps; its hash is the SHA-256 of
that text. Version 1 of this form is fixed for ever: a chain cannot be written anew. No patient data: ids,
codes, counts and keyed digests only. That a chain was cut off at its end is for `checkpoints` to show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from json import loads
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from integration.store import checkpoints
from integration.store.canonical import canonical, quoted
from integration.store.database import Database
from integration.store.ids import utc_text
from integration.store.keys import Keys
from integration.store.records import (
    AuditRecord,
    Break,
    BreakReason,
    SignedCheckpoint,
    VerifyReport,
)
from integration.store.statements import insert, places, run
from mappers.domain.attribution import AuditEvent, AuditOutcome, Software
from mappers.domain.times import Moment
from mappers.fhir import audit_event

#: Of the record's form. A change of the form is a new version beside this one.
VERSION = 1
#: `prev` of the first record.
GENESIS = "0" * 64
_CHUNK = 2000
_COLUMNS = (
    "seq", "version", "at", "kind", "actor", "outcome", "message_id", "resource", "details", "prev", "hash",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM audit WHERE "  # noqa: S608  # constants
#: The record that admitted a message has the number of its row; an index leads to the others.
_TRAIL = (
    f"{_SELECT} seq = (SELECT seq FROM message WHERE id = ?) AND kind = 'message.received'"  # noqa: S608
    f" UNION ALL {_SELECT} message_id = ? AND kind <> 'message.received' ORDER BY seq"
)


class Fact(NamedTuple):
    """An event in the form of its columns; `details` is canonical JSON."""

    at: str
    kind: str
    actor: str
    outcome: str
    message_id: str | None
    resource: str | None
    details: str


class Link(NamedTuple):
    """The last record of the chain."""

    seq: int
    hash: str


def head(connection: Connection) -> Link:
    """The end of the chain as this transaction sees it."""
    row = run(connection, "SELECT seq, hash FROM audit WHERE seq = (SELECT max(seq) FROM audit)").fetchone()
    return Link(row[0], row[1]) if row else Link(0, GENESIS)


def append(connection: Connection, *events: AuditEvent) -> Link:
    """Append records in the caller's transaction, in this order.

    Args:
        connection: of a work of `Database.write`: it holds the store's write lock, so the end cannot move.
        events: what happened.

    Returns:
        the new end of the chain.
    """
    return extend(connection, [_fact(event) for event in events], head(connection))


def extend(connection: Connection, facts: Sequence[Fact], after: Link) -> Link:
    """`append` for who already has columns and knows the end of the chain."""
    seq, prev = after
    rows = []
    for fact in facts:
        seq += 1
        at, kind, actor, outcome, message_id, resource, details = fact
        digest = hashlib.sha256(_text(seq, prev, fact).encode()).hexdigest()
        rows.append((seq, VERSION, at, kind, actor, outcome, message_id, resource, details, prev, digest))
        prev = digest
    if rows:
        insert(connection, "audit", _COLUMNS, rows)
    return Link(seq, prev)


def _fact(event: AuditEvent) -> Fact:
    return Fact(
        event.at.text, event.kind, event.actor, event.outcome.value,
        event.message_id, event.resource, canonical(event.details),
    )  # fmt: skip


def _text(seq: int, prev: str, fact: Fact) -> str:
    """The canonical text of a record; the keys stand in their canonical order."""
    at, kind, actor, outcome, message_id, resource, details = fact
    subject = f'"message_id":{quoted(message_id)}' if message_id is not None else ""
    if resource is not None:
        subject += f'{"," if subject else ""}"resource":{quoted(resource)}'
    return (
        f'{{"actor":{quoted(actor)},"at":{quoted(at)},"details":{details},"kind":{quoted(kind)},'
        f'"outcome":{quoted(outcome)},"prev":{quoted(prev)},"seq":{seq},"subject":{{{subject}}},"v":{VERSION}}}'
    )


@dataclass(frozen=True, slots=True)
class Audit:
    """The chain of one store, for who proves it, exports it and signs how it stands.

    Attributes:
        clock: the present moment, aware.
    """

    database: Database
    keys: Keys
    clock: Callable[[], datetime]

    def append(self, *events: AuditEvent) -> Future[Link]:
        """Append records in a transaction of their own."""
        return self.database.write(lambda connection: append(connection, *events))

    def verify(self, *, checkpoint_file: Path | None = None) -> VerifyReport:
        """Recompute the whole chain and compare it with every checkpoint.

        Args:
            checkpoint_file: signed checkpoints that were kept elsewhere; they show a cut-off end even after
                somebody rewrote this database.

        Returns:
            what holds, and the first record that does not.
        """
        with self.database.read() as connection:
            signed = checkpoints.stored(connection)
            if checkpoint_file is not None:
                signed += checkpoints.read_file(checkpoint_file)
            proof = _Proof({point.last_seq for point in signed})
            after = 0
            while rows := _page(connection, after):
                if not all(map(proof.take, rows)):
                    break
                after = rows[-1].seq
        return proof.report(signed, self.keys)

    def checkpoint(self, *, file: Path | None = None, actor: str = "wardwire") -> SignedCheckpoint:
        """Sign how long the chain is and how it ends; keep that here and, synced, in `file`.

        Raises:
            StoreUnavailable: the database or the file does not take it.
        """
        at = utc_text(self.clock())

        def work(connection: Connection) -> SignedCheckpoint:
            last = head(connection)
            # Numbers have no gaps, so the last one is the count.
            point = checkpoints.sign(self.keys, at=at, count=last.seq, last_seq=last.seq, last_hash=last.hash)
            checkpoints.keep(connection, point)
            details = canonical({"key_id": point.key_id, "last_seq": last.seq})
            fact = Fact(at, "audit.checkpointed", actor, AuditOutcome.SUCCESS.value, None, None, details)
            extend(connection, [fact], last)
            return point

        point = self.database.write(work).result()
        if file is not None:
            checkpoints.append_to_file(file, point, self.keys)
        return point

    def records(self, *, after: int = 0) -> Iterator[AuditRecord]:
        """The records after this sequence number, oldest first, in short reads."""
        while True:
            with self.database.read() as connection:
                rows = _page(connection, after)
            yield from map(record_of, rows)
            if len(rows) < _CHUNK:
                return
            after = rows[-1].seq

    def trail(self, message_id: str) -> tuple[AuditRecord, ...]:
        """All records about one message, oldest first."""
        with self.database.read() as connection:
            sql = _TRAIL.replace("?", places(1, connection))
            return tuple(map(record_of, connection.exec_driver_sql(sql, (message_id, message_id))))

    def export(self, *, software: Software, after: int = 0) -> Iterator[dict[str, Any]]:
        """The records after this sequence number as FHIR R4 AuditEvents."""
        for record in self.records(after=after):
            yield audit_event.write(record.event, seq=record.seq, record_hash=record.hash, software=software)


class _Proof:
    """Recomputes records in their order and remembers the hashes that checkpoints speak of."""

    def __init__(self, wanted: set[int]) -> None:
        self._wanted = wanted
        self._hashes = {0: GENESIS}
        self._link = Link(0, GENESIS)
        self._broken: Break | None = None

    def take(self, row: Row[Any]) -> bool:
        """Whether the next record holds."""
        seq, version, *facts, prev, digest = tuple(row)
        expected = self._link.seq + 1
        if seq != expected:
            self._broken = Break(expected, BreakReason.REMOVED)
        elif version != VERSION or digest != _digest(seq, prev, Fact(*facts)):
            self._broken = Break(seq, BreakReason.ALTERED)
        elif prev != self._link.hash:
            self._broken = Break(seq, BreakReason.REORDERED)
        else:
            self._link = Link(seq, digest)
            if seq in self._wanted:
                self._hashes[seq] = digest
            return True
        return False

    def report(self, signed: Sequence[SignedCheckpoint], keys: Keys) -> VerifyReport:
        breaks = [self._broken] if self._broken else []
        agreeing = 0
        for point in signed:
            if broken := self._compare(point, keys):
                breaks.append(broken)
            elif point.last_seq <= self._link.seq:
                agreeing += 1
        first = min(breaks, key=lambda broken: broken.seq, default=None)
        return VerifyReport(self._link.seq, self._link.hash, agreeing, first)

    def _compare(self, point: SignedCheckpoint, keys: Keys) -> Break | None:
        if not checkpoints.is_genuine(point, keys):
            return Break(point.last_seq, BreakReason.UNSIGNED)
        if point.last_seq > self._link.seq:
            return None if self._broken else Break(self._link.seq + 1, BreakReason.TRUNCATED)
        if self._hashes[point.last_seq] != point.last_hash:
            return Break(point.last_seq, BreakReason.REWRITTEN)
        return None


def _digest(seq: int, prev: str, fact: Fact) -> str | None:
    try:
        return hashlib.sha256(_text(seq, prev, fact).encode()).hexdigest()
    except TypeError:
        return None  # SQLite lets an intruder put bytes where text was


def _page(connection: Connection, after: int) -> Sequence[Row[Any]]:
    sql = f"{_SELECT} seq > {places(1, connection)} ORDER BY seq LIMIT {_CHUNK}"
    return connection.exec_driver_sql(sql, (after,)).all()


def record_of(row: Row[Any]) -> AuditRecord:
    """A row of the chain as what it says."""
    details = {
        key: tuple(value) if isinstance(value, list) else value for key, value in loads(row.details).items()
    }
    event = AuditEvent(
        kind=row.kind, at=Moment(row.at), actor=row.actor, outcome=AuditOutcome(row.outcome),
        message_id=row.message_id, resource=row.resource, details=details,
    )  # fmt: skip
    return AuditRecord(row.seq, event, row.prev, row.hash)
