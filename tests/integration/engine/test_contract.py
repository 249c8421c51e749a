"""What every engine promises, in process, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading

import pytest

from integration.errors import Conflict, NotFound, StoreUnavailable
from integration.flows.ports import Later, Queue, RunState, Swept
from tests.integration.engine.conftest import Make
from tests.integration.engine.engines import Diary, job, unfinished
from tests.support.serving import wait_for


def test_a_job_runs_with_its_subject(make: Make, diary: Diary) -> None:
    """The workflow that a job names is called with the job's subject, and the run is done."""
    engine = make({"work": diary.note})
    engine.start()

    engine.enqueue([job("m-1")])

    wait_for(lambda: not unfinished(engine))
    assert ["m-1"] == diary.entries
    (run,) = engine.list()
    assert ("work:m-1:0", "messages", "work", "m-1", 0, RunState.DONE, None) == (
        run.id, run.queue, run.workflow, run.subject_id, run.round, run.state, run.error,
    )  # fmt: skip


def test_a_job_is_taken_once_in_a_round(make: Make, diary: Diary) -> None:
    """The same job again changes nothing, finished or not; in a new round the subject runs again."""
    engine = make({"work": diary.note})
    engine.enqueue([job("m-1"), job("m-1")])
    engine.start()
    wait_for(lambda: not unfinished(engine))

    engine.enqueue([job("m-1"), job("m-1", round=1)])

    wait_for(lambda: not unfinished(engine))
    assert ["m-1", "m-1"] == diary.entries


def test_a_partition_keeps_the_order_of_priorities(make: Make, diary: Diary) -> None:
    """Jobs of one partition run by priority, whatever the order in which they were taken and their ids."""
    engine = make({"work": diary.note})
    order = [7, 2, 12, 1, 10, 3, 9, 4, 11, 6, 5, 8]
    engine.enqueue([job(f"m-{place}", partition="a", priority=place) for place in order])

    engine.start()

    wait_for(lambda: not unfinished(engine))
    assert [f"m-{place}" for place in range(1, 13)] == diary.entries


def test_a_partition_runs_one_job_at_a_time(make: Make, diary: Diary) -> None:
    """Jobs of one partition never overlap."""
    busy = threading.Lock()

    def work(subject: str) -> None:
        assert busy.acquire(blocking=False)
        diary.note(subject)
        busy.release()

    engine = make({"work": work})
    engine.start()
    engine.enqueue([job(f"m-{place}", partition="a", priority=place) for place in range(1, 9)])

    wait_for(lambda: not unfinished(engine))
    assert () == engine.list(states=[RunState.FAILED])
    assert 8 == len(diary.entries)


def test_partitions_do_not_wait_for_each_other(make: Make) -> None:
    """Two jobs of different partitions, and two without any, run side by side."""
    meeting = threading.Barrier(4)
    engine = make({"work": lambda _: meeting.wait(30) and None})
    engine.start()

    engine.enqueue([job("m-1", partition="a"), job("m-2", partition="b"), job("m-3"), job("m-4")])

    wait_for(lambda: not unfinished(engine))
    assert [RunState.DONE] * 4 == [run.state for run in engine.list()]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_queue_is_no_wider_than_it_says(make: Make, *, ordered: bool) -> None:
    """No more jobs of a queue run at a time than its concurrency, however many are fetched ahead."""
    counting, now, most, full = threading.Lock(), [0], [0], threading.Event()

    def work(_subject: str) -> None:
        with counting:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if now[0] == 2:
                full.set()
        full.wait(30)
        with counting:
            now[0] -= 1

    engine = make({"work": work}, queues=[Queue("messages", 2, ordered=ordered, prefetch=6)])
    engine.start()
    engine.enqueue([job(f"m-{place}") for place in range(8)])

    wait_for(lambda: not unfinished(engine))
    assert 2 == most[0]


def test_a_workflow_that_raises_has_failed(make: Make) -> None:
    """The run is kept as failed under the exception's type name; the next of its partition goes on."""

    def work(subject: str) -> None:
        if subject == "m-1":
            raise StoreUnavailable("Hopper, Grace")

    engine = make({"work": work})
    engine.start()
    engine.enqueue([job("m-1", partition="a"), job("m-2", partition="a", priority=2)])

    wait_for(lambda: not unfinished(engine))
    first, second = engine.list()
    assert (RunState.FAILED, "StoreUnavailable") == (first.state, first.error)
    assert RunState.DONE is second.state
    assert "Hopper" not in repr(first)


def test_later_runs_again_before_the_jobs_behind_it(make: Make, diary: Diary) -> None:
    """A workflow that asks to run later is run again, and its partition waits for it; others do not."""

    def work(subject: str) -> Later | None:
        diary.note(subject)
        return Later(1) if diary.entries.count("m-1") == 1 and subject == "m-1" else None

    engine = make({"work": work})
    engine.enqueue([job(f"m-{place}", partition="a", priority=place) for place in (1, 2, 3)])
    engine.enqueue([job("m-4", partition="b", priority=4)])
    engine.start()

    wait_for(lambda: not unfinished(engine))
    assert ["m-1", "m-1", "m-2", "m-3"] == [entry for entry in diary.entries if entry != "m-4"]
    assert diary.entries.index("m-4") < 3
    assert {"work:m-1:0", "work:m-1:0+1"} <= {run.id for run in engine.list()}


def test_later_can_let_the_others_pass(make: Make, diary: Diary) -> None:
    """Out of order, the jobs behind go on while one waits."""

    def work(subject: str) -> Later | None:
        diary.note(subject)
        return Later(1, in_order=False) if diary.entries.count("m-1") == 1 and subject == "m-1" else None

    engine = make({"work": work})
    engine.enqueue([job(f"m-{place}", partition="a", priority=place) for place in (1, 2)])
    engine.start()

    wait_for(lambda: not unfinished(engine))
    assert ["m-1", "m-2", "m-1"] == diary.entries


def test_later_as_often_as_it_takes(make: Make, diary: Diary) -> None:
    """Each attempt is a run of its own, and a failure at last lets the jobs behind go on."""

    def work(subject: str) -> Later | None:
        diary.note(subject)
        if subject == "m-1" and len(diary.entries) < 3:
            return Later(0.1)
        if subject == "m-1":
            raise NotFound
        return None

    engine = make({"work": work})
    engine.enqueue([job(f"m-{place}", partition="a", priority=place) for place in (1, 2)])
    engine.start()

    wait_for(lambda: not unfinished(engine))
    assert ["m-1", "m-1", "m-1", "m-2"] == diary.entries
    (failed,) = engine.list(states=[RunState.FAILED])
    assert "work:m-1:0+2" == failed.id


def test_a_delay_comes_before_the_first_run(make: Make, diary: Diary) -> None:
    """A delayed job is listed as delayed while others run."""
    engine = make({"work": diary.note})
    engine.start()

    engine.enqueue([job("m-1", delay_s=3600), job("m-2", delay_s=0.1)])

    wait_for(lambda: diary.entries)
    assert ["m-2"] == diary.entries
    assert ["m-1"] == [run.subject_id for run in engine.list(states=[RunState.DELAYED])]


def test_finished_steps_are_kept_for_a_replay(make: Make, diary: Diary) -> None:
    """A replay from step 2 gets step 1's result without running it, and is a run of its own."""
    failing = [True]

    def first() -> str:
        diary.note("first")
        return "result-1"

    def second() -> None:
        diary.note("second")
        if failing[0]:
            raise StoreUnavailable

    def work(_subject: str) -> None:
        given = engine.step("first", first)
        engine.step("second", second)
        diary.note(given)

    engine = make({"work": work})
    engine.start()
    engine.enqueue([job("m-1", partition="a")])
    wait_for(lambda: not unfinished(engine))
    failing[0] = False

    replayed = engine.replay("work:m-1:0", from_step=2)

    wait_for(lambda: not unfinished(engine))
    assert ["first", "second", "second", "result-1"] == diary.entries
    assert {"work:m-1:0": RunState.FAILED, replayed: RunState.DONE} == {
        run.id: run.state for run in engine.list()
    }
    assert "work:m-1:0~2" == engine.replay("work:m-1:0")


def test_a_step_s_exception_is_the_workflow_s(make: Make, diary: Diary) -> None:
    """What a step raises reaches the workflow as it was, to be judged there."""

    def missing() -> None:
        raise KeyError("MISSING-1")

    def work(_subject: str) -> Later | None:
        try:
            engine.step("first", missing)
        except KeyError as error:
            diary.note(str(error))
        return None

    engine = make({"work": work})
    engine.start()
    engine.enqueue([job("m-1")])

    wait_for(lambda: not unfinished(engine))
    assert ["'MISSING-1'"] == diary.entries


@pytest.mark.parametrize("value", [["a"], {"name": "Hopper"}, b"MSH|", 1.5])
def test_a_step_returns_ids_only(make: Make, value: object) -> None:
    """Content does not become a step's kept result."""

    def work(_subject: str) -> None:
        engine.step("first", lambda: value)  # type: ignore[type-var]

    engine = make({"work": work})
    engine.start()
    engine.enqueue([job("m-1")])

    wait_for(lambda: not unfinished(engine))
    (run,) = engine.list()
    assert "TypeError" == run.error


def test_a_replay_needs_a_finished_run(make: Make) -> None:
    """An unknown run is not found, and one that waits cannot be replayed."""
    engine = make({"work": lambda _: None})
    engine.enqueue([job("m-1")])

    with pytest.raises(NotFound):
        engine.replay("work:m-2:0")
    with pytest.raises(Conflict):
        engine.replay("work:m-1:0")


@pytest.mark.parametrize("wrong", [{"workflow": "other"}, {"queue": "other"}])
def test_a_job_names_what_there_is(make: Make, wrong: dict[str, str]) -> None:
    """A job for an unknown workflow or queue is refused, and with it all that came in one call."""
    engine = make({"work": lambda _: None})

    with pytest.raises(ValueError, match="other"):
        engine.enqueue([job("m-1"), job("m-2", **wrong)])

    assert () == engine.list()


def test_workflows_are_named_before_the_start(make: Make) -> None:
    """A workflow that comes too late is refused: recovered runs would not find it."""
    engine = make({"work": lambda _: None})
    engine.start()

    with pytest.raises(ValueError, match="before"):
        engine.workflow("late", lambda _: None)
    with pytest.raises(ValueError, match="started"):
        engine.start()


def test_stopping_finishes_what_runs_and_keeps_what_waits(make: Make, diary: Diary) -> None:
    """A stop waits for the job that runs, begins no other, and the next start goes on."""
    begun, go_on = threading.Event(), threading.Event()

    def work(subject: str) -> None:
        begun.set()
        go_on.wait(30)
        diary.note(subject)

    engine = make({"work": work}, queues=[Queue("messages", 1, prefetch=3)])
    engine.start()
    engine.enqueue([job(f"m-{place}", partition="a", priority=place) for place in (1, 2, 3, 4)])
    engine.enqueue([job(f"n-{place}", priority=place) for place in (1, 2)])
    wait_for(begun.is_set)
    stopping = threading.Thread(target=engine.stop, args=(30,))
    stopping.start()

    go_on.set()
    stopping.join(30)

    assert 1 == len(diary.entries)
    engine.start()
    wait_for(lambda: not unfinished(engine))
    assert ["m-1", "m-2", "m-3", "m-4"] == [entry for entry in diary.entries if entry.startswith("m")]
    assert 6 == len(diary.entries)


def test_runs_are_listed_by_what_is_asked(make: Make) -> None:
    """State, queue, ids and limit narrow the list; it begins with the oldest."""

    def work(subject: str) -> None:
        if subject == "m-2":
            raise NotFound

    engine = make({"work": work}, queues=[Queue("messages", 2), Queue("model", 1, ordered=False)])
    engine.start()
    engine.enqueue([job("m-1")])
    wait_for(lambda: not unfinished(engine))
    engine.enqueue([job("m-2"), job("m-3", queue="model")])
    wait_for(lambda: not unfinished(engine))

    assert ["m-2"] == [run.subject_id for run in engine.list(states=[RunState.FAILED, RunState.PARKED])]
    assert ["m-3"] == [run.subject_id for run in engine.list(queue="model")]
    assert ["m-1"] == [run.subject_id for run in engine.list(run_ids=["work:m-1:0", "work:m-9:0"])]
    assert 1 == len(engine.list(limit=1))
    assert 3 == len(engine.list())


def test_a_sweep_leaves_a_healthy_engine_alone(make: Make) -> None:
    """Nothing is resumed, parked or forgotten where nothing is wrong."""
    go_on = threading.Event()
    engine = make({"work": lambda _: go_on.wait(30) and None})
    engine.start()
    engine.enqueue([job("m-1"), job("m-2", delay_s=3600)])
    wait_for(lambda: engine.list(states=[RunState.RUNNING]))

    assert Swept() == engine.sweep()
    go_on.set()
    wait_for(lambda: engine.list(states=[RunState.DONE]))
