"""Reading and moving stored messages, within a connection that is given. Decrypts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, text, union_all

from integration.errors import Conflict, NotFound
from integration.states import MESSAGE_MOVES, MessageState
from integration.store import acknowledgements, audit
from integration.store.admission import decode_issues
from integration.store.canonical import canonical
from integration.store.ids import first_id_at
from integration.store.preparation import SEPARATOR
from integration.store.records import Act, MessageFilter, StoredMessage, Undispatched
from integration.store.statements import places, run
from integration.store.tables import MESSAGES
from mappers.domain.acknowledgement import Verdict
from mappers.domain.attribution import AuditOutcome

_M = MESSAGES.c
_SHOWN = (
    "id", "seq", "channel", "peer", "sender", "control_id", "trigger", "version", "processing_id",
    "received_at", "size", "digest", "order_key", "state", "verdict", "issues", "reason", "attempts",
    "replays", "dispatched_at", "finished_at", "parent_id",
)  # fmt: skip
_FIND = f"SELECT {', '.join(_SHOWN)} FROM message WHERE id ="  # noqa: S608  # constants
#: What a move changes, beside the state.
_MOVED = ("reason", "attempts", "replays", "dispatched_at", "finished_at")
_MOVE = f"UPDATE message SET state = ?, {', '.join(f'{name} = ?' for name in _MOVED)} WHERE id = ?"  # noqa: S608
#: The text after the separator of a door key: bounds the range of all that begin with one control id.
_AFTER_SEPARATOR = chr(ord(SEPARATOR) + 1)
#: As literals, since a planner cannot match a parameter with the condition of a partial index.
_RECEIVED = "state = 'received'"
_OPEN = "state <> 'received' AND state <> 'processed'"
_UNDISPATCHED = "SELECT id, seq, order_key, channel, trigger, replays FROM message WHERE"
_FINISHED = frozenset({MessageState.PROCESSED, MessageState.PARKED, MessageState.DISCARDED})
#: Whose failure the audit record tells; the others are successes.
_OUTCOMES = {
    MessageState.FAILED: AuditOutcome.MINOR_FAILURE,
    MessageState.PARKED: AuditOutcome.SERIOUS_FAILURE,
}


def find(connection: Connection, message_id: str) -> StoredMessage:
    """A message without its bytes.

    Raises:
        NotFound: there is none of that id.
    """
    row = run(connection, f"{_FIND} {places(1, connection)}", (message_id,)).fetchone()
    if row is None:
        raise NotFound("there is no message of that id")
    return _message(row)


def payload(connection: Connection, seq: int) -> tuple[str | None, bytes | None]:
    """Where the bytes of a message are: the name of its blob, or the sealed bytes themselves."""
    sql = (
        "SELECT blob, sealed FROM message LEFT JOIN payload ON payload.seq = message.seq WHERE message.seq ="
    )
    blob, sealed = run(connection, f"{sql} {places(1, connection)}", (seq,)).fetchone()
    return blob, sealed


def listing(connection: Connection, wanted: MessageFilter) -> tuple[StoredMessage, ...]:
    """Messages without their bytes, newest first."""
    query = select(*(_M[name] for name in _SHOWN)).order_by(_M.id.desc()).limit(wanted.limit)
    if wanted.state is not None:
        query = query.where(_M.state == wanted.state.value)
        if wanted.state is not MessageState.PROCESSED:
            query = query.where(text(_RECEIVED if wanted.state is MessageState.RECEIVED else _OPEN))
    if wanted.channel is not None:
        query = query.where(_M.channel == wanted.channel)
    if wanted.since is not None:
        query = query.where(_M.id >= first_id_at(wanted.since))
    if wanted.until is not None:
        query = query.where(_M.id < first_id_at(wanted.until))
    if wanted.before is not None:
        query = query.where(_M.id < wanted.before)
    if wanted.control_id is not None:
        first = select(_M.id).where(
            _M.parent_id.is_(None),
            _M.door_key >= wanted.control_id + SEPARATOR,
            _M.door_key < wanted.control_id + _AFTER_SEPARATOR,
        )
        linked = select(_M.id).where(_M.parent_id.in_(first))
        query = query.where(_M.id.in_(union_all(first, linked)))
    return tuple(map(_message, connection.execute(query)))


def backlog(connection: Connection) -> Mapping[MessageState, int]:
    """How many messages are in each state but PROCESSED, whose count nobody waits for."""
    counts = dict.fromkeys(MessageState, 0)
    del counts[MessageState.PROCESSED]
    sql = " UNION ALL ".join(
        f"SELECT state, count(*) FROM message WHERE {part} GROUP BY state"  # noqa: S608  # constants
        for part in (_RECEIVED, _OPEN)
    )
    for state, count in connection.exec_driver_sql(sql):
        counts[MessageState(state)] = count
    return counts


def undispatched(connection: Connection, limit: int) -> tuple[Undispatched, ...]:
    """Accepted messages that the engine was not handed yet, in the order of their commits."""
    # Of the order only `seq` varies; not every planner sees that.
    sql = f"{_UNDISPATCHED} {_RECEIVED} AND dispatched_at IS NULL ORDER BY state, dispatched_at, seq LIMIT ?"
    sql = sql.replace("?", places(1, connection))
    return tuple(Undispatched(*row) for row in connection.exec_driver_sql(sql, (limit,)))


def unfinished(
    connection: Connection, *, dispatched_before: str, after: str, limit: int
) -> tuple[Undispatched, ...]:
    """Messages that were handed to the engine before a moment and have not ended, by id.

    Args:
        connection: of a read.
        dispatched_before: UTC text.
        after: begins after this id; "" begins at the first.
        limit: how many at most.
    """
    under_way = "dispatched_at < ? AND id > ?"
    sql = (
        f"{_UNDISPATCHED} {_RECEIVED} AND {under_way} UNION ALL"
        f" {_UNDISPATCHED} {_OPEN} AND state IN ('processing', 'failed') AND {under_way} ORDER BY id LIMIT ?"
    ).replace("?", places(1, connection))
    rows = connection.exec_driver_sql(sql, (*(dispatched_before, after) * 2, limit))
    return tuple(Undispatched(*row) for row in rows)


def mark_dispatched(connection: Connection, message_ids: Sequence[str], at: str) -> None:
    """Remember that the engine has them. A message that a worker already moved on is left as it is."""
    if message_ids:
        sql = "UPDATE message SET dispatched_at = ? WHERE id = ? AND dispatched_at IS NULL"
        place = places(1, connection)
        rows = [(at, message_id) for message_id in message_ids]
        connection.exec_driver_sql(sql.replace("?", place), rows)


def move(connection: Connection, message_id: str, state: MessageState, act: Act) -> StoredMessage:
    """Put a message into another state, with its audit record, in the caller's transaction.

    RECEIVED begins a new run: it is dispatched again, under the next replay number. An end of the message
    decides what its sender is told, where it wants to be.

    Args:
        connection: of a work of `Database.write`.
        message_id: which.
        state: the new one.
        act: who does it, when and why.

    Raises:
        NotFound: there is no such message.
        Conflict: `states.MESSAGE_MOVES` does not allow it.
    """
    before = find(connection, message_id)
    if state not in MESSAGE_MOVES[before.state]:
        raise Conflict(f"a message that is {before.state.value} cannot become {state.value}")
    changes: dict[str, Any] = {"state": state, "reason": act.reason, "finished_at": None}
    if state is MessageState.RECEIVED:
        changes |= {"replays": before.replays + 1, "attempts": 0, "dispatched_at": None}
    elif state is MessageState.PROCESSING:
        changes["attempts"] = before.attempts + 1
    elif state in _FINISHED:
        changes["finished_at"] = act.at
    after = replace(before, **changes)
    values = (after.state.value, *(getattr(after, name) for name in _MOVED), message_id)
    run(connection, _MOVE.replace("?", places(1, connection)), values)
    seq = _audit_move(connection, before, state, act)
    acknowledgements.decide(connection, message_id, state, act, seq=seq)
    return after


def _audit_move(connection: Connection, before: StoredMessage, state: MessageState, act: Act) -> int:
    """The sequence number of the record."""
    kind = "message.replayed" if state is MessageState.RECEIVED else f"message.{state.value}"
    details: dict[str, str | int] = {"attempts": before.attempts, "from": before.state.value}
    if act.reason is not None:
        details["reason"] = act.reason
    outcome = _OUTCOMES.get(state, AuditOutcome.SUCCESS).value
    fact = audit.Fact(act.at, kind, act.actor, outcome, before.id, None, canonical(details))
    return audit.extend(connection, [fact], audit.head(connection)).seq


def _message(row: Sequence[Any]) -> StoredMessage:
    values = dict(zip(_SHOWN, row, strict=True))
    values["state"] = MessageState(values["state"])
    values["verdict"] = Verdict(values["verdict"])
    values["issues"] = decode_issues(values["issues"])
    return StoredMessage(**values)
