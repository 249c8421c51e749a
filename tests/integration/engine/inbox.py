"""An inbox in memory, as the dispatcher and the sweep see the store."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from integration.errors import Conflict, StoreUnavailable
from integration.states import MESSAGE_MOVES, MessageState
from integration.store.records import Undispatched

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


@dataclass
class Inbox:
    """Rows by message id: what was committed, its state, and when it was dispatched."""

    rows: dict[str, Undispatched] = field(default_factory=dict)
    states: dict[str, MessageState] = field(default_factory=dict)
    reasons: dict[str, str | None] = field(default_factory=dict)
    dispatched: dict[str, datetime] = field(default_factory=dict)
    now: datetime = NOON
    down: bool = False

    def commit(self, message_id: str, seq: int, *, key: str = "", replays: int = 0) -> None:
        self.rows[message_id] = Undispatched(message_id, seq, key, "default", "ORU^R01", replays)
        self.states[message_id] = MessageState.RECEIVED
        self.dispatched.pop(message_id, None)

    def undispatched(self, limit: int) -> Sequence[Undispatched]:
        self._answer()
        waiting = [row for row in self.rows.values() if row.message_id not in self.dispatched]
        return sorted(waiting, key=lambda row: row.seq)[:limit]

    def mark_dispatched(self, message_ids: Sequence[str]) -> Future[None]:
        self._answer()
        self.dispatched |= dict.fromkeys(message_ids, self.now)
        return done()

    def unfinished(self, *, dispatched_before: datetime, after: str, limit: int) -> Sequence[Undispatched]:
        self._answer()
        under_way = {MessageState.RECEIVED, MessageState.PROCESSING, MessageState.FAILED}
        found = [
            row
            for row in self.rows.values()
            if row.message_id > after
            and self.states[row.message_id] in under_way
            and self.dispatched.get(row.message_id, NOON + timedelta(days=1)) < dispatched_before
        ]
        return sorted(found, key=lambda row: row.message_id)[:limit]

    def move(
        self, message_id: str, state: MessageState, *, actor: str, reason: str | None = None
    ) -> Future[object]:
        self._answer()
        future: Future[object] = Future()
        if state in MESSAGE_MOVES[self.states[message_id]]:
            self.states[message_id], self.reasons[message_id] = state, reason
            future.set_result(None)
        else:
            future.set_exception(Conflict())
        return future

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailable
