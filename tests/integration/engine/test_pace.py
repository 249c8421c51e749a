"""When a worker looks often at its queues, and when it stops doing so."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from integration.engine.dbos_engine import DbosEngine
from integration.engine.dbos_pace import BUSY_S, Pace
from integration.flows.ports import Job, Queue
from tests.support.serving import wait_for


def test_the_pause_is_short_while_runs_end() -> None:
    """It changes at the first end, is said again while work goes on, and is long again a second after the last."""
    moment = 100.0
    said: list[tuple[float, float]] = []

    class Rows:
        """Stands for the client of DBOS and for the row of a queue."""

        def retrieve_queue(self, _name: str) -> Any:
            """The row."""
            return self

        def set_polling_interval_sec(self, pause: float) -> None:
            """What is said."""
            said.append((moment, pause))

    pace = Pace(["messages"], Rows, idle_s=0.05, clock=lambda: moment)
    pace.tick()
    pace.ended("elsewhere")
    for tenth in range(50):
        moment = 100 + tenth / 10
        if 10 <= tenth < 35:
            pace.ended("messages")
        pace.tick()

    assert [(101.0, BUSY_S), (103.1, BUSY_S), (104.4, 0.05)] == [(round(at, 1), pause) for at, pause in said]
    assert {"messages": 0.05} == pace.pauses


def test_a_pause_that_is_short_anyway_stays() -> None:
    """Who polls more often than a busy worker does is left alone."""
    pace = Pace(["messages"], lambda: pytest.fail("asked"), idle_s=0.001)
    pace.ended("messages")
    pace.tick()

    assert {} == pace.pauses


def test_jobs_of_one_partition_do_not_wait_for_the_idle_pause(tmp_path: Path) -> None:
    """With half a second between looks, sixty of them would take thirty seconds; they end sooner, in their order."""
    engine = DbosEngine(
        f"sqlite:///{tmp_path / 'engine.sqlite'}", executor="one", queues=[Queue("messages", concurrency=4)],
        polling_s=0.5,
    )  # fmt: skip
    done: list[str] = []
    engine.workflow("process", done.append)
    engine.start()
    try:
        names = [f"m-{number:02}" for number in range(60)]
        engine.enqueue(
            [
                Job(
                    queue="messages",
                    workflow="process",
                    subject_id=each,
                    priority=number,
                    partition="patient",
                )
                for number, each in enumerate(names, 1)
            ]
        )
        began = time.monotonic()
        wait_for(lambda: len(done) == 60, seconds=60, what="all jobs")
        took = time.monotonic() - began
    finally:
        engine.stop(5)

    assert names == done
    assert took < 60 * 0.5 * 0.8
