"""The inbox: every message that reached the door, on disk before it is answered.

One transaction holds the row, the sealed payload (or the name of a blob that is on disk already) and the
audit record; the receipt exists only after its COMMIT was synced. All that wait at once share a commit.
Decides with `admission`; knows nothing of HL7 but the names of its fields.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from integration.errors import NotFound
from integration.states import MessageState
from integration.store import messages
from integration.store.blobs import Blobs
from integration.store.database import Database
from integration.store.ids import utc_text
from integration.store.keys import Keys
from integration.store.preparation import BLOB, Preparation, Prepared
from integration.store.records import Act, Arrival, MessageFilter, Receipt, StoredMessage, Undispatched
from integration.store.registration import is_resend, register
from integration.store.sealing import Sealer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InboxLimits:
    """What an installation may choose.

    Attributes:
        window: how long a resend is recognised.
        inline_bytes: larger payloads become blobs; smaller ones stay in the database, sealed.
    """

    window: timedelta = timedelta(days=7)
    inline_bytes: int = 4096


_DEFAULTS = InboxLimits()


class Inbox:
    """The door's side of the store.

    Args:
        database: whose schema is up to date.
        blobs: for large payloads.
        keys: seal and digest keys.
        clock: the present moment, aware; for moves, not for arrivals.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        keys: Keys,
        *,
        clock: Callable[[], datetime],
        limits: InboxLimits = _DEFAULTS,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._sealer = Sealer(keys.seal)
        self._clock = clock
        self._limits = limits
        self._preparation = Preparation(
            keys, blobs, inline_bytes=limits.inline_bytes, is_resend=self._is_resend
        )
        self._prepare = self._preparation.prepare
        self._behind: dict[str, asyncio.Future[None]] = {}
        # One object for all works, by which the writer recognises that they go together.
        self._admit_together = self._admit

    def submit(self, arrival: Arrival) -> Future[Receipt]:
        """Keep a message; the receipt comes after the COMMIT that holds it.

        Raises (here or from the future):
            StoreUnavailable: nothing is promised; the same message may come again.
        """
        if len(arrival.raw) <= self._limits.inline_bytes:
            return self._database.write_together(self._admit_together, arrival)
        return self._database.write_together(self._admit_together, self._prepare(arrival))

    def submit_with(
        self, arrivals: Sequence[Arrival], then: Callable[[Connection, Sequence[Receipt]], T]
    ) -> Future[T]:
        """Keep messages, and do what follows of them, in one transaction.

        Args:
            arrivals: in this order.
            then: gets their receipts in the transaction that admits them; what it raises undoes all of it.

        Raises (here or from the future):
            StoreUnavailable: as `submit`.
        """
        prepared = [self._prepare(each) for each in arrivals]
        return self._database.write(lambda connection: then(connection, self._admit(connection, prepared)))

    def submit_async(self, arrival: Arrival, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Receipt]:
        """`submit` for a coroutine; to be called in the thread of `loop`, which it never blocks.

        Messages of one order key are committed in the order of these calls, also when a large one waits
        for its blob.
        """
        if len(arrival.raw) <= self._limits.inline_bytes and arrival.order_key not in self._behind:
            return self._database.write_together_async(self._admit_together, arrival, loop)
        before = self._behind.get(arrival.order_key)
        handed_in: asyncio.Future[None] = loop.create_future()
        self._behind[arrival.order_key] = handed_in

        def let_next(_: object = None) -> None:
            if not handed_in.done():
                handed_in.set_result(None)
                if self._behind.get(arrival.order_key) is handed_in:
                    del self._behind[arrival.order_key]

        task = loop.create_task(self._hand_in(arrival, loop, before, let_next))
        # However it ends, and if it is cancelled before it began.
        task.add_done_callback(let_next)
        return task

    async def _hand_in(
        self,
        arrival: Arrival,
        loop: asyncio.AbstractEventLoop,
        before: asyncio.Future[None] | None,
        let_next: Callable[[], None],
    ) -> Receipt:
        prepared = await loop.run_in_executor(None, self._prepare, arrival)
        if before is not None:
            await asyncio.wait((before,))
        done = self._database.write_together_async(self._admit_together, prepared, loop)
        let_next()
        return await done

    def load(self, message_id: str) -> StoredMessage:
        """A message with its bytes as received.

        Raises:
            NotFound: there is none of that id.
            BlobCorrupt: its bytes do not open.
        """
        with self._database.read() as connection:
            found = messages.find(connection, message_id)
            blob, sealed = messages.payload(connection, found.seq)
        if blob is not None:
            raw = self._blobs.get(blob, kind=BLOB)
        elif sealed is not None:
            raw = self._sealer.open(sealed, bound_to=message_id)
        else:
            raise NotFound("the bytes of that message are gone")
        return replace(found, raw=raw)

    def list(self, wanted: MessageFilter) -> tuple[StoredMessage, ...]:
        """Messages without their bytes, newest first."""
        with self._database.read() as connection:
            return messages.listing(connection, wanted)

    def counts(self) -> Mapping[MessageState, int]:
        """How many messages are in each state but PROCESSED."""
        with self._database.read() as connection:
            return messages.backlog(connection)

    def undispatched(self, limit: int = 500) -> tuple[Undispatched, ...]:
        """Accepted messages that the engine was not handed yet, in the order of their commits."""
        with self._database.read() as connection:
            return messages.undispatched(connection, limit)

    def unfinished(self, *, dispatched_before: datetime, after: str, limit: int) -> tuple[Undispatched, ...]:
        """Messages that were handed to the engine before a moment and have not ended, by id after `after`."""
        with self._database.read() as connection:
            return messages.unfinished(
                connection, dispatched_before=utc_text(dispatched_before), after=after, limit=limit
            )

    def mark_dispatched(self, message_ids: Sequence[str]) -> Future[None]:
        """Remember that the engine has these messages."""
        at = utc_text(self._clock())
        return self._database.write(lambda connection: messages.mark_dispatched(connection, message_ids, at))

    def move(
        self, message_id: str, state: MessageState, *, actor: str, reason: str | None = None
    ) -> Future[StoredMessage]:
        """Put a message into another state in a transaction of its own (`messages.move`)."""
        act = Act(utc_text(self._clock()), actor, reason)
        return self._database.write(lambda connection: messages.move(connection, message_id, state, act))

    def _admit(self, connection: Connection, batch: Sequence[Arrival | Prepared]) -> Sequence[Receipt]:
        # Small ones are prepared here: sealing and digests let go of the interpreter lock, and two threads
        # that hand it to and fro for microseconds cost more than they win.
        prepared = [each if isinstance(each, Prepared) else self._prepare(each) for each in batch]
        return register(connection, prepared, window=self._limits.window, keep=self._preparation.keep)

    def _is_resend(self, door_key: str, resend_digest: str) -> bool:
        since = utc_text(self._clock() - self._limits.window)
        with self._database.read() as connection:
            return is_resend(connection, door_key, resend_digest, since)
