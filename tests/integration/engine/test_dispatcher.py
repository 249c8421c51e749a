"""From the store to the engine: in order, once, never too far ahead, whatever dies."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from integration.engine.dispatcher import BATCH, Dispatcher, plan
from integration.engine.in_process import InProcessEngine
from integration.engine.loop import Loop
from integration.errors import StoreUnavailable
from integration.flows.ports import MAX_PRIORITY, Queue, RunState
from tests.integration.engine.engines import Diary, build, unfinished
from tests.integration.engine.inbox import Inbox
from tests.support.serving import wait_for

JOB_OF = plan("messages", "work")


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def engine(diary: Diary) -> InProcessEngine:
    engine = InProcessEngine([Queue("messages", 2)])
    engine.workflow("work", diary.note)
    return engine


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def dispatcher(inbox: Inbox, engine: InProcessEngine, *, ahead: int = 256) -> Dispatcher:
    return Dispatcher(inbox, engine, JOB_OF, queue="messages", ahead=ahead)


def test_a_message_becomes_a_job(inbox: Inbox) -> None:
    """Its id is the subject, its order key the partition, its commit the place, its replays the round."""
    inbox.commit("m-1", 41, key="k1:0aff", replays=2)

    job = JOB_OF(inbox.rows["m-1"])

    assert ("work:m-1:2", "messages", "k1.0aff", 42) == (job.run_id, job.queue, job.partition, job.priority)


def test_a_message_without_order_key_waits_for_none(inbox: Inbox) -> None:
    """An empty key is no partition."""
    inbox.commit("m-1", 1)

    assert JOB_OF(inbox.rows["m-1"]).partition is None


def test_committed_messages_run_in_order(inbox: Inbox, engine: InProcessEngine, diary: Diary) -> None:
    """Messages of one order key run in the order of their commits, and are marked as dispatched."""
    for seq, message_id in enumerate(("m-b", "m-c", "m-a"), 1):
        inbox.commit(message_id, seq, key="k")

    dispatcher(inbox, engine).tick()
    engine.start()

    assert engine.wait_idle(30)
    assert ["m-b", "m-c", "m-a"] == diary.entries
    assert {"m-a", "m-b", "m-c"} == set(inbox.dispatched)


def test_a_crash_before_the_mark_repeats_nothing(tmp_path: Path, inbox: Inbox) -> None:
    """Enqueued, not marked, and the process dies: the next one enqueues again, and each runs once."""
    diary, place = Diary(), f"sqlite:///{tmp_path / 'engine.sqlite'}"
    engine = build("sqlite", place, {"work": diary.note})
    for seq in (1, 2, 3):
        inbox.commit(f"m-{seq}", seq)

    class DiesBeforeTheMark(Inbox):
        def mark_dispatched(self, message_ids: Sequence[str]) -> Future[None]:
            raise KeyboardInterrupt

    dying = DiesBeforeTheMark(inbox.rows, inbox.states)
    with pytest.raises(KeyboardInterrupt):
        Dispatcher(dying, engine, JOB_OF, queue="messages").tick()
    engine.start()
    wait_for(lambda: not unfinished(engine))
    Dispatcher(inbox, engine, JOB_OF, queue="messages").tick()
    wait_for(lambda: not unfinished(engine))
    runs = engine.list()
    engine.stop(0)

    assert ["m-1", "m-2", "m-3"] == sorted(diary.entries)
    assert 3 == len(runs)
    assert {"m-1", "m-2", "m-3"} == set(inbox.dispatched)


def test_a_replayed_message_runs_again(inbox: Inbox, engine: InProcessEngine, diary: Diary) -> None:
    """Put back to received, a message is a job of the next round."""
    inbox.commit("m-1", 1)
    engine.start()
    hands = dispatcher(inbox, engine)
    hands.tick()
    assert engine.wait_idle(30)

    inbox.commit("m-1", 1, replays=1)
    hands.tick()

    assert engine.wait_idle(30)
    assert ["m-1", "m-1"] == diary.entries


def test_the_engine_is_not_flooded(inbox: Inbox, engine: InProcessEngine) -> None:
    """No more messages wait in the engine than is allowed; the rest follows when they are done."""
    for seq in range(1, 11):
        inbox.commit(f"m-{seq:02}", seq)
    hands = dispatcher(inbox, engine, ahead=4)

    for _ in range(5):
        hands.tick()
    assert ["m-01", "m-02", "m-03", "m-04"] == [run.subject_id for run in engine.list()]

    engine.start()
    wait_for(lambda: hands.tick() and len(engine.list(states=[RunState.DONE])) == 10)


def test_a_backlog_goes_without_a_pause(inbox: Inbox, engine: InProcessEngine) -> None:
    """While a whole batch was waiting there is no pause; with nothing to do it grows, up to a bound."""
    for seq in range(1, BATCH + 2):
        inbox.commit(f"m-{seq:04}", seq)
    hands = dispatcher(inbox, engine, ahead=BATCH * 2)

    pauses = [hands.tick() for _ in range(6)]

    assert 0.0 == pauses[0]
    assert 0.05 == pauses[1]
    assert pauses[2:] == sorted(pauses[2:])
    assert 0.1 == pauses[-1]


def test_priorities_begin_again(inbox: Inbox, engine: InProcessEngine, diary: Diary) -> None:
    """After 2**31 messages priorities begin again at 1; nothing overtakes what came before."""
    last = MAX_PRIORITY - 1
    inbox.commit("m-1", last, key="k")
    inbox.commit("m-2", last + 1, key="k")
    hands = dispatcher(inbox, engine)

    hands.tick()
    hands.tick()
    assert [("m-1", MAX_PRIORITY)] == [(run.subject_id, run.priority) for run in engine.list()]

    engine.start()
    assert engine.wait_idle(30)
    hands.tick()
    assert engine.wait_idle(30)
    assert ["m-1", "m-2"] == diary.entries
    assert 1 == engine.list()[-1].priority


def test_a_store_that_is_down_is_waited_for(inbox: Inbox, engine: InProcessEngine) -> None:
    """The loop goes on through an outage; afterwards everything is dispatched."""
    inbox.commit("m-1", 1)
    inbox.down = True
    hands, tried, died = dispatcher(inbox, engine), threading.Event(), threading.Event()

    def tick() -> float:
        try:
            return hands.tick()
        finally:
            tried.set()

    loop = Loop("dispatcher", tick, died.set)
    loop.start()
    wait_for(tried.is_set)
    inbox.down = False

    wait_for(engine.list)
    loop.stop()
    assert not died.is_set()


def test_a_loop_that_dies_says_so() -> None:
    """An unknown error ends the thread and is told, so that the process can end."""
    died = threading.Event()
    hook, threading.excepthook = threading.excepthook, lambda _: None

    loop = Loop("broken", lambda: 1 / 0, died.set)
    loop.start()

    wait_for(died.is_set)
    loop.stop()
    threading.excepthook = hook


def test_a_loop_that_is_stopped_does_not() -> None:
    """A stop is no death."""
    died, ticked = threading.Event(), threading.Event()

    def tick() -> float:
        ticked.set()
        return 60.0

    loop = Loop("fine", tick, died.set)
    loop.start()
    wait_for(ticked.is_set)
    loop.stop()

    assert not died.is_set()


def test_a_store_s_failure_is_no_failure_of_the_loop() -> None:
    """Back-off doubles while the store is away and ends with it."""
    answers = iter([StoreUnavailable(), StoreUnavailable(), None])

    def tick() -> float:
        answer = next(answers)
        if answer:
            raise answer
        return 0.25

    loop = Loop("waiting", tick, lambda: None)

    assert [0.5, 1.0, 0.25] == [loop._once(0.0), loop._once(0.5), loop._once(1.0)]
