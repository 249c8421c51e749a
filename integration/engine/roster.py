"""Who works, which runs took a worker down with them, and which partitions wait: the engine's bookkeeping.

Owns the counting of crashes. Must not know DBOS, messages or flows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from integration.engine.tables import HOLD, LEASE, SUSPECT, WORKER, now


@dataclass(frozen=True, slots=True)
class Hold:
    """The job at the head of a partition that asked to run later.

    Attributes:
        first: id of that job's run, without the count of its attempts.
        seconds: from now until it runs again; not negative.
    """

    first: str
    priority: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What must be known of a run before it begins."""

    suspect: bool
    hold: Hold | None


class Roster:
    """Workers, suspects and holds, in the engine's database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._now = now(engine)
        # The two dialects spell it alike; SQLAlchemy has one for each.
        self._insert = sqlite.insert if engine.dialect.name == "sqlite" else postgresql.insert

    # Workers

    def beat(self, executor: str) -> None:
        """Note that a worker is alive."""
        with self._engine.begin() as connection:
            beat = self._insert(WORKER).values(executor=executor, beat=self._now)
            connection.execute(
                beat.on_conflict_do_update(index_elements=["executor"], set_={"beat": self._now})
            )

    def leave(self, executor: str) -> None:
        """Note that a worker stopped in good order: what it left behind is no crash."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(WORKER).where(WORKER.c.executor == executor))

    def died(self, executor: str) -> bool:
        """Whether a worker of this name stopped without saying so."""
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(WORKER.c.executor).where(WORKER.c.executor == executor))
            return found.first() is not None

    def ages(self) -> dict[str, float]:
        """Seconds since each worker was last heard of."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(WORKER.c.executor, (self._now - WORKER.c.beat).label("age")))
            return {row.executor: row.age for row in rows}

    def forget(self, executors: Collection[str]) -> None:
        """Strike dead workers off."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(WORKER).where(WORKER.c.executor.in_(executors)))

    def lease(self, name: str, *, holder: str, seconds: float) -> bool:
        """Take or extend a lease; False while another holder has it."""
        values = {"holder": holder, "until": self._now + seconds}
        with self._engine.begin() as connection:
            taken = connection.execute(
                self._insert(LEASE)
                .values(name=name, **values)
                .on_conflict_do_update(
                    index_elements=["name"],
                    set_=values,
                    where=sa.or_(LEASE.c.holder == holder, LEASE.c.until < self._now),
                )
                .returning(LEASE.c.name)
            )
            return taken.first() is not None

    def end_lease(self, name: str, *, holder: str) -> None:
        """Give a lease back."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(LEASE).where(LEASE.c.name == name, LEASE.c.holder == holder))

    # Suspects

    def accuse(self, run_ids: Collection[str]) -> dict[str, int]:
        """Count a crash of the worker that had these runs; return how many each has now.

        The first crash counts for all of them. From then on each is tried alone, and a crash counts only
        for the one that was being tried: a poisonous message does not take its neighbours with it. The
        same accusation twice counts once.
        """
        if not run_ids:
            return {}
        with self._engine.begin() as connection:
            chosen = SUSPECT.c.run_id.in_(run_ids)
            again = sa.update(SUSPECT).where(chosen, SUSPECT.c.running.is_(True))
            connection.execute(again.values(crashes=SUSPECT.c.crashes + 1, running=False))
            rows = connection.execute(sa.select(SUSPECT.c.run_id, SUSPECT.c.crashes).where(chosen))
            counts = {row.run_id: row.crashes for row in rows}
            fresh = [run_id for run_id in run_ids if run_id not in counts]
            if fresh:
                connection.execute(
                    self._insert(SUSPECT).on_conflict_do_nothing(),
                    [{"run_id": run_id, "crashes": 1, "running": False} for run_id in fresh],
                )
            return counts | dict.fromkeys(fresh, 1)

    def try_suspect(self, run_id: str) -> None:
        """Note, before it begins, that a suspect is being tried."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(SUSPECT).where(SUSPECT.c.run_id == run_id).values(running=True))

    def clear(self, run_ids: Collection[str]) -> None:
        """Forget suspicions: the runs ended, or were parked."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SUSPECT).where(SUSPECT.c.run_id.in_(run_ids)))

    # Holds

    def standing(self, run_id: str, *, queue: str, partition: str | None) -> Standing:
        """What must be known before a run begins, in one look."""
        with self._engine.connect() as connection:
            suspect = connection.execute(
                sa.select(SUSPECT.c.crashes).where(SUSPECT.c.run_id == run_id)
            ).first()
            if partition is None:
                return Standing(suspect is not None, None)
            row = connection.execute(
                sa.select(HOLD.c.first, HOLD.c.priority, (HOLD.c.until - self._now).label("seconds")).where(
                    HOLD.c.queue == queue, HOLD.c.partition == partition
                )
            ).first()
            hold = row and Hold(row.first, row.priority, max(0.0, row.seconds))
            return Standing(suspect is not None, hold)

    def hold(  # noqa: PLR0913 - one row's worth
        self,
        connection: sa.Connection,
        *,
        queue: str,
        partition: str,
        first: str,
        priority: int,
        seconds: float,
    ) -> None:
        """Let the jobs behind `first` in its partition wait, within the caller's transaction."""
        values = {"first": first, "priority": priority, "until": self._now + seconds}
        insert = self._insert(HOLD).values(queue=queue, partition=partition, **values)
        connection.execute(insert.on_conflict_do_update(index_elements=["queue", "partition"], set_=values))

    def release(self, firsts: Collection[str]) -> None:
        """Let the jobs behind these go on."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(HOLD).where(HOLD.c.first.in_(firsts)))
