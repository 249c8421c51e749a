"""The outbox: the exact bytes for each destination, committed with the results that they tell.

One row per message and destination. The same content for the same destination is the same delivery, so that
a replay which changes nothing sends nothing. Knows parcels and states; nothing of HL7, FHIR or sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from integration.errors import NotFound
from integration.states import DeliveryState
from integration.store import audit, counterparts, deliveries
from integration.store.blobs import Blobs
from integration.store.canonical import canonical
from integration.store.database import Database
from integration.store.delivery_records import DeliveryFilter, Outcome, Parcel, StoredDelivery
from integration.store.ids import ENTROPY, message_id, utc_text
from integration.store.keys import Keys
from integration.store.records import Act, StoredMessage
from integration.store.sealing import Sealer
from integration.store.statements import insert
from mappers.domain.attribution import AuditOutcome

#: Kind of blob, and what the seal of a small parcel is bound to.
BLOB = "delivery"
_ACTOR = "worker"
_CONTROL_ID = 20
_COLUMNS = (
    "seq", "id", "message_id", "destination", "form", "control_id", "order_key", "state", "reason",
    "response", "queued_at", "finished_at", "size", "digest", "blob",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """A parcel with its name, sealed; a large one is on disk as a blob already."""

    parcel: Parcel
    id: str
    control_id: str
    message_id: str
    order_key: str
    size: int
    digest: str
    blob: str | None
    sealed: bytes | None


class Outbox:
    """The destinations' side of the store.

    Args:
        database: whose schema is up to date.
        blobs: for large parcels.
        keys: seal and digest keys.
        clock: the present moment, aware.
        inline_bytes: larger parcels become blobs.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        keys: Keys,
        *,
        clock: Callable[[], datetime],
        inline_bytes: int = 4096,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._keys = keys
        self._sealer = Sealer(keys.seal)
        self._clock = clock
        self._inline_bytes = inline_bytes

    def prepare(self, message: StoredMessage, parcel: Parcel, *, in_row: bool = False) -> Prepared:
        """Name and seal a parcel before the transaction that adds it.

        Args:
            message: which it comes from.
            parcel: what is to go.
            in_row: its bytes stay in the database, whatever their length: nothing is written here.

        Raises:
            StoreUnavailable: the blob folder does not take it.
        """
        about = f"{message.id}|{parcel.destination}|{parcel.form}|{parcel.problem or ''}|"
        mark = self._keys.mark_of(b"".join((about.encode(), *parcel.pieces)))
        control_id = mark[:_CONTROL_ID]
        content = control_id.encode().join(parcel.pieces)
        entropy = bytes.fromhex(mark)[-ENTROPY:]
        delivery_id = message_id(datetime.fromisoformat(message.received_at), entropy)
        sealed = blob = None
        if len(content) > self._inline_bytes and not in_row:
            blob = self._blobs.put(content, kind=BLOB)
        elif content:
            sealed = self._sealer.seal(content, bound_to=_place(delivery_id))
        return Prepared(
            parcel, delivery_id, control_id, message.id, message.order_key, len(content),
            self._keys.digest_of(content), blob, sealed,
        )  # fmt: skip

    def add(self, connection: Connection, prepared: Sequence[Prepared], now: datetime) -> tuple[str, ...]:
        """Add deliveries in the caller's transaction; those that are there already stay as they are.

        Args:
            connection: of a work of `Database.write`.
            prepared: in the order in which a destination is to get them.
            now: aware.

        Returns:
            the ids of those that are new.
        """
        new = {each.id: each for each in prepared}
        if not new:
            return ()
        for delivery_id in deliveries.known(connection, tuple(new)):
            del new[delivery_id]
        at = utc_text(now)
        end = audit.head(connection)
        rows = [_row(each, end.seq + n, at) for n, each in enumerate(new.values(), start=1)]
        audit.extend(connection, [_made(each, at) for each in new.values()], end)
        insert(connection, "delivery", _COLUMNS, rows)
        sealed = [
            (end.seq + n, each.sealed)
            for n, each in enumerate(new.values(), start=1)
            if each.sealed is not None
        ]
        insert(connection, "parcel", ("seq", "sealed"), sealed)
        return tuple(new)

    def find(self, delivery_id: str) -> StoredDelivery:
        """A delivery without its bytes.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.read() as connection:
            return deliveries.find(connection, delivery_id)

    def load(self, delivery_id: str) -> StoredDelivery:
        """A delivery with its exact bytes.

        Raises:
            NotFound: there is none of that id, or it never had bytes.
            BlobCorrupt: its bytes do not open.
        """
        with self._database.read() as connection:
            found = deliveries.find(connection, delivery_id)
            blob, sealed = deliveries.content(connection, found.seq)
        if blob is not None:
            return replace(found, content=self._blobs.get(blob, kind=BLOB))
        if sealed is None:
            raise NotFound("this delivery has no bytes")
        return replace(found, content=self._sealer.open(sealed, bound_to=_place(delivery_id)))

    def open_contents(self, connection: Connection, form: str) -> Iterator[bytes]:
        """The bytes of what has this form and is still to be delivered, or waits for a human.

        Raises:
            BlobCorrupt: some do not open.
        """
        for row in deliveries.open_contents(connection, form):
            if row.blob is not None:
                yield self._blobs.get(row.blob, kind=BLOB)
            elif row.sealed is not None:
                yield self._sealer.open(row.sealed, bound_to=_place(row.id))

    def list(self, wanted: DeliveryFilter) -> tuple[StoredDelivery, ...]:
        """Deliveries without their bytes, newest message first."""
        with self._database.read() as connection:
            return deliveries.listing(connection, wanted)

    def counts(self) -> Mapping[tuple[str, DeliveryState], int]:
        """How many deliveries of each destination are in each state but DELIVERED."""
        with self._database.read() as connection:
            return deliveries.backlog(connection)

    def oldest_waiting(self) -> StoredDelivery | None:
        """The delivery that waits longest for its destination; None when none does."""
        with self._database.read() as connection:
            return deliveries.oldest_waiting(connection)

    def settle(self, delivery: StoredDelivery, outcome: Outcome) -> Future[StoredDelivery]:
        """Record what an attempt came to, in a transaction of its own.

        Raises (from the future):
            Conflict: an operator moved it meanwhile to where this outcome no longer matters.
        """
        act = Act(utc_text(self._clock()), _ACTOR, outcome.reason)
        changes: dict[str, Any] = {
            "response": outcome.response,
            "attempts": delivery.attempts + 1,
            "rejections": delivery.rejections + outcome.rejected,
            "next_attempt_at": utc_text(outcome.next_attempt) if outcome.next_attempt else None,
        }
        sealed = self._sealer.seal(outcome.said, bound_to=_words(delivery.id)) if outcome.said else None

        def work(connection: Connection) -> StoredDelivery:
            moved = deliveries.move(connection, delivery.id, outcome.state, act, **changes)
            if sealed is not None:
                counterparts.keep_refusal(connection, delivery.id, sealed)
            return moved

        return self._database.write(work)

    def said(self, delivery_id: str) -> bytes | None:
        """What the destination said when it refused a delivery last; None when nothing was kept.

        Raises:
            NotFound: there is no delivery of that id.
            BlobCorrupt: it does not open.
        """
        with self._database.read() as connection:
            found = deliveries.find(connection, delivery_id)
            sealed = counterparts.refusal(connection, found.id)
        return None if sealed is None else self._sealer.open(sealed, bound_to=_words(delivery_id))

    def move(
        self, delivery_id: str, state: DeliveryState, *, actor: str, reason: str | None = None
    ) -> Future[StoredDelivery]:
        """Put a delivery into another state in a transaction of its own (`deliveries.move`)."""
        act = Act(utc_text(self._clock()), actor, reason)
        return self._database.write(lambda connection: deliveries.move(connection, delivery_id, state, act))


def _place(delivery_id: str) -> str:
    return f"{BLOB}|{delivery_id}"


def _words(delivery_id: str) -> str:
    return f"refusal|{delivery_id}"


def _state(parcel: Parcel) -> DeliveryState:
    return DeliveryState.PENDING if parcel.problem is None else DeliveryState.PARKED


def _row(each: Prepared, seq: int, at: str) -> tuple[Any, ...]:
    parcel, state = each.parcel, _state(each.parcel)
    parked = state is DeliveryState.PARKED
    return (
        seq, each.id, each.message_id, parcel.destination, parcel.form, each.control_id, each.order_key,
        state.value, deliveries.UNWRITABLE if parked else None, parcel.problem, at, at if parked else None,
        each.size, each.digest, each.blob,
    )  # fmt: skip


def _made(each: Prepared, at: str) -> audit.Fact:
    """The audit record whose number is the place of the delivery."""
    parked = each.parcel.problem is not None
    details = {
        "delivery": each.id,
        "destination": each.parcel.destination,
        "digest": each.digest,
        "form": each.parcel.form,
        **({"reason": deliveries.UNWRITABLE, "place": each.parcel.problem} if parked else {}),
    }
    outcome = AuditOutcome.SERIOUS_FAILURE if parked else AuditOutcome.SUCCESS
    kind = "delivery.parked" if parked else "delivery.queued"
    return audit.Fact(at, kind, _ACTOR, outcome.value, each.message_id, None, canonical(details))
