"""The `Engine` port within one process: for tests, and wherever work need not outlive the process.

Owns the same order, rounds, replays and postponements as the durable adapter, kept in memory. What it takes
is gone with the process. Must not know messages or what a flow decides.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from integration.errors import Conflict, NotFound
from integration.flows.ports import UNFINISHED, Job, Later, Queue, Run, RunState, Swept, T


@dataclass(slots=True)
class _Record:
    """A run and what is known of it.

    Attributes:
        due: monotonic seconds at which it may run.
        kept: results of its steps, in order.
    """

    id: str
    job: Job
    number: int
    due: float
    state: RunState = RunState.WAITING
    error: str | None = None
    kept: list[str | int | bool | None] = field(default_factory=list)
    queued_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def first(self) -> str:
        return self.id.partition("+")[0]

    @property
    def line(self) -> tuple[str, str]:
        """What it must not run beside, or before its turn."""
        return self.job.queue, self.job.partition or f"only:{self.job.subject_id}"

    @property
    def place(self) -> tuple[int, int]:
        return self.job.priority, self.number


class _Steps(threading.local):
    """Which run this thread performs, and how many of its steps it has passed."""

    record: _Record | None = None
    passed: int = 0


class InProcessEngine:
    """`Engine` and `EngineLifecycle` in memory, with threads."""

    def __init__(self, queues: Sequence[Queue]) -> None:
        """Args: queues: as for any engine; `prefetch` means nothing here."""
        self._queues = {queue.name: queue for queue in queues}
        self._workflows: dict[str, Callable[[str], Later | None]] = {}
        self._records: dict[str, _Record] = {}
        #: (queue, partition) -> first run and priority of the job that asked to run later, in order.
        self._holds: dict[tuple[str, str], tuple[str, int]] = {}
        self._changed = threading.Condition()
        self._steps = _Steps()
        self._pool: ThreadPoolExecutor | None = None
        self._clerk: threading.Thread | None = None

    def workflow(self, name: str, fn: Callable[[str], Later | None]) -> None:
        """See `Engine.workflow`."""
        if self._pool:
            raise ValueError("workflows are named before the engine starts")
        self._workflows[name] = fn

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """See `Engine.enqueue`."""
        for job in jobs:
            if job.workflow not in self._workflows or job.queue not in self._queues:
                raise ValueError(f"this engine has no workflow {job.workflow} on a queue {job.queue}")
        with self._changed:
            for job in jobs:
                if job.run_id not in self._records:
                    self._add(job.run_id, job, delay_s=job.delay_s)

    def _add(self, run_id: str, job: Job, *, delay_s: float) -> _Record:
        record = _Record(run_id, job, len(self._records), time.monotonic() + delay_s)
        self._records[run_id] = record
        self._changed.notify_all()
        return record

    def step(self, name: str, fn: Callable[[], T]) -> T:  # noqa: ARG002 - named for the durable adapter
        """See `Engine.step`."""
        record, place = self._steps.record, self._steps.passed
        if record is None:
            return fn()
        self._steps.passed += 1
        if place < len(record.kept):
            return record.kept[place]  # type: ignore[return-value]  # what this very step returned before
        value = fn()
        if not (value is None or isinstance(value, str | int)):
            raise TypeError(f"a step returns an id, a number, a flag or None, not {type(value).__name__}")
        record.kept.append(value)
        return value

    def list(
        self,
        *,
        states: Collection[RunState] = (),
        queue: str | None = None,
        run_ids: Collection[str] = (),
        limit: int = 100,
    ) -> tuple[Run, ...]:
        """See `Engine.list`."""
        with self._changed:
            found = [
                run
                for run in map(self._run_of, self._records.values())
                if (not states or run.state in states)
                and queue in (None, run.queue)
                and (not run_ids or run.id in run_ids)
            ]
        return tuple(found[:limit])

    def _run_of(self, record: _Record) -> Run:
        delayed = record.state is RunState.WAITING and record.due > time.monotonic()
        return Run(
            id=record.id,
            queue=record.job.queue,
            workflow=record.job.workflow,
            subject_id=record.job.subject_id,
            round=record.job.round,
            state=RunState.DELAYED if delayed else record.state,
            priority=record.job.priority,
            queued_at=record.queued_at,
            error=record.error,
        )

    def replay(self, run_id: str, from_step: int = 1) -> str:
        """See `Engine.replay`."""
        with self._changed:
            record = self._records.get(run_id)
            if record is None:
                raise NotFound(f"no run {run_id}")
            if record.state in UNFINISHED:
                raise Conflict(f"run {run_id} has not finished")
            original = record.first.partition("~")[0]
            number = 1
            while f"{original}~{number}" in self._records:
                number += 1
            replayed = self._add(f"{original}~{number}", record.job, delay_s=0)
            replayed.kept = record.kept[: from_step - 1]
            return replayed.id

    def sweep(self) -> Swept:
        """See `Engine.sweep`: what cannot outlive the process has nothing to mend."""
        return Swept()

    def start(self) -> None:
        """See `EngineLifecycle.start`."""
        if self._pool:
            raise ValueError("the engine has started")
        self._pool = ThreadPoolExecutor(sum(queue.concurrency for queue in self._queues.values()), "run")
        self._clerk = threading.Thread(target=self._hand_out, args=(self._pool,), daemon=True)
        self._clerk.start()

    def stop(self, drain_s: float) -> None:
        """See `EngineLifecycle.stop`."""
        pool = self._pool
        if pool is None or self._clerk is None:
            return
        with self._changed:
            self._pool = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running(), drain_s)
        self._clerk.join()
        pool.shutdown(wait=False)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing runs or waits, delayed runs apart; False when the time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running() and self._next()[0] is None, timeout_s)

    def _running(self) -> tuple[_Record, ...]:
        return tuple(record for record in self._records.values() if record.state is RunState.RUNNING)

    def _hand_out(self, pool: ThreadPoolExecutor) -> None:
        with self._changed:
            while self._pool is pool:
                record, pause = self._next()
                if record is None:
                    self._changed.wait(pause)
                    continue
                record.state = RunState.RUNNING
                future = pool.submit(self._perform, record)
                future.add_done_callback(lambda done, record=record: self._ended(record, done))  # type: ignore[misc]

    def _next(self) -> tuple[_Record | None, float | None]:
        """The run whose turn it is, or the seconds until one may come due."""
        moment = time.monotonic()
        waiting = [record for record in self._records.values() if record.state is RunState.WAITING]
        for record in sorted((one for one in waiting if one.due <= moment), key=lambda one: one.place):
            if self._may_run(record):
                return record, None
        return None, min((one.due - moment for one in waiting if one.due > moment), default=None)

    def _may_run(self, record: _Record) -> bool:
        queue = self._queues[record.job.queue]
        running = [one for one in self._running() if one.job.queue == queue.name]
        if len(running) >= queue.concurrency:
            return False
        if not queue.ordered:
            return True
        first, priority = self._holds.get(record.line, (record.first, 0))
        held_back = priority < record.job.priority and first != record.first
        return not held_back and all(one.line != record.line for one in running)

    def _perform(self, record: _Record) -> Later | None:
        self._steps.record, self._steps.passed = record, 0
        return self._workflows[record.job.workflow](record.job.subject_id)

    def _ended(self, record: _Record, done: Future[Later | None]) -> None:
        with self._changed:
            error = done.exception()
            record.state = RunState.FAILED if error else RunState.DONE
            record.error = type(error).__name__ if error else None
            if self._holds.get(record.line, ("", 0))[0] == record.first:
                del self._holds[record.line]
            later = None if error else done.result()
            if later:
                if later.in_order:
                    self._holds[record.line] = (record.first, record.job.priority)
                first, _, again = record.id.partition("+")
                self._add(f"{first}+{int(again or 0) + 1}", record.job, delay_s=later.delay_s)
            self._changed.notify_all()
