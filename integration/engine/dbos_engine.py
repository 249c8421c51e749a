"""The `Engine` port on DBOS Transact: durable queues in SQLite, or in PostgreSQL for many workers.

Owns order within a partition and the life of a worker. Must not know messages or what a flow decides.
The traps of DBOS that are closed here are each held by a test in tests/integration/engine.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import IO, NamedTuple, cast

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, SetWorkflowID

from integration.engine import dbos_guards, dbos_runs
from integration.engine.dbos_pace import Pace
from integration.engine.dbos_runs import APPLICATION, APPLICATION_VERSION
from integration.engine.dbos_sweep import Doctor, Retention
from integration.engine.dbos_turns import Turns
from integration.engine.loop import Loop
from integration.engine.roster import Roster
from integration.engine.slot import take_slot
from integration.engine.tables import SCHEMA, answering, is_sqlite, make_tables, open_database
from integration.errors import Conflict, NotFound, StoreUnavailable
from integration.flows.ports import UNFINISHED, Job, Later, Queue, Run, RunState, Swept, T

#: DBOS counts every claim, also of runs that only waited for their turn: a backstop to our own count.
_CLAIMS_TO_PARK = 25
#: Pause between two looks at what still runs while the worker stops, seconds.
_DRAIN_LOOK_S = 0.05
#: SQLite has one writer; more connections only wait for each other.
_SQLITE_CONNECTIONS = 5
#: Connections that DBOS keeps for its own threads, beside those for runs.
_SPARE_CONNECTIONS = 6


class _Raised(BaseException):
    """Carries a step's exception past DBOS, which would keep it as the step's result."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class _Unkept(contextlib.AbstractContextManager[None]):
    """Turns an exception of a step into `_Raised`."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            raise _Raised(error)


class _Open(NamedTuple):
    """What may not be shared across a fork."""

    pid: int
    sql: sa.Engine
    client: DBOSClient
    roster: Roster
    doctor: Doctor


class DbosEngine:
    """`Engine` and `EngineLifecycle` on DBOS.

    Unstarted it takes, lists and replays; nothing is opened before the first call or carried over a
    fork. Started, it also runs jobs; one in a process.
    """

    def __init__(  # noqa: PLR0913 - settings, each with its default
        self,
        url: str,
        *,
        executor: str,
        queues: Sequence[Queue],
        polling_s: float = 0.05,
        dead_after_s: float = 30.0,
        keep_done_s: float = 24 * 3600.0,
        keep_failed_s: float = 30 * 24 * 3600.0,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        """Remember the settings.

        Args:
            url: `sqlite:///path` or `postgresql+psycopg://...`; not the store's own SQLite file.
            executor: stable name of this worker, unique among all workers of the database.
            queues: the queues that all workers share.
            polling_s: pause between two looks at a queue, seconds; shorter while it works (`dbos_pace`).
            dead_after_s: a worker silent for so many seconds is dead; its runs go to others.
            keep_done_s: seconds for which runs that returned are remembered.
            keep_failed_s: the same for runs that raised or were parked.
            on_death: called when a thread of the worker dies, so that the process can end.
        """
        self._url = url
        self._executor = executor
        self._queues = {queue.name: queue for queue in queues}
        self._polling_s = polling_s
        self._dead_after_s = dead_after_s
        self._retention = Retention(keep_done_s, keep_failed_s)
        self._on_death = on_death
        self._workflows: dict[str, Callable[[str], Later | None]] = {}
        self._opening = threading.Lock()
        self._held: _Open | None = None
        self._slot: IO[str] | None = None
        self._turns: Turns | None = None
        self._loops: tuple[Loop, ...] = ()
        ordered = [queue.name for queue in queues if queue.ordered]
        self._pace = Pace(ordered, lambda: self._open().client, idle_s=polling_s)
        self._parked_at_start: tuple[Run, ...] = ()
        dbos_guards.refuse_pickle()

    # The port

    def workflow(self, name: str, fn: Callable[[str], Later | None]) -> None:
        """See `Engine.workflow`."""
        if self._turns:
            raise ValueError("workflows are named before the engine starts")
        self._workflows[name] = fn

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """See `Engine.enqueue`."""
        for job in jobs:
            if job.workflow not in self._workflows or job.queue not in self._queues:
                raise ValueError(f"this engine has no workflow {job.workflow} on a queue {job.queue}")
        with answering():
            opened = self._open()
            with opened.sql.begin() as connection:
                for job in jobs:
                    dbos_runs.insert(
                        opened.client,
                        connection,
                        job,
                        run_id=job.run_id,
                        partition=self._partition(job),
                        delay_s=job.delay_s,
                    )

    def _partition(self, job: Job) -> str | None:
        if not self._queues[job.queue].ordered:
            return None
        # ":" cannot occur in a partition that was asked for.
        return job.partition or f"only:{job.subject_id}"

    def step(self, name: str, fn: Callable[[], T]) -> T:
        """See `Engine.step`."""

        def unkept() -> T:
            with _Unkept():
                value = fn()
                if not (value is None or isinstance(value, str | int)):
                    raise TypeError(
                        f"a step returns an id, a number, a flag or None, not {type(value).__name__}"
                    )
            return value

        try:
            with answering():
                return DBOS.run_step({"name": name}, unkept)
        except _Raised as raised:
            raise raised.error from None

    def list(
        self,
        *,
        states: Collection[RunState] = (),
        queue: str | None = None,
        run_ids: Collection[str] = (),
        limit: int = 100,
    ) -> tuple[Run, ...]:
        """See `Engine.list`."""
        with answering():
            rows = self._open().client.list_workflows(
                workflow_ids=[*run_ids] or None,
                status=dbos_runs.statuses(frozenset(states)) or None,
                queue_name=queue,
                limit=limit,
                load_input=False,
                # Joins a second table, and only what failed has anything there.
                load_output=not states or RunState.FAILED in states,
            )
        # Rows of one commit share their moment.
        return tuple(sorted(filter(None, map(dbos_runs.read, rows)), key=lambda run: (run.queued_at, run.id)))

    def replay(self, run_id: str, from_step: int = 1) -> str:
        """See `Engine.replay`."""
        with answering():
            client = self._open().client
            rows = client.list_workflows(workflow_ids=[run_id], load_output=False)
            known = dbos_runs.read(rows[0]) if rows else None
            if known is None:
                raise NotFound(f"no run {run_id}")
            if known.state in UNFINISHED:
                raise Conflict(f"run {run_id} has not finished")
            # Parking empties the row's queue; the arguments still name it.
            _, queue, partition, _ = cast("Sequence[str]", rows[0].input["args"] if rows[0].input else ())
            number = 1
            while client.list_workflows(
                workflow_ids=[dbos_runs.replay_of(run_id, number)], load_output=False
            ):
                number += 1
            with SetWorkflowID(dbos_runs.replay_of(run_id, number)):
                client.fork_workflow(
                    run_id,
                    from_step,
                    application_version=APPLICATION_VERSION,
                    queue_name=queue,
                    queue_partition_key=partition,
                )
        return dbos_runs.replay_of(run_id, number)

    def sweep(self) -> Swept:
        """See `Engine.sweep`."""
        with answering():
            swept = self._open().doctor.sweep(self._executor, here=self._turns.here if self._turns else None)
        parked, self._parked_at_start = self._parked_at_start, ()
        return replace(swept, parked=parked + swept.parked)

    # The life of a worker

    def migrate(self) -> None:
        """Make or upgrade the tables. The first worker to start does it; so may an operator, before.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        with answering():
            make_tables(self._open().sql)
            DBOS.migrate(self._url, schema=SCHEMA)

    def start(self) -> None:
        """See `EngineLifecycle.start`."""
        if self._turns:
            raise ValueError("the engine has started")
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop, 0)
            self._slot = take_slot(self._url, self._executor)
            self.migrate()
            with answering():
                opened = self._open()
                self._register_queues(opened.client)
                self._parked_at_start = opened.doctor.after_start(self._executor)
                opened.roster.beat(self._executor)
                self._turns = self._launch(opened)
            undo.pop_all()
        ticks = {"engine-heartbeat": self._beat, "engine-pace": self._pace.tick}
        self._loops = tuple(Loop(name, tick, self._on_death) for name, tick in ticks.items())
        for loop in self._loops:
            loop.start()

    def _register_queues(self, client: DBOSClient) -> None:
        for queue in self._queues.values():
            client.register_queue(
                queue.name,
                worker_concurrency=queue.prefetch or queue.concurrency,
                partition_concurrency=1 if queue.ordered else None,
                polling_interval_sec=self._polling_s,
            )

    def _launch(self, opened: _Open) -> Turns:
        turns = Turns(
            sql=opened.sql,
            client=opened.client,
            roster=opened.roster,
            limits={queue.name: queue.concurrency for queue in self._queues.values()},
            ended=self._pace.ended,
        )
        dbos_guards.quieten_logs()
        DBOS(
            config=DBOSConfig(
                name=APPLICATION,
                system_database_engine=opened.sql,
                dbos_system_schema=SCHEMA,
                application_version=APPLICATION_VERSION,
                executor_id=self._executor,
                serializer=dbos_guards.IdSerializer(),
                log_level="WARNING",
            )
        )
        for name, fn in self._workflows.items():
            DBOS.workflow(name=name, max_recovery_attempts=_CLAIMS_TO_PARK)(turns.workflow(name, fn))
        with contextlib.ExitStack() as undo:
            undo.callback(DBOS.destroy, destroy_registry=True)
            DBOS.launch()
            undo.pop_all()
        return turns

    def _beat(self) -> float:
        with answering():
            self._open().roster.beat(self._executor)
        return self._dead_after_s / 6

    def stop(self, drain_s: float) -> None:
        """See `EngineLifecycle.stop`."""
        if self._turns and self._loops:
            self._turns.close()
            # What cannot be waited for or given back now is taken up at the next start.
            with contextlib.suppress(StoreUnavailable), answering():
                self._drain(self._turns, drain_s)
            DBOS.destroy(destroy_registry=True)
            for loop in self._loops:
                loop.stop()
            with contextlib.suppress(StoreUnavailable), answering():
                self._open().doctor.after_stop(self._executor, here=self._turns.here)
            self._turns, self._loops = None, ()
        if self._held:
            self._held.sql.dispose()
            self._held = None
        if self._slot:
            self._slot.close()
            self._slot = None

    def _drain(self, turns: Turns, drain_s: float) -> None:
        """Wait until every run that began here has its outcome on disk."""
        doctor, deadline = self._open().doctor, time.monotonic() + drain_s
        while turns.any_begun(run.workflow_id for run in doctor.claimed(self._executor)):
            if time.monotonic() > deadline:
                return
            time.sleep(_DRAIN_LOOK_S)

    def _open(self) -> _Open:
        with self._opening:
            if self._held is None or self._held.pid != os.getpid():
                if self._held:
                    # The parent's connections are the parent's to close.
                    self._held.sql.dispose(close=False)
                self._held = self._connect()
            return self._held

    def _connect(self) -> _Open:
        runs = sum(queue.concurrency for queue in self._queues.values())
        connections = _SQLITE_CONNECTIONS if is_sqlite(self._url) else runs + _SPARE_CONNECTIONS
        sql = open_database(self._url, connections=connections)
        client = DBOSClient(
            system_database_engine=sql,
            dbos_system_schema=SCHEMA,
            serializer=dbos_guards.IdSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
            lazy=True,
        )
        roster = Roster(sql)
        return _Open(
            os.getpid(), sql, client, roster, Doctor(client, roster, self._retention, self._dead_after_s)
        )
