"""The outbox as the engine's dispatcher and sweep see it: deliveries that wait to be handed out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from integration.states import DeliveryState, MessageState
from integration.store import deliveries
from integration.store.database import Database
from integration.store.ids import utc_text
from integration.store.outbox import Outbox
from integration.store.records import Undispatched


def _never() -> bool:
    return False


class Lane:
    """Deliveries to some destinations, as `Undispatched`: its `channel` is the destination.

    Args:
        database: of the outbox.
        outbox: which.
        destinations: their names; only the first is dispatched from here.
        clock: the present moment, aware.
        quiet: whether the destination does not answer now; then nothing more is handed out, for a backlog
            costs nothing in the store and something in the engine.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        destinations: Sequence[str],
        *,
        clock: Callable[[], datetime],
        quiet: Callable[[], bool] = _never,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._destinations = tuple(destinations)
        self._clock = clock
        self._quiet = quiet

    def undispatched(self, limit: int) -> tuple[Undispatched, ...]:
        """Deliveries that the engine was not handed yet, in the order of their commits."""
        if self._quiet():
            return ()
        with self._database.read() as connection:
            return deliveries.undispatched(connection, self._destinations[0], limit)

    def mark_dispatched(self, delivery_ids: Sequence[str]) -> Future[None]:
        """Remember that the engine has these deliveries."""
        at = utc_text(self._clock())
        return self._database.write(
            lambda connection: deliveries.mark_dispatched(connection, delivery_ids, at)
        )

    def unfinished(self, *, dispatched_before: datetime, after: str, limit: int) -> tuple[Undispatched, ...]:
        """Deliveries that were handed out before a moment and have not ended, by id after `after`."""
        before = utc_text(dispatched_before)
        with self._database.read() as connection:
            return deliveries.unfinished(
                connection, self._destinations, dispatched_before=before, after=after, limit=limit
            )

    def move(
        self, message_id: str, state: MessageState, *, actor: str, reason: str | None = None
    ) -> Future[Any]:
        """Park a delivery whose run is over and that is not; the sweep moves to no other state."""
        return self._outbox.move(message_id, DeliveryState(state.value), actor=actor, reason=reason)
