"""Workers that die: what they had is done once more, in order, by them or by others; a poison is parked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.flows.ports import Queue, RunState
from tests.house.tree import ROOT
from tests.integration.engine.engines import DATABASES, Both, build, job, unfinished
from tests.support.serving import wait_for

pytestmark = pytest.mark.system


class Worker:
    """Worker processes on one database, and their common log."""

    def __init__(self, kind: str, place: str, folder: Path) -> None:
        self.kind, self.place, self.folder = kind, place, folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, executor: str = "worker-1") -> subprocess.Popen[bytes]:
        before = self.said("ready")
        arguments = [self.kind, self.place, executor, str(self.folder)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.engine.worker_process", *arguments],
            cwd=ROOT,
            env={key: value for key, value in os.environ.items() if not key.startswith("COV")},
        )
        self.processes.append(process)
        wait_for(lambda: self.said("ready") > before or process.poll() is not None, what="a worker")
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait(30)

    def lines(self) -> list[list[str]]:
        log = self.folder / "log"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []

    def said(self, word: str) -> int:
        return sum(line[0] == word for line in self.lines())

    def subjects(self, word: str) -> list[str]:
        return [line[1] for line in self.lines() if line[0] == word]

    def hold(self) -> None:
        (self.folder / "hold").touch()

    def release(self) -> None:
        (self.folder / "hold").unlink()


@pytest.fixture(params=DATABASES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def worker(kind: str, place: str, tmp_path: Path) -> Iterator[Worker]:
    workers = Worker(kind, place, tmp_path)
    yield workers
    for process in workers.processes:
        if process.poll() is None:
            workers.kill(process)


@pytest.fixture
def engine(kind: str, place: str) -> Iterator[Both]:
    """The door's view of the engine: it takes and lists, and runs nothing."""
    queues = [Queue("messages", 4)]
    client = build(kind, place, {"work": lambda _: None}, queues=queues, executor="door", dead_after_s=2.0)
    yield client
    client.stop(0)


def test_a_killed_worker_goes_on_where_it_was(worker: Worker, engine: Both) -> None:
    """After kill -9 in the middle, at any step, all is done; finished steps are not repeated, order is kept."""
    engine.enqueue([job(f"m-{place}", partition=f"p-{place % 3}", priority=place + 1) for place in range(12)])
    # Twice only: a run that was there at three crashes is parked.
    for steps in (5, 14):
        process = worker.start()
        wait_for(lambda steps=steps: worker.said("end") >= steps)  # type: ignore[misc]
        worker.kill(process)
    worker.start()

    wait_for(lambda: not unfinished(engine))

    finished = list(dict.fromkeys(worker.subjects("done")))
    assert {f"m-{place}" for place in range(12)} == set(finished)
    for partition in range(3):
        expected = [f"m-{place}" for place in range(partition, 12, 3)]
        assert expected == [subject for subject in finished if subject in expected]
    # A step ran again only where a kill came between its end and its commit: one of each worker's four.
    ends = Counter(tuple(line[1:]) for line in worker.lines() if line[0] == "end")
    assert 36 == len(ends)
    assert ends.total() <= 36 + 2 * 4
    assert 12 == len(engine.list(states=[RunState.DONE]))


def test_a_poisonous_message_is_parked_alone(worker: Worker, engine: Both) -> None:
    """A message that kills its worker three times is parked; those that ran beside it are not."""
    worker.hold()
    engine.enqueue([job(f"m-{place}") for place in range(3)])
    first = worker.start()
    wait_for(lambda: worker.said("begin") == 3)
    engine.enqueue([job("poison-1", partition="p"), job("m-3", partition="p", priority=2)])
    first.wait(30)
    worker.release()

    for _ in range(2):
        worker.start().wait(30)
    worker.start()

    wait_for(lambda: not unfinished(engine))
    assert 3 == [line[1] for line in worker.lines() if line[0] == "begin"].count("poison-1")
    assert ["poison-1"] == worker.subjects("parked")
    assert ["poison-1"] == [run.subject_id for run in engine.list(states=[RunState.PARKED])]
    assert {f"m-{place}" for place in range(4)} == set(worker.subjects("done"))


def test_two_poisons_do_not_park_their_neighbours(worker: Worker, engine: Both) -> None:
    """However many crashes their neighbours cause, innocent messages are done."""
    engine.enqueue([job("m-1"), job("poison-1"), job("once-1"), job("poison-2")])

    for _ in range(12):
        process = worker.start()
        wait_for(lambda process=process: not unfinished(engine) or process.poll() is not None)  # type: ignore[misc]
        if not unfinished(engine):
            break

    assert {"poison-1", "poison-2"} == {run.subject_id for run in engine.list(states=[RunState.PARKED])}
    assert {"m-1", "once-1"} == set(worker.subjects("done"))


def test_another_worker_takes_over(worker: Worker, engine: Both) -> None:
    """The runs of a worker that never comes back are done by another, once it counts as dead."""
    worker.hold()
    engine.enqueue([job(f"m-{place}", partition="a", priority=place + 1) for place in range(3)])
    dead = worker.start("worker-dead")
    wait_for(lambda: worker.said("begin") == 1)
    worker.kill(dead)
    worker.release()
    done: list[str] = []
    living = build(
        worker.kind,
        worker.place,
        {"work": done.append},
        queues=[Queue("messages", 4)],
        executor="worker-2",
        dead_after_s=1.0,
    )
    living.start()

    try:
        wait_for(lambda: living.sweep().resumed == 1)
        wait_for(lambda: not unfinished(engine))
    finally:
        living.stop(1)

    assert ["m-0", "m-1", "m-2"] == done


def test_a_poison_that_travels_is_parked(worker: Worker, engine: Both) -> None:
    """Crashes are counted over workers: a message that kills one after the other is parked by the next."""
    engine.enqueue([job("poison-1")])
    for name in ("worker-a", "worker-b", "worker-c"):
        process = worker.start(name)
        # The later ones find it only once its last worker counts as dead.
        wait_for(lambda process=process: _sweep_until_dead(engine, process))  # type: ignore[misc]

    wait_for(lambda: engine.sweep().parked)

    assert ["poison-1"] == [run.subject_id for run in engine.list(states=[RunState.PARKED])]
    assert 3 == worker.said("begin")


def _sweep_until_dead(engine: Both, process: subprocess.Popen[bytes]) -> bool:
    engine.sweep()
    return process.poll() is not None
