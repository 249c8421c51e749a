"""What is kept no longer: bytes of messages and deliveries that have ended, and leftovers of a kill.

Rows stay, with their states, digests and audit records: what was received and sent, when, and what became of
it, is told as before; the bytes are gone, and with them replay and a second sending. Each erasure is an audit
record in the transaction that makes it. Results stay as they are but for recordings (`recordings`).

| what | erased when it is older than the setting and |
|---|---|
| bytes of a message | it was processed, discarded or refused, and nothing of it waits to be read or sent |
| bytes of a delivery | it was delivered or discarded |
| recordings in results | nobody waits for them: no reading, no person, no destination |

A file that holds them is set aside first and removed an hour later, when no row names it still: a new message
with the same bytes, which arrives in between, is served from it or has written its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, exists, or_, select, update

from integration.store import audit
from integration.store.blobs import Blobs
from integration.store.database import Database
from integration.store.delivery_tables import DELIVERIES, PARCELS
from integration.store.draft_tables import EXTRACTIONS
from integration.store.ids import utc_text
from integration.store.recordings import Recordings
from integration.store.tables import MESSAGES, PAYLOADS
from mappers.domain.attribution import AuditEvent
from mappers.domain.times import Moment

_ACTOR: Final = "retention"
_BATCH: Final = 200
#: Half-written and set-aside files younger than this may still be at work.
_AGE_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How long bytes are kept; None is for ever."""

    messages: timedelta | None = None
    deliveries: timedelta | None = None
    recordings: timedelta | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of what is kept: its rows, the table of its small payloads, and the audit record of an end."""

    rows: Table
    small: Table
    event: str


class Retention:
    """Erases what the settings say, and sweeps the blob folder.

    Args:
        database: of the store.
        blobs: the folder of large payloads.
        terms: how long bytes are kept.
        clock: aware now.
        recordings: erases those in results.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        terms: Terms,
        clock: Callable[[], datetime],
        *,
        recordings: Recordings | None = None,
    ) -> None:
        self._recordings = recordings
        self._database = database
        self._blobs = blobs
        self._terms = terms
        self._clock = clock

    def run(self) -> int:
        """Erase all that is due, then sweep; how many payloads were erased.

        Raises:
            StoreUnavailable: the database or the blob folder does not take it.
        """
        now = self._clock()
        erased = 0
        if self._terms.messages is not None:
            due = _due_messages(now - self._terms.messages)
            erased += self._erase(due, _Kind(MESSAGES, PAYLOADS, "message.erased"))
        if self._terms.deliveries is not None:
            due = _due_deliveries(now - self._terms.deliveries)
            erased += self._erase(due, _Kind(DELIVERIES, PARCELS, "delivery.erased"))
        if self._terms.recordings is not None and self._recordings is not None:
            erased += self._recordings.erase(before=now - self._terms.recordings)
        self._blobs.sweep(before=now.timestamp() - _AGE_S)
        self._blobs.clear_aside(before=now.timestamp() - _AGE_S, is_named=self._is_named)
        return erased

    def _erase(self, due: Any, kind: _Kind) -> int:
        erased = 0
        while True:
            with self._database.read() as connection:
                found = connection.execute(due.limit(_BATCH)).all()
            if not found:
                return erased
            for blob in {row.blob for row in found if row.blob is not None}:
                self._blobs.set_aside(blob)
            self._database.write(partial(self._forget, found=found, kind=kind)).result()
            erased += len(found)

    def _forget(self, connection: Connection, *, found: Sequence[Row[Any]], kind: _Kind) -> None:
        numbers = [row.seq for row in found]
        connection.execute(update(kind.rows).where(kind.rows.c.seq.in_(numbers)).values(blob=None))
        connection.execute(delete(kind.small).where(kind.small.c.seq.in_(numbers)))
        at = Moment(utc_text(self._clock()))
        for row in found:
            details = {} if kind.rows is MESSAGES else {"delivery": row.id}
            event = AuditEvent(
                kind=kind.event, at=at, actor=_ACTOR, message_id=row.message_id, details=details
            )
            audit.append(connection, event)

    def _is_named(self, blob: str) -> bool:
        with self._database.read() as connection:
            return any(
                connection.execute(select(exists().where(table.c.blob == blob))).scalar_one()
                for table in (MESSAGES, DELIVERIES)
            )


def _due_messages(before: datetime) -> Any:
    """Messages that have ended and whose bytes nobody waits for."""
    m = MESSAGES.c
    held = or_(m.blob.is_not(None), exists().where(PAYLOADS.c.seq == m.seq))
    read = exists().where(EXTRACTIONS.c.message_id == m.id, EXTRACTIONS.c.state != "processed")
    sent = exists().where(
        DELIVERIES.c.message_id == m.id, DELIVERIES.c.state.not_in(("delivered", "discarded"))
    )
    return (
        select(m.seq, m.id.label("message_id"), m.blob)
        .where(
            m.received_at < utc_text(before),
            m.state.in_(("processed", "discarded", "refused")),
            held,
            ~read,
            ~sent,
        )
        .order_by(m.seq)
    )


def _due_deliveries(before: datetime) -> Any:
    """Deliveries that have ended."""
    d = DELIVERIES.c
    held = or_(d.blob.is_not(None), exists().where(PARCELS.c.seq == d.seq))
    return (
        select(d.seq, d.id, d.message_id, d.blob)
        .where(d.finished_at < utc_text(before), d.state.in_(("delivered", "discarded")), held)
        .order_by(d.seq)
    )
