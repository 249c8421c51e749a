"""What the store holds to be under way and the engine does not: mended at start and on a timer.

Owns the agreement of the two databases, which share no transaction. Must not know what a message says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, Protocol

from integration.engine.dispatcher import Plan
from integration.errors import Conflict, NotFound
from integration.flows.ports import UNFINISHED, Engine, Swept
from integration.states import MessageState
from integration.store.records import Undispatched
from integration.telemetry import logger

_LOG = logger(__name__)
#: Seconds between two sweeps.
EVERY_S = 60.0
#: A message this long with the engine, seconds, must be known to it.
GRACE_S = 30.0
_PAGE = 500
_MOST_RUNS = 100_000
_ACTOR = "worker"
#: Reasons of a parked message: codes that an operator can filter by.
CRASHED_WORKER = "crashed-worker"
RUN_ENDED = "run-ended"


class Pending(Protocol):
    """What the sweep needs of the inbox."""

    def unfinished(self, *, dispatched_before: datetime, after: str, limit: int) -> Sequence[Undispatched]:
        """Messages handed to the engine before a moment that are received, processing or failed.

        By id, beginning after the id `after`.
        """

    def move(
        self, message_id: str, state: MessageState, *, actor: str, reason: str | None = None
    ) -> Future[Any]:
        """Put a message into another state."""


class Sweeper:
    """Sweeps the engine, then compares it with the store. `tick` is to be called by a `Loop`."""

    def __init__(  # noqa: PLR0913 - its parts
        self,
        inbox: Pending,
        engine: Engine,
        job_of: Plan,
        *,
        workflow: str,
        clock: Callable[[], datetime],
        beside: Sequence[Sweeper] = (),
    ) -> None:
        """Remember the parts.

        Args:
            inbox: the store's side.
            engine: the engine's side.
            job_of: as for the dispatcher.
            workflow: the workflow that `job_of` names.
            clock: the present moment, aware.
            beside: of other workflows of the same engine, which this one sweeps for them too.
        """
        self._inbox = inbox
        self._engine = engine
        self._job_of = job_of
        self._workflow = workflow
        self._clock = clock
        self._beside = tuple(beside)
        self._ended: set[tuple[str, int]] = set()

    def tick(self) -> float:
        """Mend what there is to mend; return the seconds until the next sweep.

        Raises:
            StoreUnavailable: the store or the engine's database; try again.
        """
        swept = self._engine.sweep()
        if swept.resumed:
            _LOG.warning("sweep.resumed", count=swept.resumed)
        for each in (self, *self._beside):
            each.mend(swept)
        return EVERY_S

    def mend(self, swept: Swept) -> None:
        """Park what the engine parked, then compare with the store; for one workflow.

        Args:
            swept: what the engine mended; it tells of each parked run once.
        """
        for run in swept.parked:
            if run.workflow == self._workflow:
                self._park(run.subject_id, CRASHED_WORKER)
        self._compare()

    def _compare(self) -> None:
        """Compare every message that should be under way with what the engine has of it."""
        before = self._clock() - timedelta(seconds=GRACE_S)
        ended: set[tuple[str, int]] = set()
        after, lost = "", 0
        runs = self._engine.list(states=UNFINISHED, limit=_MOST_RUNS)
        under_way = {run.subject_id for run in runs if run.workflow == self._workflow}
        while rows := self._inbox.unfinished(dispatched_before=before, after=after, limit=_PAGE):
            after = rows[-1].message_id
            gone = {self._job_of(row).run_id: row for row in rows if row.message_id not in under_way}
            known = {run.id for run in self._engine.list(run_ids=gone.keys(), limit=_PAGE)} if gone else set()
            # The engine's database is younger than the store's: it was lost, or restored from a backup.
            missing = [row for run_id, row in gone.items() if run_id not in known]
            self._engine.enqueue([self._job_of(row) for row in missing])
            lost += len(missing)
            ended |= {(row.message_id, row.replays) for run_id, row in gone.items() if run_id in known}
        if lost:
            _LOG.warning("sweep.enqueued_again", count=lost)
        # With more runs than were asked for, the missing ones say nothing.
        self._park_ended(ended if len(runs) < _MOST_RUNS else set())

    def _park_ended(self, ended: set[tuple[str, int]]) -> None:
        """Park messages whose runs are over and that are not, seen twice.

        Twice, for the two databases are not read at one moment.
        """
        for message_id, _ in ended & self._ended:
            self._park(message_id, RUN_ENDED)
        self._ended = ended

    def _park(self, message_id: str, reason: str) -> None:
        # Conflict: it ended after all, or an operator was quicker.
        with contextlib.suppress(Conflict, NotFound):
            self._inbox.move(message_id, MessageState.PARKED, actor=_ACTOR, reason=reason).result()
            _LOG.warning("message.parked", message_id=message_id, reason=reason)
