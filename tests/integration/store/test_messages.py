"""Stored messages from arrival to their end: dispatch, moves, replays, lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from integration.errors import Conflict, NotFound
from integration.states import MESSAGE_MOVES, MessageState
from integration.store.records import MessageFilter


def test_undispatched_in_the_order_of_commits(store):
    """The dispatcher sees accepted messages once, oldest first, until it marks them."""
    ids = [store.submit(b"%d" % n, control_id=str(n)).message_id for n in range(5)]
    waiting = store.inbox.undispatched(limit=3)

    assert ids[:3] == [one.message_id for one in waiting]
    assert sorted(one.seq for one in waiting) == [one.seq for one in waiting]
    assert 1 == len({one.order_key for one in waiting})
    assert "MRN-1" not in waiting[0].order_key

    store.inbox.mark_dispatched(ids[:4]).result(timeout=30)
    assert ids[4:] == [one.message_id for one in store.inbox.undispatched()]


@pytest.mark.parametrize("before", MessageState)
@pytest.mark.parametrize("after", MessageState)
def test_moves_are_those_of_the_table(sqlite_store, before, after):
    """A legal move is stored with its audit record; any other is a Conflict and changes nothing."""
    message_id = sqlite_store.submit().message_id
    sqlite_store.execute(f"UPDATE message SET state = '{before.value}'")
    move = sqlite_store.inbox.move(message_id, after, actor="user:ada", reason="because")
    if after in MESSAGE_MOVES[before]:
        assert after is move.result(timeout=30).state
        (_, record) = sqlite_store.audit.trail(message_id)
        assert ("user:ada", before.value) == (record.event.actor, record.event.details["from"])
    else:
        with pytest.raises(Conflict):
            move.result(timeout=30)
        assert ["message.received"] == sqlite_store.kinds()


def test_a_run_and_its_replay(store):
    """Attempts count up; a replay begins at zero, is dispatched again and has a number of its own."""
    message_id = store.submit().message_id
    store.inbox.mark_dispatched([message_id]).result(timeout=30)
    for state in (MessageState.PROCESSING, MessageState.FAILED, MessageState.PROCESSING):
        moved = store.inbox.move(message_id, state, actor="worker").result(timeout=30)
    assert (2, None) == (moved.attempts, moved.finished_at)
    store.clock.advance(minutes=1)
    parked = store.inbox.move(message_id, MessageState.PARKED, actor="worker", reason="unreadable").result(30)
    assert ("2026-11-22T09:16:00.000000Z", "unreadable") == (parked.finished_at, parked.reason)

    replayed = store.inbox.move(message_id, MessageState.RECEIVED, actor="user:ada").result(timeout=30)

    assert (0, 1, None, None) == (
        replayed.attempts, replayed.replays, replayed.dispatched_at, replayed.finished_at,
    )  # fmt: skip
    assert [(message_id, 1)] == [(one.message_id, one.replays) for one in store.inbox.undispatched()]
    assert [
        "message.received", "message.processing", "message.failed", "message.processing",
        "message.parked", "message.replayed",
    ] == store.kinds()  # fmt: skip


def test_what_is_not_there_is_not_found(store):
    """An unknown id is named as such."""
    with pytest.raises(NotFound):
        store.inbox.load("no-such-id")
    with pytest.raises(NotFound):
        store.inbox.move("no-such-id", MessageState.PARKED, actor="worker").result(timeout=30)


def test_counts_are_of_the_open_ones(store):
    """Every state but PROCESSED is counted, also when none is in it."""
    ids = [store.submit(b"%d" % n, control_id=str(n)).message_id for n in range(3)]
    store.inbox.move(ids[0], MessageState.PROCESSING, actor="worker").result(timeout=30)
    store.inbox.move(ids[0], MessageState.PROCESSED, actor="worker").result(timeout=30)
    store.inbox.move(ids[1], MessageState.PARKED, actor="worker").result(timeout=30)
    counts = store.inbox.counts()

    assert (1, 1, 0) == (
        counts[MessageState.RECEIVED], counts[MessageState.PARKED], counts[MessageState.FAILED],
    )  # fmt: skip
    assert MessageState.PROCESSED not in counts


def test_lists_are_filtered_and_paged(store):
    """By state, channel, control id and time; newest first; the last id is the cursor."""
    for n in range(10):
        store.submit(b"%d" % n, control_id=f"C{n}", channel="even" if n % 2 == 0 else "odd")
        store.clock.advance(minutes=1)
    every = store.inbox.list(MessageFilter())
    assert [f"C{n}" for n in range(9, -1, -1)] == [message.control_id for message in every]

    def found(**wanted: object) -> list[str]:
        return [message.control_id for message in store.inbox.list(MessageFilter(**wanted))]

    start = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
    assert ["C8", "C6"] == found(channel="even", limit=2)
    assert ["C4", "C2", "C0"] == found(channel="even", before=every[3].id)
    assert ["C7"] == found(control_id="C7")
    assert [] == found(control_id="C")
    assert ["C4", "C3"] == found(since=start + timedelta(minutes=3), until=start + timedelta(minutes=5))
    assert 10 == len(found(state=MessageState.RECEIVED))
    assert [] == found(state=MessageState.PARKED)
    assert all(message.raw is None for message in every)


def test_a_search_by_control_id_finds_conflicts_too(store):
    """The message that came second under an id is found with the first."""
    ids = {store.submit(b"one").message_id, store.submit(b"two").message_id}
    store.submit(b"three", control_id="M10")

    assert ids == {message.id for message in store.inbox.list(MessageFilter(control_id="M1"))}


def test_the_zone_of_an_arrival_does_not_matter(store):
    """Moments are stored in UTC, whatever zone they came in; one without a zone is refused."""
    zone = timezone(timedelta(hours=-3))
    receipt = store.submit(received_at=datetime(2026, 11, 22, 22, 30, 0, 1, tzinfo=zone))
    assert "2026-11-23T01:30:00.000001Z" == store.inbox.load(receipt.message_id).received_at

    with pytest.raises(ValueError, match="zone"):
        store.submit(b"other", control_id="M2", received_at=datetime(2026, 11, 22))  # noqa: DTZ001
