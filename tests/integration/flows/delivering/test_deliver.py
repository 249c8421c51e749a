"""The story of a delivery: what each answer of a destination leads to."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from integration import telemetry
from integration.engine.in_process import InProcessEngine
from integration.errors import (
    DestinationBusy,
    DestinationRefused,
    DestinationSilent,
    DestinationUnreachable,
    NotDelivered,
    StoreUnavailable,
    WardwireError,
)
from integration.flows.deliver import DeliveryFlow, Patience
from integration.flows.ports import Job, Later, Queue
from integration.states import DeliveryState
from tests.integration.flows.delivering.outboxes import Courier, Tray

S = DeliveryState


def flow(tray: Tray, courier: Courier, **more) -> DeliveryFlow:
    patience = Patience(rejections=3, give_up=timedelta(hours=1))
    values = {"couriers": {"ehr": courier}, "patience": {"ehr": patience}}
    return DeliveryFlow(outbox=tray.outbox, clock=tray.clock, **values | more)


def test_what_is_taken_is_delivered(tray):
    """Its exact bytes went, under a name that sorts and tells nothing."""
    delivery_id, courier = tray.put(), Courier()
    assert flow(tray, courier).deliver(delivery_id) is None
    found = tray.outbox.load(delivery_id)

    assert (S.DELIVERED, "AA", None, 1) == (found.state, found.response, found.reason, found.attempts)
    assert [(f"{found.seq:012d}-{found.control_id}", found.content)] == courier.carried


FAILURES = {
    "unreachable": (DestinationUnreachable("x"), S.RETRYING, "unreachable", None),
    "no answer": (DestinationSilent("x"), S.RETRYING, "unanswered", None),
    "AR": (DestinationBusy("x", response="AR 207"), S.RETRYING, "rejected", "AR 207"),
    "AE": (DestinationRefused("x", response="AE 102"), S.PARKED, "refused", "AE 102"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_has_its_verdict(tray, name):
    """State, reason and codes; what is retried is asked for again after a pause."""
    error, state, reason, response = FAILURES[name]
    delivery_id = tray.put()
    later = flow(tray, Courier([error])).deliver(delivery_id)
    found = tray.only()

    assert (state, reason, response, 1) == (found.state, found.reason, found.response, found.attempts)
    assert later == (Later(1.0) if state is S.RETRYING else None)


def test_every_kind_of_failure_is_tested(tray):
    """A new kind of NotDelivered needs a row above."""
    assert set(NotDelivered.__subclasses__()) == {type(error) for error, *_ in FAILURES.values()}


def test_pauses_double(tray):
    """One, two, four seconds: a storm of repeats helps nobody."""
    delivery_id = tray.put()
    story = flow(tray, Courier([DestinationSilent("x")] * 4))
    pauses = []
    for _ in range(4):
        pauses.append(story.deliver(delivery_id).delay_s)
        tray.clock.advance(seconds=pauses[-1])

    assert [1.0, 2.0, 4.0, 8.0] == pauses


def test_an_early_run_waits_for_the_next_attempt(tray):
    """A restart does not hurry: what is due in a while is asked for then, and nothing is sent."""
    delivery_id, courier = tray.put(), Courier([DestinationSilent("x")])
    flow(tray, courier).deliver(delivery_id)
    tray.clock.advance(seconds=0.25)

    assert Later(0.75) == flow(tray, courier).deliver(delivery_id)
    assert 1 == len(courier.carried)


def test_refusals_for_now_are_counted_by_themselves(tray):
    """Three times AR park it, however often the destination was away between them."""
    delivery_id = tray.put()
    busy, away = DestinationBusy("x", response="AR"), DestinationUnreachable("x")
    story = flow(tray, Courier([away, busy, away, away, busy, away, busy]))
    while (later := story.deliver(delivery_id)) is not None:
        tray.clock.advance(seconds=later.delay_s)
    found = tray.only()

    assert (S.PARKED, "rejected", 7, 3) == (found.state, found.reason, found.attempts, found.rejections)


def test_who_is_away_too_long_is_given_up(tray):
    """A human decides after the time in the settings; a retry begins anew."""
    delivery_id = tray.put()
    story = flow(tray, Courier([DestinationUnreachable("x")] * 40))
    while (later := story.deliver(delivery_id)) is not None:
        tray.clock.advance(seconds=later.delay_s)
    assert (S.PARKED, "gave-up") == (tray.only().state, tray.only().reason)

    tray.outbox.move(delivery_id, S.PENDING, actor="user:ada").result(timeout=30)
    tray.clock.advance(minutes=1)
    assert story.deliver(delivery_id) is not None
    assert S.RETRYING is tray.only().state


def test_a_destination_that_is_away_is_left_alone_by_the_rest(tray):
    """The others wait without an attempt of their own, and go when it is back."""
    first, second = tray.put(number=1), tray.put(number=2)
    courier = Courier([DestinationUnreachable("x")])
    story = flow(tray, courier)
    assert not story.quiet("ehr")
    story.deliver(first)

    assert story.quiet("ehr")
    assert Later(1.0) == story.deliver(second)
    assert 1 == len(courier.carried)
    tray.clock.advance(seconds=1)
    assert not story.quiet("ehr")
    assert story.deliver(second) is None
    assert S.DELIVERED is tray.outbox.find(second).state


@pytest.mark.parametrize("state", [S.DELIVERED, S.PARKED, S.DISCARDED])
def test_what_has_ended_is_not_sent(tray, state):
    """A second run, or an operator's decision before the first."""
    delivery_id, courier = tray.put(), Courier()
    tray.outbox.move(delivery_id, state, actor="user:ada").result(timeout=30)

    assert flow(tray, courier).deliver(delivery_id) is None
    assert [] == courier.carried


def test_parked_while_under_way_and_failed(tray):
    """The operator's decision stands."""
    delivery_id = tray.put()

    class Interrupted(Courier):
        def carry(self, content, *, name):
            tray.outbox.move(delivery_id, S.PARKED, actor="user:ada", reason="by-operator").result(30)
            raise DestinationSilent("x")

    assert flow(tray, Interrupted()).deliver(delivery_id) is None
    assert (S.PARKED, "by-operator") == (tray.only().state, tray.only().reason)


def test_a_destination_that_is_no_longer_configured(tray):
    """Nothing is sent; a human finds it parked."""
    delivery_id = tray.put(destination="gone")
    assert flow(tray, Courier()).deliver(delivery_id) is None
    assert (S.PARKED, "destination-unknown") == (tray.only().state, tray.only().reason)


def test_bytes_that_do_not_open(tray):
    """Altered bytes never leave."""
    delivery_id, courier = tray.put(), Courier()
    tray.database.write(
        lambda c: c.exec_driver_sql("UPDATE parcel SET sealed = zeroblob(60)") and None
    ).result(timeout=30)

    assert flow(tray, courier).deliver(delivery_id) is None
    assert (S.PARKED, "payload-corrupt") == (tray.only().state, tray.only().reason)
    assert [] == courier.carried


def test_an_error_of_the_store_that_nobody_foresaw(tray, monkeypatch):
    """It parks, and says no more than that."""
    delivery_id = tray.put()

    def refuse(*_):
        raise WardwireError("the database refused a statement")

    monkeypatch.setattr(type(tray.outbox), "load", refuse)
    assert flow(tray, Courier()).deliver(delivery_id) is None
    assert (S.PARKED, "unexpected") == (tray.only().state, tray.only().reason)


def test_a_store_that_fails_after_the_send_means_a_repeat(tray, monkeypatch):
    """At least once: the same bytes under the same name again."""
    delivery_id, courier = tray.put(), Courier()
    story = flow(tray, courier)
    failed: Future[None] = Future()
    failed.set_exception(StoreUnavailable("disk full"))
    with monkeypatch.context() as patch:
        patch.setattr(type(tray.outbox), "settle", lambda *_: failed)
        assert Later(1.0) == story.deliver(delivery_id)
    assert story.deliver(delivery_id) is None

    first, second = courier.carried
    assert first == second
    assert S.DELIVERED is tray.only().state


def test_attempts_are_counted(tray):
    """By destination and outcome."""
    registry = CollectorRegistry()
    delivery_id = tray.put()
    story = flow(tray, Courier([DestinationSilent("x")]), metrics=telemetry.metrics(registry))
    story.deliver(delivery_id)
    tray.clock.advance(seconds=1)
    story.deliver(delivery_id)

    counted = {
        outcome: registry.get_sample_value(
            "wardwire_delivery_attempts_total", {"destination": "ehr", "outcome": outcome}
        )
        for outcome in ("unanswered", "delivered")
    }
    assert {"unanswered": 1.0, "delivered": 1.0} == counted


def test_order_is_kept_while_the_first_is_retried(tray):
    """Those behind it wait in the engine; a refused one lets them pass."""
    ids = [tray.put(number=number) for number in range(3)]
    courier = Courier([DestinationRefused("x", response="AE")])
    story = flow(tray, courier)
    engine = InProcessEngine([Queue("deliver.ehr", concurrency=4)])
    engine.workflow("deliver", story.deliver)
    jobs = [
        Job(
            queue="deliver.ehr",
            workflow="deliver",
            subject_id=each,
            partition="patient-1",
            priority=tray.outbox.find(each).seq,
        )
        for each in ids
    ]
    engine.enqueue(list(reversed(jobs)))
    engine.start()
    assert engine.wait_idle(30)
    engine.stop(5)

    assert [S.PARKED, S.DELIVERED, S.DELIVERED] == [tray.outbox.find(each).state for each in ids]
    assert sorted(courier.carried) == courier.carried
