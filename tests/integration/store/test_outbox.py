"""The outbox: exact bytes, committed with the results, each delivery once, every move audited."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration.errors import BlobCorrupt, Conflict, NotFound
from integration.states import DELIVERY_MOVES, DeliveryState, MessageState
from integration.store import audit, deliveries
from integration.store.delivery_records import DeliveryFilter, Outcome, Parcel, StoredDelivery
from integration.store.outbox_lane import Lane
from integration.store.records import Act, MessageFilter

S = DeliveryState
ACT = Act("2026-11-22T09:15:00.000000Z", "user:ada", "by-operator")


def message(store, control_id: str = "M1"):
    store.submit(control_id.encode(), control_id=control_id)
    return store.inbox.list(MessageFilter(control_id=control_id))[0]


def parcel(content: bytes = b"|P|2.5.1\rPID|1\r", **more) -> Parcel:
    values = {"destination": "ehr", "form": "ORU_R01", "pieces": (b"MSH|^~\\&|||||||ORU^R01|", content)}
    return Parcel(**values | more)


def add(store, stored, *parcels: Parcel) -> tuple[str, ...]:
    prepared = [store.outbox.prepare(stored, each) for each in parcels]
    return store.database.write(lambda c: store.outbox.add(c, prepared, store.clock())).result(timeout=30)


@pytest.mark.parametrize("size", [10, 10_000])
def test_the_bytes_come_back_with_their_name_in_them(store, size):
    """Small ones from their row, large ones from a blob; MSH-10 is the name of the delivery."""
    content = b"x" * size
    (delivery_id,) = add(store, message(store), parcel(content))
    found = store.outbox.load(delivery_id)

    assert b"MSH|^~\\&|||||||ORU^R01|" + found.control_id.encode() + content == found.content
    assert (20, len(found.content)) == (len(found.control_id), found.size)
    assert (S.PENDING, "ehr", 0, None) == (found.state, found.destination, found.attempts, found.response)


def test_nothing_of_the_bytes_is_readable_at_rest(sqlite_store):
    """Rows and blobs are sealed."""
    store = sqlite_store
    add(store, message(store), parcel(b"SECRET" * 4), parcel(b"SECRET" * 4000))
    store.database.close()

    for file in store.folder.rglob("*"):
        assert not file.is_file() or b"SECRET" not in file.read_bytes(), file.name


def test_the_same_content_is_the_same_delivery(store):
    """A replay that changes nothing sends nothing; other content, or another destination, does."""
    stored = message(store)
    first = add(store, stored, parcel())

    assert () == add(store, stored, parcel())
    assert 1 == len(add(store, stored, parcel(b"other")))
    assert 1 == len(add(store, stored, parcel(destination="lab")))
    assert 1 == len(add(store, message(store, "M2"), parcel()))
    assert first[0] in {each.id for each in store.outbox.list(DeliveryFilter(message_id=stored.id))}
    assert 4 == len({each.control_id for each in store.outbox.list(DeliveryFilter())})


def test_a_delivery_is_committed_with_the_rest_or_not_at_all(store):
    """It stands in the caller's transaction."""
    stored = message(store)
    prepared = [store.outbox.prepare(stored, parcel())]

    def work(connection):
        store.outbox.add(connection, prepared, store.clock())
        raise Conflict("the results contradict")

    with pytest.raises(Conflict):
        store.database.write(work).result(timeout=30)
    assert () == store.outbox.list(DeliveryFilter())


def test_places_follow_the_order_of_commits(store):
    """The number of a delivery is that of its audit record, so its order cannot be rewritten."""
    stored = message(store)
    first, second = add(store, stored, parcel(b"1"), parcel(b"2"))
    (third,) = add(store, stored, parcel(b"3"))

    places = [store.outbox.find(each).seq for each in (first, second, third)]
    assert sorted(places) == places
    events = {record.seq: record.event for record in store.audit.records()}
    assert [first, second, third] == [events[place].details["delivery"] for place in places]
    assert {"delivery.queued"} == {events[place].kind for place in places}


def test_what_could_not_be_written_waits_for_a_human(store):
    """It has a place and no bytes, and cannot be retried: its message can be replayed."""
    (delivery_id,) = add(store, message(store), parcel(pieces=(), problem="PID[1]-5"))
    found = store.outbox.find(delivery_id)

    assert (S.PARKED, "unwritable", "PID[1]-5", 0) == (
        found.state, found.reason, found.response, found.size,
    )  # fmt: skip
    with pytest.raises(NotFound):
        store.outbox.load(delivery_id)
    with pytest.raises(Conflict, match="replay"):
        store.outbox.move(delivery_id, S.PENDING, actor="user:ada").result(timeout=30)


def test_an_attempt_is_recorded_with_its_codes(store):
    """State, codes and counts in one commit with the audit record."""
    (delivery_id,) = add(store, message(store), parcel())
    due = store.clock() + timedelta(seconds=4)
    busy = Outcome(state=S.RETRYING, reason="rejected", response="AR 207", rejected=True, next_attempt=due)
    first = store.outbox.settle(store.outbox.find(delivery_id), busy).result(timeout=30)
    last = store.outbox.settle(first, Outcome(state=S.DELIVERED, response="AA")).result(timeout=30)

    assert (1, 1, "AR 207") == (first.attempts, first.rejections, first.response)
    assert first.next_attempt_at.startswith("2026-11-22T09:15:04")
    assert (2, S.DELIVERED, "AA", None) == (last.attempts, last.state, last.response, last.next_attempt_at)
    kinds = ["delivery.queued", "delivery.retrying", "delivery.delivered"]
    trail = [record.event for record in store.audit.trail(first.message_id)][1:]
    assert kinds == [event.kind for event in trail]
    assert ("ehr", 2, "AA") == tuple(
        trail[-1].details[key] for key in ("destination", "attempts", "response")
    )
    assert store.audit.verify().whole


def test_an_operator_s_retry_is_a_new_round(store):
    """The same bytes under the same name, counted anew, and handed to the engine again."""
    (delivery_id,) = add(store, message(store), parcel())
    before = store.outbox.load(delivery_id)
    lane = Lane(store.database, store.outbox, ["ehr"], clock=store.clock)
    lane.mark_dispatched([delivery_id]).result(timeout=30)
    store.outbox.settle(before, Outcome(state=S.PARKED, reason="refused", response="AE 102")).result(30)
    store.clock.advance(hours=1)
    store.outbox.move(delivery_id, S.PENDING, actor="user:ada").result(timeout=30)
    again = store.outbox.load(delivery_id)

    assert (before.content, before.control_id) == (again.content, again.control_id)
    assert (1, 0, None, None) == (again.rounds, again.attempts, again.dispatched_at, again.finished_at)
    assert before.queued_at < again.queued_at
    assert [(delivery_id, 1)] == [(row.message_id, row.replays) for row in lane.undispatched(10)]


@pytest.mark.parametrize("before", DeliveryState)
@pytest.mark.parametrize("after", DeliveryState)
def test_the_table_of_moves_is_kept(sqlite_store, before, after):
    """Each pair of states: allowed and done, or a conflict and nothing."""
    store = sqlite_store
    (delivery_id,) = add(store, message(store), parcel())
    store.execute(f"UPDATE delivery SET state = '{before.value}'")
    move = store.outbox.move(delivery_id, after, actor="user:ada", reason="by-operator")

    if after in DELIVERY_MOVES[before]:
        assert after is move.result(timeout=30).state
    else:
        with pytest.raises(Conflict):
            move.result(timeout=30)
        assert before is store.outbox.find(delivery_id).state


def test_the_table_of_moves_is_whole():
    """Every state can be left but by no way to itself, save a further failed attempt."""
    assert set(DeliveryState) == set(DELIVERY_MOVES)
    assert {S.RETRYING} == {state for state, moves in DELIVERY_MOVES.items() if state in moves}
    assert all(S.PENDING in DELIVERY_MOVES[state] for state in set(S) - {S.PENDING})
    assert all(S.DELIVERED in DELIVERY_MOVES[state] for state in set(S) - {S.DELIVERED})


def test_an_unknown_delivery(store):
    """Neither found nor moved."""
    with pytest.raises(NotFound):
        store.outbox.find("019a0000-0000-7000-8000-000000000000")
    with pytest.raises(NotFound):
        store.outbox.move("x", S.PARKED, actor="user:ada").result(timeout=30)


def test_bytes_of_another_delivery_do_not_open(sqlite_store):
    """A payload copied to another row is noticed."""
    store = sqlite_store
    stored = message(store)
    first, _ = add(store, stored, parcel(b"1"), parcel(b"2"))
    store.execute("UPDATE parcel SET sealed = (SELECT sealed FROM parcel ORDER BY seq DESC LIMIT 1)")

    with pytest.raises(BlobCorrupt):
        store.outbox.load(first)


def test_listing(store):
    """By state, destination, message and time, newest first."""
    one, two = message(store, "M1"), None
    add(store, one, parcel(b"1"), parcel(b"2", destination="lab"))
    store.clock.advance(minutes=5)
    later = store.clock()
    two = message(store, "M2")
    add(store, two, parcel(b"3"), parcel(pieces=(), problem="OBX[1]-11"))

    def listed(**wanted) -> list[StoredDelivery]:
        return list(store.outbox.list(DeliveryFilter(**wanted)))

    assert [two.id, two.id, one.id, one.id] == [each.message_id for each in listed()]
    assert [one.id, one.id] == [each.message_id for each in listed(message_id=one.id)]
    assert ["lab"] == [each.destination for each in listed(destination="lab")]
    assert ["unwritable"] == [each.reason for each in listed(state=S.PARKED)]
    assert [two.id, two.id] == [each.message_id for each in listed(since=later)]
    assert 1 == len(listed(limit=1))


def test_counts_and_the_oldest(store):
    """What waits is counted for each destination; what is delivered is not waited for."""
    assert store.outbox.oldest_waiting() is None
    first, second = add(store, message(store, "M1"), parcel(b"1"), parcel(b"2", destination="lab"))
    store.clock.advance(minutes=5)
    add(store, message(store, "M2"), parcel(b"3"))
    assert {("ehr", S.PENDING): 2, ("lab", S.PENDING): 1} == dict(store.outbox.counts())

    for each in (first, second):
        store.outbox.settle(store.outbox.find(each), Outcome(state=S.DELIVERED)).result(timeout=30)
    assert {("ehr", S.PENDING): 1} == dict(store.outbox.counts())
    assert store.outbox.oldest_waiting().message_id != first


class TestLane:
    """What the dispatcher and the sweep see."""

    def test_only_the_destination_s_own_in_order(self, store):
        """By the order of commits, without those that were handed out."""
        stored = message(store)
        first, second, other = add(store, stored, parcel(b"1"), parcel(b"2"), parcel(b"3", destination="lab"))
        lane = Lane(store.database, store.outbox, ["ehr"], clock=store.clock)
        assert [first, second] == [row.message_id for row in lane.undispatched(10)]
        assert [(stored.order_key, "ehr")] * 2 == [
            (row.order_key, row.channel) for row in lane.undispatched(10)
        ]
        lane.mark_dispatched([first]).result(timeout=30)
        assert [second] == [row.message_id for row in lane.undispatched(10)]
        assert other not in {row.message_id for row in lane.undispatched(10)}

    def test_a_quiet_destination_is_handed_nothing(self, store):
        """Its backlog stays in the store."""
        add(store, message(store), parcel())
        lane = Lane(store.database, store.outbox, ["ehr"], clock=store.clock, quiet=lambda: True)
        assert () == lane.undispatched(10)

    def test_the_sweep_sees_what_was_handed_out_and_has_not_ended(self, store):
        """Pending and retrying, of known destinations, handed out before a moment."""
        first, second, _ = add(
            store, message(store), parcel(b"1"), parcel(b"2"), parcel(b"3", destination="gone")
        )
        lane = Lane(store.database, store.outbox, ["ehr", "lab"], clock=store.clock)
        lane.mark_dispatched([first, second]).result(timeout=30)
        store.outbox.settle(store.outbox.find(second), Outcome(state=S.DELIVERED)).result(timeout=30)
        store.clock.advance(minutes=1)
        found = lane.unfinished(dispatched_before=store.clock(), after="", limit=10)
        assert [first] == [row.message_id for row in found]
        assert () == lane.unfinished(dispatched_before=store.clock(), after=first, limit=10)
        lane.move(first, MessageState.PARKED, actor="worker", reason="run-ended").result(timeout=30)
        assert ("run-ended", S.PARKED) == (
            store.outbox.find(first).reason, store.outbox.find(first).state,
        )  # fmt: skip


def test_the_judged_moves_are_audited_by_who_did_them(store):
    """An operator's name stands in the record."""
    (delivery_id,) = add(store, message(store), parcel())
    store.database.write(lambda c: deliveries.move(c, delivery_id, S.DISCARDED, ACT)).result(timeout=30)
    with store.database.read() as connection:
        end = audit.head(connection).seq
    (record,) = [each for each in store.audit.records() if each.seq == end]

    assert ("delivery.discarded", "user:ada", "by-operator") == (
        record.event.kind, record.event.actor, record.event.details["reason"],
    )  # fmt: skip
