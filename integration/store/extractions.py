"""Which messages have documents to be read, how far that is, and which drafts a document has now.

The to-do of a message is committed with its results, so that no crash loses it. Has the same face to the
dispatcher and the sweep as the inbox has. Knows nothing of documents, pages or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, and_, select, text
from sqlalchemy.sql.elements import ColumnElement

from integration.errors import Conflict, NotFound
from integration.states import MessageState
from integration.store import audit
from integration.store.database import Database, Transaction
from integration.store.draft_tables import DRAFTS, EXTRACTIONS
from integration.store.ids import utc_text
from integration.store.records import Act, StoredMessage, Undispatched
from mappers.domain.attribution import AuditEvent, AuditOutcome
from mappers.domain.times import Moment

_E = EXTRACTIONS.c
_D = DRAFTS.c
_RECEIVED = MessageState.RECEIVED.value
#: What `reason` says of a reading that waits for a study to be whole.
_LOOKED = re.compile(r"settling (\d+) since (\S+) first (\S+)")
#: As text, for a partial index does not answer a bound value.
_IS_RECEIVED = text("state = 'received'")
_OUTCOMES = {MessageState.PARKED: AuditOutcome.SERIOUS_FAILURE}


@dataclass(frozen=True, slots=True)
class StoredExtraction:
    """How far the reading of a message's documents is.

    Attributes:
        state: RECEIVED, PROCESSED or PARKED.
        attempts: how often a worker began.
        reason: code of why it is in its state.
    """

    message_id: str
    state: MessageState
    attempts: int
    reason: str | None


def want(connection: Transaction, message: StoredMessage) -> None:
    """Ask for the documents of a message to be read, or read again, in the caller's transaction."""
    found = connection.execute(select(_E.round).where(_E.message_id == message.id)).scalar()
    fresh = {
        "seq": message.seq,
        "order_key": message.order_key,
        "channel": message.channel,
        "state": _RECEIVED,
        "attempts": 0,
        "dispatched_at": None,
        "finished_at": None,
        "reason": None,
    }
    if found is None:
        connection.execute(EXTRACTIONS.insert().values(message_id=message.id, round=0, **fresh))
    else:
        again = EXTRACTIONS.update().where(_E.message_id == message.id)
        connection.execute(again.values(round=found + 1, **fresh))


def find(connection: Connection, message_id: str) -> StoredExtraction | None:
    """How far a message's documents are; None when it has none to be read."""
    row = connection.execute(select(EXTRACTIONS).where(_E.message_id == message_id)).one_or_none()
    return None if row is None else _extraction(row)


def finish(connection: Transaction, message_id: str, state: MessageState, act: Act) -> None:
    """End a reading with its audit record, in the caller's transaction.

    Raises:
        NotFound: nothing of that message was to be read.
        Conflict: it has ended already.
    """
    before = find(connection, message_id)
    if before is None:
        raise NotFound("no documents of that message are to be read")
    if before.state is not MessageState.RECEIVED:
        raise Conflict(f"the reading is {before.state.value} already")
    ended = EXTRACTIONS.update().where(_E.message_id == message_id)
    connection.execute(ended.values(state=state.value, finished_at=act.at, reason=act.reason))
    event = AuditEvent(
        kind=f"extraction.{state.value}",
        at=Moment(act.at),
        actor=act.actor,
        outcome=_OUTCOMES.get(state, AuditOutcome.SUCCESS),
        message_id=message_id,
        details={"attempts": before.attempts, **({"reason": act.reason} if act.reason else {})},
    )
    audit.append(connection, event)


def drafts_of(connection: Connection, document: str) -> tuple[tuple[str, str], ...]:
    """(type, id) of the drafts that stand for a document, given by its id."""
    found = select(_D.type, _D.id).where(_D.document == document).order_by(_D.type, _D.id)
    return tuple((row.type, row.id) for row in connection.execute(found))


def replace_drafts(
    connection: Transaction, document: str, drafts: Iterable[tuple[str, str]], *, message_id: str
) -> None:
    """Remember these drafts, and no others, as those of a document, in the caller's transaction."""
    connection.execute(DRAFTS.delete().where(_D.document == document))
    rows = [{"document": document, "type": kind, "id": key, "message_id": message_id} for kind, key in drafts]
    if rows:
        connection.execute(DRAFTS.insert(), rows)


class Extractions:
    """The readings to be done, as the dispatcher, the sweep and the flow see them."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def undispatched(self, limit: int) -> tuple[Undispatched, ...]:
        """Readings that the engine was not handed yet, in the order of their messages."""
        waiting = and_(_E.dispatched_at.is_(None), _IS_RECEIVED)
        return self._rows(waiting, _E.seq, limit)

    def unfinished(self, *, dispatched_before: datetime, after: str, limit: int) -> tuple[Undispatched, ...]:
        """Readings that were handed to the engine before a moment and have not ended, by id after `after`."""
        before = utc_text(dispatched_before)
        is_open = and_(_IS_RECEIVED, _E.dispatched_at < before, _E.message_id > after)
        return self._rows(is_open, _E.message_id, limit)

    def _rows(
        self, where: ColumnElement[bool], order: ColumnElement[object], limit: int
    ) -> tuple[Undispatched, ...]:
        found = select(EXTRACTIONS).where(where).order_by(order).limit(limit)
        with self._database.read() as connection:
            return tuple(
                Undispatched(row.message_id, row.seq, row.order_key, row.channel, "", row.round)
                for row in connection.execute(found)
            )

    def mark_dispatched(self, message_ids: Sequence[str]) -> Future[None]:
        """Remember that the engine has these readings."""
        at = utc_text(self._clock())

        def mark(connection: Transaction) -> None:
            handed = EXTRACTIONS.update().where(_E.message_id.in_(message_ids))
            connection.execute(handed.values(dispatched_at=at))

        return self._database.write(mark)

    def begin(self, message_id: str) -> StoredExtraction:
        """Count an attempt.

        Raises:
            NotFound: nothing of that message is to be read.
            Conflict: it has ended.
            StoreUnavailable: the database does not take writes now.
        """

        def count(connection: Transaction) -> StoredExtraction:
            before = find(connection, message_id)
            if before is None:
                raise NotFound("no documents of that message are to be read")
            if before.state is not MessageState.RECEIVED:
                raise Conflict(f"the reading is {before.state.value} already")
            taken = EXTRACTIONS.update().where(_E.message_id == message_id)
            connection.execute(taken.values(attempts=before.attempts + 1))
            return StoredExtraction(message_id, before.state, before.attempts + 1, None)

        return self._database.write(count).result()

    def look(self, message_id: str, instances: int) -> tuple[datetime, datetime]:
        """Note how many instances a study has; the reading that looked counts as no attempt.

        Returns:
            since when the number stands, and when it was first looked at.

        Raises:
            NotFound: nothing of that message is to be read.
            StoreUnavailable: the database does not take writes now.
        """
        now = utc_text(self._clock())

        def note(connection: Transaction) -> tuple[datetime, datetime]:
            before = find(connection, message_id)
            if before is None:
                raise NotFound("no documents of that message are to be read")
            match = _LOOKED.fullmatch(before.reason or "")
            first = match[3] if match else now
            since = match[2] if match and int(match[1]) == instances else now
            noted = EXTRACTIONS.update().where(_E.message_id == message_id)
            looked = f"settling {instances} since {since} first {first}"
            connection.execute(noted.values(reason=looked, attempts=max(0, before.attempts - 1)))
            return datetime.fromisoformat(since), datetime.fromisoformat(first)

        return self._database.write(note).result()

    def move(
        self, message_id: str, state: MessageState, *, actor: str, reason: str | None = None
    ) -> Future[None]:
        """End a reading in a transaction of its own (`finish`)."""
        act = Act(utc_text(self._clock()), actor, reason)
        return self._database.write(lambda connection: finish(connection, message_id, state, act))


def _extraction(row: Row[tuple[object, ...]]) -> StoredExtraction:
    return StoredExtraction(row.message_id, MessageState(row.state), row.attempts, row.reason)
