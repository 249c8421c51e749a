"""Reading and moving stored deliveries, within a connection that is given. Decrypts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, text

from integration.errors import Conflict, NotFound
from integration.states import DELIVERY_MOVES, DeliveryState
from integration.store import audit
from integration.store.canonical import canonical
from integration.store.delivery_records import DeliveryFilter, StoredDelivery
from integration.store.delivery_tables import DELIVERIES, PARCELS
from integration.store.ids import first_id_at
from integration.store.records import Act, Undispatched
from integration.store.statements import places
from mappers.domain.attribution import AuditOutcome

_D = DELIVERIES.c
_SHOWN = tuple(column for column in _D if column.name != "blob")
#: As literals, since a planner cannot match a parameter with the condition of a partial index.
_OPEN = text("state <> 'delivered'")
_HANDED_OUT = "id, seq, order_key, destination, form, rounds"
_FINISHED = frozenset({DeliveryState.DELIVERED, DeliveryState.PARKED, DeliveryState.DISCARDED})
_OVER = (DeliveryState.DELIVERED.value, DeliveryState.DISCARDED.value)
#: Reason of a delivery that has no bytes, for the results could not be written for its destination.
UNWRITABLE = "unwritable"
_OUTCOMES = {
    DeliveryState.RETRYING: AuditOutcome.MINOR_FAILURE,
    DeliveryState.PARKED: AuditOutcome.SERIOUS_FAILURE,
}


def find(connection: Connection, delivery_id: str) -> StoredDelivery:
    """A delivery without its bytes.

    Raises:
        NotFound: there is none of that id.
    """
    row = connection.execute(select(*_SHOWN).where(_D.id == delivery_id)).first()
    if row is None:
        raise NotFound("there is no delivery of that id")
    return _delivery(row)


def known(connection: Connection, delivery_ids: Sequence[str]) -> frozenset[str]:
    """Those of the ids that are stored."""
    query = select(_D.id).where(_D.id.in_(delivery_ids))
    return frozenset(connection.execute(query).scalars())


def content(connection: Connection, seq: int) -> tuple[str | None, bytes | None]:
    """Where the bytes of a delivery are: the name of its blob, or the sealed bytes themselves."""
    query = (
        select(_D.blob, PARCELS.c.sealed)
        .select_from(DELIVERIES.outerjoin(PARCELS, PARCELS.c.seq == _D.seq))
        .where(_D.seq == seq)
    )
    blob, sealed = connection.execute(query).one()
    return blob, sealed


def are_open(connection: Connection, message_ids: Sequence[str]) -> bool:
    """Whether anything of these messages is still to be delivered, or waits for a human."""
    query = select(_D.seq).where(_D.message_id.in_(message_ids), _D.state.not_in(_OVER)).limit(1)
    return connection.execute(query).first() is not None


def open_contents(connection: Connection, form: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """Id, blob and sealed bytes of what has this form and is still to be delivered, or waits for a human."""
    query = (
        select(_D.id, _D.blob, PARCELS.c.sealed)
        .select_from(DELIVERIES.outerjoin(PARCELS, PARCELS.c.seq == _D.seq))
        .where(_D.form == form, _OPEN, _D.state.not_in(_OVER))
    )
    return connection.execute(query).all()


def listing(connection: Connection, wanted: DeliveryFilter) -> tuple[StoredDelivery, ...]:
    """Deliveries without their bytes, newest message first."""
    query = select(*_SHOWN).order_by(_D.id.desc()).limit(wanted.limit)
    if wanted.message_id is not None:
        query = query.where(_D.message_id == wanted.message_id)
    if wanted.state is not None:
        query = query.where(_D.state == wanted.state.value)
        if wanted.state is not DeliveryState.DELIVERED:
            query = query.where(_OPEN)
    if wanted.destination is not None:
        query = query.where(_D.destination == wanted.destination)
    if wanted.since is not None:
        query = query.where(_D.id >= first_id_at(wanted.since))
    return tuple(map(_delivery, connection.execute(query)))


def backlog(connection: Connection) -> Mapping[tuple[str, DeliveryState], int]:
    """How many deliveries of each destination are in each state but DELIVERED, as far as there are any."""
    sql = "SELECT destination, state, count(*) FROM delivery WHERE state <> 'delivered' GROUP BY 1, 2"
    rows = connection.exec_driver_sql(sql)
    return {(destination, DeliveryState(state)): count for destination, state, count in rows}


def oldest_waiting(connection: Connection) -> StoredDelivery | None:
    """The delivery that waits longest for its destination, by its message; None when none does."""
    found = [
        row
        for state in (DeliveryState.PENDING, DeliveryState.RETRYING)
        if (
            row := connection.execute(
                select(*_SHOWN).where(_OPEN, _D.state == state.value).order_by(_D.id).limit(1)
            ).first()
        )
    ]
    return _delivery(min(found, key=lambda row: str(row.id))) if found else None


def undispatched(connection: Connection, destination: str, limit: int) -> tuple[Undispatched, ...]:
    """Deliveries that the engine was not handed yet, in the order of their commits."""
    sql = (
        f"SELECT {_HANDED_OUT} FROM delivery"  # noqa: S608  # ours
        " WHERE dispatched_at IS NULL AND state = 'pending' AND destination = ? ORDER BY seq LIMIT ?"
    ).replace("?", places(1, connection))
    return tuple(Undispatched(*row) for row in connection.exec_driver_sql(sql, (destination, limit)))


def unfinished(
    connection: Connection,
    destinations: Sequence[str],
    *,
    dispatched_before: str,
    after: str,
    limit: int,
) -> tuple[Undispatched, ...]:
    """Deliveries that were handed to the engine before a moment and have not ended, by id.

    Args:
        connection: of a read.
        destinations: of these only.
        dispatched_before: UTC text.
        after: begins after this id; "" begins at the first.
        limit: how many at most.
    """
    columns = (_D.id, _D.seq, _D.order_key, _D.destination, _D.form, _D.rounds)
    query = (
        select(*columns)
        .where(_OPEN, _D.state.in_(("pending", "retrying")), _D.destination.in_(destinations))
        .where(_D.dispatched_at < dispatched_before, _D.id > after)
        .order_by(_D.id)
        .limit(limit)
    )
    return tuple(Undispatched(*row) for row in connection.execute(query))


def mark_dispatched(connection: Connection, delivery_ids: Sequence[str], at: str) -> None:
    """Remember that the engine has them."""
    if delivery_ids:
        change = DELIVERIES.update().where(_D.id == bindparam("which"), _D.dispatched_at.is_(None))
        rows = [{"which": delivery_id} for delivery_id in delivery_ids]
        connection.execute(change.values(dispatched_at=at), rows)


def move(
    connection: Connection, delivery_id: str, state: DeliveryState, act: Act, **changes: Any
) -> StoredDelivery:
    """Put a delivery into another state, with its audit record, in the caller's transaction.

    PENDING begins a new round: it is dispatched again, with the same bytes under the same name.

    Args:
        connection: of a work of `Database.write`.
        delivery_id: which.
        state: the new one.
        act: who does it, when and why.
        changes: further columns.

    Raises:
        NotFound: there is no such delivery.
        Conflict: `states.DELIVERY_MOVES` does not allow it, or it has no bytes to send.
    """
    before = find(connection, delivery_id)
    if state not in DELIVERY_MOVES[before.state]:
        raise Conflict(f"a delivery that is {before.state.value} cannot become {state.value}")
    values: dict[str, Any] = {"state": state.value, "reason": act.reason, "finished_at": None}
    values |= {"next_attempt_at": None, **changes}
    if state is DeliveryState.PENDING:
        if not before.size:
            raise Conflict("this delivery could not be written; replay its message instead")
        values |= {"rounds": before.rounds + 1, "attempts": 0, "rejections": 0}
        values |= {"dispatched_at": None, "queued_at": act.at}
    elif state in _FINISHED:
        values["finished_at"] = act.at
    connection.execute(DELIVERIES.update().where(_D.id == delivery_id).values(values))
    moved = find(connection, delivery_id)
    audit.extend(connection, [_fact(before, moved, act)], audit.head(connection))
    return moved


def _fact(before: StoredDelivery, moved: StoredDelivery, act: Act) -> audit.Fact:
    kind = "delivery.queued" if moved.state is DeliveryState.PENDING else f"delivery.{moved.state.value}"
    details: dict[str, str | int] = {
        "attempts": moved.attempts,
        "delivery": moved.id,
        "destination": moved.destination,
        "from": before.state.value,
    }
    if act.reason is not None:
        details["reason"] = act.reason
    if moved.response is not None:
        details["response"] = moved.response
    outcome = _OUTCOMES.get(moved.state, AuditOutcome.SUCCESS).value
    return audit.Fact(act.at, kind, act.actor, outcome, moved.message_id, None, canonical(details))


def _delivery(row: Row[Any]) -> StoredDelivery:
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name
    return StoredDelivery(**values | {"state": DeliveryState(row.state)})
