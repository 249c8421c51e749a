"""What must be mended from outside a run: runs of workers that died, runs nobody has, runs long finished.

Owns recovery between workers and the engine's retention. Must not know messages or flows.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter

from dbos import DBOSClient, WorkflowStatus

from integration.engine.dbos_runs import first_of, read, statuses
from integration.engine.roster import Roster
from integration.flows.ports import Run, RunState, Swept

#: A run during which its worker died so often is parked.
CRASHES_TO_PARK = 3
#: A run that is claimed by a worker which does not know it is given back after so many seconds.
STRANDED_S = 60.0
_BATCH = 500
_MOST_BATCHES = 20
_RUNNING = statuses(frozenset({RunState.RUNNING}))
_RETURNED = statuses(frozenset({RunState.DONE}))
_BROKEN = statuses(frozenset({RunState.FAILED, RunState.PARKED}))


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished runs are remembered, seconds: those that returned, and those that did not."""

    done_s: float
    failed_s: float


@dataclass(frozen=True, slots=True)
class Doctor:
    """Mends the runs of one database.

    Attributes:
        dead_after_s: a worker silent for so many seconds is dead.
    """

    client: DBOSClient
    roster: Roster
    retention: Retention
    dead_after_s: float

    def sweep(self, executor: str, *, here: Collection[str] | None) -> Swept:
        """Everything at once, unless another worker is at it.

        Args:
            executor: the worker that sweeps.
            here: ids of the runs that it knows to be in its hands; None when it runs no jobs.
        """
        # A sweeper that dies keeps the others from sweeping no longer than it takes to know that it is dead.
        if not self.roster.lease("sweep", holder=executor, seconds=self.dead_after_s):
            return Swept()
        swept = self._sweep(executor, here)
        self.roster.end_lease("sweep", holder=executor)
        return swept

    def _sweep(self, executor: str, here: Collection[str] | None) -> Swept:
        ages = self.roster.ages()
        live = {name for name, age in ages.items() if age < self.dead_after_s}
        if here is not None:
            live.add(executor)
        claimed = self.claimed(None)
        orphans = [run for run in claimed if run.executor_id not in live]
        spared, parked = self.judge(orphans)
        cutoff_ms = (time.time() - STRANDED_S) * 1000
        stranded = [
            run
            for run in claimed
            if here is not None
            and run.executor_id == executor
            and run.workflow_id not in here
            and (run.dequeued_at or 0) < cutoff_ms
        ]
        self.give_back([*spared, *stranded])
        # Last, so that a crash of the sweeper leaves the dead on the list.
        self.roster.forget(ages.keys() - live)
        return Swept(len(spared) + len(stranded), parked, self._forget_finished())

    def claimed(self, executor: str | None) -> Sequence[WorkflowStatus]:
        """Runs that a worker has in its hands; of all workers when none is named."""
        return self.client.list_workflows(
            status=_RUNNING, executor_id=executor, load_input=False, load_output=False
        )

    def after_start(self, executor: str) -> tuple[Run, ...]:
        """Judge what this worker's last life left in its hands; return the runs that were parked.

        DBOS itself resumes the rest when it launches.
        """
        if not self.roster.died(executor):
            return ()
        return self.judge(self.claimed(executor))[1]

    def after_stop(self, executor: str, *, here: Collection[str]) -> None:
        """Give back what was claimed and not begun, and sign off."""
        self.give_back([run for run in self.claimed(executor) if run.workflow_id not in here])
        self.roster.leave(executor)

    def judge(self, runs: Sequence[WorkflowStatus]) -> tuple[list[WorkflowStatus], tuple[Run, ...]]:
        """Count a crash for runs whose worker died; park those with too many.

        Returns:
            The runs that may go on, and those that were parked.
        """
        counts = self.roster.accuse([run.workflow_id for run in runs])
        parked = [run for run in runs if counts[run.workflow_id] >= CRASHES_TO_PARK]
        if parked:
            ids = [run.workflow_id for run in parked]
            self.client.cancel_workflows(ids)
            self.roster.release([first_of(run_id) for run_id in ids])
            self.roster.clear(ids)
        spared = [run for run in runs if counts[run.workflow_id] < CRASHES_TO_PARK]
        told = (read(run) for run in parked)
        return spared, tuple(replace(run, state=RunState.PARKED) for run in told if run)

    def give_back(self, runs: Sequence[WorkflowStatus]) -> None:
        """Put claimed runs back on their queues, in their old place."""
        by_queue = attrgetter("queue_name")
        for queue, group in groupby(sorted(runs, key=by_queue), key=by_queue):
            self.client.resume_workflows([run.workflow_id for run in group], queue_name=queue)

    def _forget_finished(self) -> int:
        return sum(
            len(batch)
            for words, age_s in ((_RETURNED, self.retention.done_s), (_BROKEN, self.retention.failed_s))
            for batch in self._finished(words, age_s)
        )

    def _finished(self, words: list[str], age_s: float) -> Iterator[list[str]]:
        """Batches of forgotten runs; what is left after the last waits for the next sweep."""
        before = datetime.fromtimestamp(time.time() - age_s, UTC).isoformat()
        for _ in range(_MOST_BATCHES):
            found = self.client.list_workflows(
                status=words,
                completed_before=before,
                # Says nothing new, but lets the index on creation end the search.
                end_time=before,
                limit=_BATCH,
                load_input=False,
                load_output=False,
            )
            batch = [run.workflow_id for run in found]
            if not batch:
                return
            self.client.delete_workflows(batch)
            yield batch
            if len(batch) < _BATCH:
                return
