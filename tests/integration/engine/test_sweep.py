"""The store and the engine are brought to agree again, whatever happened to either."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from integration.engine.dispatcher import Dispatcher, plan
from integration.engine.in_process import InProcessEngine
from integration.engine.sweep import CRASHED_WORKER, EVERY_S, RUN_ENDED, Sweeper
from integration.flows.ports import Queue, RunState, Swept
from integration.states import MessageState
from tests.integration.engine.engines import Diary, build, unfinished
from tests.integration.engine.inbox import NOON, Inbox
from tests.support.serving import wait_for

JOB_OF = plan("messages", "work")


class Fixture:
    """A store with one dispatched message, and an engine that has not begun."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.diary = Diary()
        self.engine = InProcessEngine([Queue("messages", 2)])
        self.engine.workflow("work", self.diary.note)
        self.inbox.commit("m-1", 1)
        Dispatcher(self.inbox, self.engine, JOB_OF, queue="messages").tick()
        self.inbox.now = NOON + timedelta(minutes=5)

    def sweeper(self, engine: InProcessEngine | None = None) -> Sweeper:
        return Sweeper(
            self.inbox, engine or self.engine, JOB_OF, workflow="work", clock=lambda: self.inbox.now
        )


@pytest.fixture
def house() -> Fixture:
    return Fixture()


def test_what_waits_is_left_alone(house: Fixture) -> None:
    """A message whose run has not ended is under way."""
    sweeper = house.sweeper()

    assert [EVERY_S] * 3 == [sweeper.tick() for _ in range(3)]

    assert MessageState.RECEIVED is house.inbox.states["m-1"]
    assert 1 == len(house.engine.list())


def test_what_the_engine_forgot_is_enqueued_again(house: Fixture) -> None:
    """The engine's database was lost: every message that is under way is enqueued again."""
    fresh = InProcessEngine([Queue("messages", 2)])
    fresh.workflow("work", house.diary.note)

    house.sweeper(fresh).tick()
    fresh.start()

    assert fresh.wait_idle(30)
    assert ["m-1"] == house.diary.entries


def test_what_was_dispatched_just_now_has_time(house: Fixture) -> None:
    """A message is not missed before the grace is over."""
    house.inbox.now = NOON + timedelta(seconds=5)
    fresh = InProcessEngine([Queue("messages", 2)])
    fresh.workflow("work", house.diary.note)

    house.sweeper(fresh).tick()

    assert () == fresh.list()


def test_a_message_whose_run_is_over_is_parked(house: Fixture) -> None:
    """Seen twice without a run, an unfinished message waits for a human instead of for ever."""
    house.engine.start()
    assert house.engine.wait_idle(30)
    house.inbox.states["m-1"] = MessageState.PROCESSING
    sweeper = house.sweeper()

    sweeper.tick()
    assert MessageState.PROCESSING is house.inbox.states["m-1"]
    sweeper.tick()

    assert (MessageState.PARKED, RUN_ENDED) == (house.inbox.states["m-1"], house.inbox.reasons["m-1"])


def test_a_message_that_finished_meanwhile_is_not_parked(house: Fixture) -> None:
    """Between the two looks it was processed: it stays so."""
    house.engine.start()
    assert house.engine.wait_idle(30)
    house.inbox.states["m-1"] = MessageState.PROCESSING
    sweeper = house.sweeper()
    sweeper.tick()

    house.inbox.states["m-1"] = MessageState.PROCESSED
    sweeper.tick()

    assert MessageState.PROCESSED is house.inbox.states["m-1"]


def test_a_poison_is_parked_at_once(house: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that took its workers down parks its message with the reason."""
    (run,) = house.engine.list()
    house.inbox.states["m-1"] = MessageState.PROCESSING
    told = [Swept(parked=(run,)), Swept(parked=(run,))]
    monkeypatch.setattr(house.engine, "sweep", told.pop)

    sweeper = house.sweeper()
    sweeper.tick()
    sweeper.tick()

    assert (MessageState.PARKED, CRASHED_WORKER) == (house.inbox.states["m-1"], house.inbox.reasons["m-1"])


def test_more_messages_than_a_page(house: Fixture) -> None:
    """Every page of unfinished messages is compared."""
    for seq in range(2, 1202):
        house.inbox.commit(f"m-{seq:05}", seq)
        house.inbox.dispatched[f"m-{seq:05}"] = NOON
    fresh = InProcessEngine([Queue("messages", 2)])
    fresh.workflow("work", house.diary.note)

    house.sweeper(fresh).tick()

    assert 1201 == len(fresh.list(limit=5000))


def test_a_lost_engine_database_loses_nothing(tmp_path: Path) -> None:
    """The file of the engine is deleted between two starts: all that was unfinished runs."""
    inbox, diary = Inbox(), Diary()
    for seq in (1, 2, 3):
        inbox.commit(f"m-{seq}", seq, key="k")
    for file in ("first.sqlite", "second.sqlite"):
        engine = build("sqlite", f"sqlite:///{tmp_path / file}", {"work": diary.note})
        if file == "first.sqlite":
            Dispatcher(inbox, engine, JOB_OF, queue="messages").tick()
            engine.stop(0)
    inbox.now = NOON + timedelta(minutes=5)

    Sweeper(inbox, engine, JOB_OF, workflow="work", clock=lambda: inbox.now).tick()
    engine.start()
    wait_for(lambda: not unfinished(engine))
    states = {run.state for run in engine.list()}
    engine.stop(0)

    assert ["m-1", "m-2", "m-3"] == diary.entries
    assert {RunState.DONE} == states
