"""Committed messages go to the engine, in the order of their commits, however often this process dies.

Owns admission: how far the engine's queue may run ahead of the workers. Must not know what a message says.

A message is committed in the store, enqueued in the engine, then marked in the store as dispatched. A crash
between the last two enqueues it again, which changes nothing: its run has its id and its round for a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from integration.flows.ports import MAX_PRIORITY, UNFINISHED, Engine, Job, RunState
from integration.store.records import Undispatched

#: Messages that are enqueued in one commit of the engine.
BATCH = 128
#: Pause between two looks at the store, seconds: after work, and at most when there is none.
SHORT_S = 0.05
LONG_S = 0.1
#: So close after the wrap of priorities, messages from before it may still wait.
_NEAR = 100_000


class Outgoing(Protocol):
    """What the dispatcher needs of the inbox."""

    def undispatched(self, limit: int) -> Sequence[Undispatched]:
        """Accepted messages that the engine was not handed yet, in the order of their commits."""

    def mark_dispatched(self, message_ids: Sequence[str]) -> Future[None]:
        """Remember that the engine has these messages."""


#: What is to be run for a message.
Plan = Callable[[Undispatched], Job]


def plan(queue: str, workflow: str) -> Plan:
    """The plan that runs one workflow for every message, ordered by its order key.

    The key is a keyed digest already; its commit's number is its place.
    """

    def job_of(row: Undispatched) -> Job:
        return Job(
            queue=queue,
            workflow=workflow,
            subject_id=row.message_id,
            partition=row.order_key.replace(":", ".") or None,
            priority=1 + row.seq % MAX_PRIORITY,
            round=row.replays,
        )

    return job_of


class Dispatcher:
    """Hands committed messages to the engine. `tick` is to be called by a `Loop`."""

    def __init__(
        self, inbox: Outgoing, engine: Engine, job_of: Plan, *, queue: str, ahead: int = 256
    ) -> None:
        """Remember the parts.

        Args:
            inbox: the store's side.
            engine: the engine's side.
            job_of: what to run for a message.
            queue: the queue that `job_of` names.
            ahead: messages that may wait in the engine. Enough to keep every worker busy between two
                looks; the rest of a backlog waits in the store, where it costs nothing.
        """
        self._inbox = inbox
        self._engine = engine
        self._job_of = job_of
        self._queue = queue
        self._ahead = ahead
        self._room = 0
        self._pause = SHORT_S

    def tick(self) -> float:
        """Hand over what there is room for; return the seconds until the next look.

        Raises:
            StoreUnavailable: the store or the engine's database; nothing is lost, try again.
        """
        if self._room <= 0:
            waiting = self._engine.list(states=(RunState.WAITING,), queue=self._queue, limit=self._ahead)
            self._room = self._ahead - len(waiting)
            if self._room <= 0:
                return SHORT_S
        wanted = min(self._room, BATCH)
        rows = self._before_the_wrap(self._inbox.undispatched(wanted))
        if not rows:
            self._pause = min(LONG_S, 1.5 * self._pause)
            return self._pause
        self._pause = SHORT_S
        self._engine.enqueue([self._job_of(row) for row in rows])
        self._inbox.mark_dispatched([row.message_id for row in rows]).result()
        self._room -= len(rows)
        return 0.0 if len(rows) == wanted else SHORT_S

    def _before_the_wrap(self, rows: Sequence[Undispatched]) -> Sequence[Undispatched]:
        """The rows that may go now: priorities begin again at 1 after 2**31 messages.

        Then a new message would overtake the old ones of its order key. It waits until they are done.
        """
        if not rows:
            return rows
        era = rows[0].seq // MAX_PRIORITY
        if era > 0 and rows[0].seq % MAX_PRIORITY < _NEAR:
            old = self._engine.list(states=UNFINISHED, queue=self._queue, limit=2 * self._ahead)
            if any(run.priority > MAX_PRIORITY - _NEAR for run in old):
                return ()
        return [row for row in rows if row.seq // MAX_PRIORITY == era]
