"""One claimed run from its claim to its end: its turn, its place in the partition, its postponement.

Owns what happens around a workflow function in a worker. Must not know how runs are claimed or recovered.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient

from integration.engine import dbos_runs
from integration.engine.gate import Closed, Gate
from integration.engine.roster import Roster
from integration.engine.tables import answering
from integration.errors import StoreUnavailable
from integration.flows.ports import Job, Later

T = TypeVar("T")
#: Shortest pause of a job that waits for the one before it, seconds: DBOS wakes sleepers once a second.
_SHORTEST_PAUSE_S = 1.0
_LONGEST_RETRY_S = 10.0
#: More runs than these never run at once.
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Claim:
    """A run as DBOS hands it to a worker."""

    run_id: str
    job: Job
    partition: str | None

    @property
    def first(self) -> str:
        return dbos_runs.first_of(self.run_id)


class Turns:
    """Performs the runs that this worker claimed.

    Attributes:
        here: ids of the claimed runs, those that wait for their turn included.
    """

    def __init__(
        self,
        *,
        sql: sa.Engine,
        client: DBOSClient,
        roster: Roster,
        limits: Mapping[str, int],
        ended: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Remember what runs need.

        Args:
            sql: the engine's database.
            client: of DBOS.
            roster: suspects and holds.
            limits: queue name -> runs side by side.
            ended: called with the queue of a run that ended.
        """
        self._sql = sql
        self._client = client
        self._roster = roster
        self._gate = Gate(limits)
        self._closing = threading.Event()
        self.here: set[str] = set()
        self._ended_of = ended
        self._begun: deque[str] = deque(maxlen=_REMEMBERED)

    def close(self) -> None:
        """Begin no more runs."""
        self._closing.set()
        self._gate.close()

    def any_begun(self, run_ids: Iterable[str]) -> bool:
        """Whether any of these runs began here, of the last thousands that did."""
        return not set(self._begun.copy()).isdisjoint(run_ids)

    def workflow(self, name: str, fn: Callable[[str], Later | None]) -> Callable[..., None]:
        """The function that DBOS calls for a claimed run; its arguments are those of `dbos_runs.insert`."""

        def perform(subject_id: str, queue: str, partition: str | None, priority: int) -> None:
            job = Job(queue=queue, workflow=name, subject_id=subject_id, priority=priority)
            self._take(_Claim(str(DBOS.workflow_id), job, partition), fn)

        return perform

    def _take(self, claim: _Claim, fn: Callable[[str], Later | None]) -> None:
        self.here.add(claim.run_id)
        try:
            standing = self._insist(
                lambda: self._roster.standing(claim.run_id, queue=claim.job.queue, partition=claim.partition)
            )
            hold = standing.hold
            if hold and hold.priority < claim.job.priority and hold.first != claim.first:
                pause = max(_SHORTEST_PAUSE_S, hold.seconds)
                self._insist(lambda: self._postpone(claim, Later(pause, in_order=False)))
                return
            with self._gate.turn(claim.job.queue, alone=standing.suspect):
                self._perform(claim, fn, suspect=standing.suspect)
        finally:
            self.here.discard(claim.run_id)
            self._ended_of(claim.job.queue)

    def _perform(self, claim: _Claim, fn: Callable[[str], Later | None], *, suspect: bool) -> None:
        self._begun.append(claim.run_id)
        if suspect:
            self._insist(lambda: self._roster.try_suspect(claim.run_id))
        with contextlib.ExitStack() as stack:
            stack.push(lambda _kind, error, _trace: self._ended(claim, error, suspect=suspect))
            later = fn(claim.job.subject_id)
        if later:
            self._insist(lambda: self._postpone(claim, later))

    def _ended(self, claim: _Claim, error: BaseException | None, *, suspect: bool) -> bool:
        """Undo what was noted about the run; a run that was taken from this worker has not ended."""
        if error is None or isinstance(error, Exception):
            if suspect:
                self._insist(lambda: self._roster.clear([claim.run_id]))
            if dbos_runs.was_postponed(claim.run_id):
                self._insist(lambda: self._roster.release([claim.first]))
        return False

    def _postpone(self, claim: _Claim, later: Later) -> None:
        """Queue the run's successor and hold the partition for it, in one commit."""
        job = claim.job
        with self._sql.begin() as connection:
            if later.in_order and claim.partition is not None:
                self._roster.hold(
                    connection,
                    queue=job.queue,
                    partition=claim.partition,
                    first=claim.first,
                    priority=job.priority,
                    seconds=later.delay_s,
                )
            dbos_runs.insert(
                self._client,
                connection,
                job,
                run_id=dbos_runs.after(claim.run_id),
                partition=claim.partition,
                delay_s=later.delay_s,
            )

    def _insist(self, act: Callable[[], T]) -> T:
        """Wait for the engine's database as long as it takes: its failure is not the run's.

        Raises:
            Closed: the worker stops; the run stays claimed and is taken up again at the next start.
        """
        pause = 0.1
        while True:
            try:
                with answering():
                    return act()
            except StoreUnavailable:
                if self._closing.wait(pause):
                    raise Closed from None
                pause = min(_LONGEST_RETRY_S, 2 * pause)
