"""Application acknowledgements that are owed (enhanced mode): durable, decided once, each sent once.

| state  | means                                                             | then                          |
|--------|-------------------------------------------------------------------|-------------------------------|
| owed   | the message is accepted and not yet processed                     | due or waived, when it is     |
| due    | processed (AA), or parked or discarded (AE), as its sender wanted | sent, once there is a way     |
| sent   | handed to the transport                                           | again, if the message is sent |
|        |                                                                   | again                         |
| waived | the sender wanted the other outcome only                          | stays                         |

The row is written in the commit that accepts the message, and decided in the commit that moves it: the first
decision stands, whatever a replay brings later. Knows no HL7 but its codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row

from integration.states import MessageState
from integration.store import audit
from integration.store.admission import decode_issues, encode_issues
from integration.store.canonical import canonical
from integration.store.records import Act, Owed
from integration.store.statements import insert, places
from mappers.domain.acknowledgement import Verdict
from mappers.domain.attribution import AuditOutcome
from mappers.domain.issues import Issue

#: The route of an answer over the connection that the message came by.
RETURN = "return"

_OWED = ("message_id", "condition", "route", "header", "state", "issues")
_SHOWN = "message_id, route, header, state, verdict, reason, issues, decided_seq, decided_at"
#: Which outcome a message's end is, for those that are told. A failure that is tried again is no end.
_VERDICTS = {
    MessageState.PROCESSED: Verdict.ACCEPTED,
    MessageState.PARKED: Verdict.ERROR,
    MessageState.DISCARDED: Verdict.ERROR,
}
#: Conditions of table 0155 under which an outcome is told.
_TOLD = {Verdict.ACCEPTED: ("AL", "SU"), Verdict.ERROR: ("AL", "ER")}


class State(StrEnum):
    """See the table above."""

    OWED = "owed"
    DUE = "due"
    SENT = "sent"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Decided:
    """An application acknowledgement whose outcome is known.

    Attributes:
        state: DUE, SENT or WAIVED.
        reason: code of why the message is where it is; None when it was processed without one.
        seq: of the audit record of the decision: monotone.
        at: of the decision, UTC text.
    """

    message_id: str
    route: str
    header: str
    state: State
    verdict: Verdict
    reason: str | None
    issues: tuple[Issue, ...]
    seq: int
    at: str


def owe(connection: Connection, owed: Sequence[tuple[str, Owed]]) -> None:
    """Remember what accepted messages want, in the transaction that accepts them.

    Args:
        connection: of a work of `Database.write`.
        owed: ids of the messages, and what each wants.
    """
    rows = [(key, o.condition, o.route, o.header, State.OWED.value, "[]") for key, o in owed]
    insert(connection, "application_ack", _OWED, rows)


def decide(connection: Connection, message_id: str, state: MessageState, act: Act, *, seq: int) -> None:
    """Settle what a message's sender is told, in the transaction that ends the message; once for all.

    Args:
        connection: of a work of `Database.write`.
        message_id: which.
        state: its new one; those that are no end decide nothing.
        act: who ended it, when and why.
        seq: of the audit record of that.
    """
    verdict = _VERDICTS.get(state)
    if verdict is None:
        return
    sql = (
        "UPDATE application_ack SET state = CASE WHEN condition IN (?, ?) THEN 'due' ELSE 'waived' END,"
        " verdict = ?, reason = ?, issues = ?, decided_seq = ?, decided_at = ?"
        " WHERE message_id = ? AND state = 'owed'"
    ).replace("?", places(1, connection))
    issues = encode_issues(act.issues)
    values = (*_TOLD[verdict], verdict.value, act.reason, issues, seq, act.at, message_id)
    connection.exec_driver_sql(sql, values)


def last_decision(connection: Connection) -> int:
    """`Decided.seq` of the newest; 0 before the first."""
    sql = "SELECT max(decided_seq) FROM application_ack WHERE decided_seq IS NOT NULL"
    return connection.exec_driver_sql(sql).scalar() or 0


def decided_since(connection: Connection, seq: int, *, limit: int = 500) -> tuple[Decided, ...]:
    """Those decided after another one, in that order."""
    place = places(1, connection)
    sql = (
        f"SELECT {_SHOWN} FROM application_ack WHERE decided_seq IS NOT NULL AND decided_seq > {place}"  # noqa: S608
        f" ORDER BY decided_seq LIMIT {place}"
    )
    return tuple(map(_decided, connection.exec_driver_sql(sql, (seq, limit))))


def decided_of(connection: Connection, message_ids: Sequence[str]) -> tuple[Decided, ...]:
    """Those of these messages that are decided."""
    if not message_ids:
        return ()
    sql = (
        f"SELECT {_SHOWN} FROM application_ack"  # noqa: S608
        f" WHERE message_id IN ({places(len(message_ids), connection)}) AND state <> 'owed'"
    )
    return tuple(map(_decided, connection.exec_driver_sql(sql, tuple(message_ids))))


def known(connection: Connection, message_ids: Sequence[str]) -> set[str]:
    """Those of these messages that an acknowledgement is or was owed for."""
    if not message_ids:
        return set()
    wanted = places(len(message_ids), connection)
    sql = f"SELECT message_id FROM application_ack WHERE message_id IN ({wanted})"  # noqa: S608
    return {row[0] for row in connection.exec_driver_sql(sql, tuple(message_ids))}


def due(connection: Connection, *, limit: int = 100) -> tuple[Decided, ...]:
    """Those that wait to be handed to a destination, oldest decision first."""
    sql = (
        f"SELECT {_SHOWN} FROM application_ack WHERE state = 'due' AND route <> 'return'"  # noqa: S608
        f" ORDER BY decided_seq LIMIT {places(1, connection)}"
    )
    return tuple(map(_decided, connection.exec_driver_sql(sql, (limit,))))


def mark_sent(connection: Connection, sent: Sequence[Decided], act: Act) -> None:
    """Remember that these were handed to their transport, with an audit record each.

    Args:
        connection: of a work of `Database.write`.
        sent: some may have been sent before; that is audited too.
        act: who sent them, and when.
    """
    place = places(1, connection)
    sql = f"UPDATE application_ack SET state = 'sent', sent_at = {place} WHERE message_id = {place}"  # noqa: S608
    facts = []
    for each in sent:
        connection.exec_driver_sql(sql, (act.at, each.message_id))
        details = canonical({"route": each.route, "verdict": each.verdict.value})
        outcome = AuditOutcome.SUCCESS.value
        facts.append(
            audit.Fact(act.at, "acknowledgement.sent", act.actor, outcome, each.message_id, None, details)
        )
    audit.extend(connection, facts, audit.head(connection))


def _decided(row: Row[Any]) -> Decided:
    return Decided(
        message_id=row.message_id,
        route=row.route,
        header=row.header,
        state=State(row.state),
        verdict=Verdict(row.verdict),
        reason=row.reason,
        issues=decode_issues(row.issues),
        seq=row.decided_seq,
        at=row.decided_at,
    )
