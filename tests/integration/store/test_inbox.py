"""The inbox: what a receipt promises, and what a message is that came before."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.errors import Conflict, NotFound, StoreUnavailable
from integration.states import MESSAGE_MOVES, MessageState
from integration.store import keys
from integration.store.audit import Audit
from integration.store.blobs import Blobs
from integration.store.database import Database
from integration.store.inbox import Inbox
from integration.store.records import MessageFilter, SameId
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue, IssueCode, Severity

LARGE = b"MSH|^~\\&|large|" + bytes(range(256)) * 40
NOT_PRODUCTION = Issue(
    Severity.ERROR, IssueCode.NOT_SUPPORTED, "MSH[1]-11", "not the processing id here", "202"
)


# --- a message is kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"MSH|^~\\&|small", LARGE, b"", bytes(range(256))])
def test_bytes_come_back_verbatim(store, raw):
    """Small and large messages are read back as they were received."""
    receipt = store.submit(raw)

    assert raw == store.inbox.load(receipt.message_id).raw


def test_a_stored_message_has_what_the_door_knew(store):
    """Every fact of the arrival is in the record, times in UTC."""
    receipt = store.submit()
    stored = store.inbox.load(receipt.message_id)

    assert (Verdict.ACCEPTED, (), False) == (receipt.verdict, receipt.issues, receipt.duplicate)
    assert "2026-11-22T09:15:00.000000Z" == stored.received_at
    assert ("lab", "10.1.2.3:50123", "LAB|HOSP", "M1") == (
        stored.channel, stored.peer, stored.sender, stored.control_id,
    )  # fmt: skip
    assert ("ORU^R01^ORU_R01", "2.5.1", "P") == (stored.trigger, stored.version, stored.processing_id)
    assert (MessageState.RECEIVED, 0, 0, None) == (
        stored.state, stored.attempts, stored.replays, stored.parent_id,
    )  # fmt: skip
    assert len(b"MSH|^~\\&|one") == stored.size


def test_one_transaction_holds_row_and_audit_record(store):
    """The audit record names the message, its size and keyed digest, and carries its number."""
    receipt = store.submit()
    stored = store.inbox.load(receipt.message_id)
    (record,) = store.audit.trail(receipt.message_id)

    assert ("message.received", stored.seq) == (record.event.kind, record.seq)
    assert {"channel": "lab", "digest": stored.digest, "size": 12, "verdict": "AA"} == record.event.details


def test_a_large_message_is_a_file_and_a_small_one_is_not(sqlite_store):
    """Only what is larger than the limit leaves the database."""
    sqlite_store.submit(b"small")
    assert [] == list(sqlite_store.folder.glob("blobs/??/??/*"))

    sqlite_store.submit(LARGE, control_id="M2")
    assert 1 == len(list(sqlite_store.folder.glob("blobs/??/??/*")))


def test_nothing_on_disk_shows_the_patient(sqlite_store):
    """Neither payload nor order key can be read in any file of the store."""
    marker = b"ZZPATIENTZZ"
    for raw, control_id in ((marker, "M1"), (marker + LARGE, "M2")):
        sqlite_store.submit(raw, control_id=control_id, order_key=marker.decode())
    sqlite_store.database.close()
    files = [path for path in sqlite_store.folder.rglob("*") if path.is_file()]

    assert len(files) >= 3
    assert [] == [path.name for path in files if marker in path.read_bytes() or marker.decode() in path.name]


def test_a_refused_message_is_kept_and_not_processed(store):
    """What the door refuses is stored with its issues and never handed to the engine."""
    receipt = store.submit(verdict=Verdict.REJECTED, issues=(NOT_PRODUCTION,))
    stored = store.inbox.load(receipt.message_id)

    assert (Verdict.REJECTED, (NOT_PRODUCTION,)) == (receipt.verdict, receipt.issues)
    assert (MessageState.REFUSED, (NOT_PRODUCTION,)) == (stored.state, stored.issues)
    assert b"MSH|^~\\&|one" == stored.raw
    assert () == store.inbox.undispatched()
    assert ["message.refused"] == store.kinds()


def test_fields_of_any_shape_are_stored(store):
    """NUL, controls, lone surrogates and endless ids neither stop the store nor make two messages one."""
    odd = ["\x00", "a\x1fb", "\udc80", "é" * 5000, "é" * 5001, "\u2028", "'; DROP TABLE message; --"]
    receipts = [store.submit(b"%d" % n, control_id=text, sender=text) for n, text in enumerate(odd)]

    assert [Verdict.ACCEPTED] * len(odd) == [receipt.verdict for receipt in receipts]
    assert len(odd) == len({receipt.message_id for receipt in receipts})
    assert all(len(store.inbox.load(r.message_id).control_id) <= 199 for r in receipts)
    assert store.submit(b"3", control_id="é" * 5000, sender="é" * 5000).duplicate


# --- a message comes again -----------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"MSH|^~\\&|one", LARGE])
def test_a_resend_gets_the_earlier_answer_and_changes_nothing(store, raw):
    """The same message again is answered as before; only the audit trail knows."""
    first = store.submit(raw)
    again = store.submit(raw)

    assert (first.message_id, Verdict.ACCEPTED, True) == (again.message_id, again.verdict, again.duplicate)
    assert 1 == len(store.inbox.list(MessageFilter()))
    assert ["message.received", "message.resent"] == store.kinds()


def test_a_resend_may_have_another_time_of_sending(store):
    """MSH-7 is left out of the comparison, and nothing else is."""
    first = store.submit(b"MSH|1200|rest", unstable=(4, 8))
    again = store.submit(b"MSH|120001|rest", unstable=(4, 10))
    other = store.submit(b"MSH|1200|other", unstable=(4, 8))

    assert first.message_id == again.message_id
    assert not other.duplicate
    assert Verdict.ERROR == other.verdict


def test_resends_of_a_large_message_fill_no_disk(sqlite_store):
    """A resend that differs in MSH-7 only leaves no blob behind."""
    sqlite_store.submit(b"MSH|1200" + LARGE, unstable=(4, 8))
    for minute in range(1201, 1206):
        assert sqlite_store.submit(b"MSH|%d" % minute + LARGE, unstable=(4, 8)).duplicate

    assert 1 == len(list(sqlite_store.folder.glob("blobs/??/??/*")))


def test_another_sender_or_channel_is_no_resend(store):
    """The control id counts within its sender and channel only."""
    receipts = [store.submit(), store.submit(sender="OTHER|HOSP"), store.submit(channel="other")]

    assert [False] * 3 == [receipt.duplicate for receipt in receipts]
    assert [Verdict.ACCEPTED] * 3 == [receipt.verdict for receipt in receipts]


def test_the_window_ends(make_store, tmp_path):
    """After the window an id may be used again: counters wrap."""
    store = make_store(f"sqlite:///{tmp_path / 'store.sqlite'}", window=timedelta(hours=1))
    first = store.submit()
    store.clock.advance(minutes=59)
    assert store.submit().duplicate
    store.clock.advance(minutes=2)
    later = store.submit(b"other content")

    assert (Verdict.ACCEPTED, False) == (later.verdict, later.duplicate)
    assert first.message_id != later.message_id


def test_without_a_control_id_the_digest_stands_in(store):
    """Empty MSH-10: the same bytes are a resend, others are other messages."""
    first = store.submit(b"one", control_id="")
    other = store.submit(b"two", control_id="")
    again = store.submit(b"one", control_id="")

    assert (Verdict.ACCEPTED, False) == (other.verdict, other.duplicate)
    assert (first.message_id, True) == (again.message_id, again.duplicate)


def test_same_id_other_content_is_kept_refused_and_alarmed(store):
    """Nothing is lost: the second is stored, linked to the first, answered AE with 207."""
    first = store.submit(b"one")
    second = store.submit(b"two")
    stored = store.inbox.load(second.message_id)

    assert (Verdict.ERROR, False) == (second.verdict, second.duplicate)
    assert [(IssueCode.DUPLICATE, "207", "MSH[1]-10")] == [
        (issue.code, issue.hl7_error, issue.location) for issue in second.issues
    ]
    assert (MessageState.REFUSED, "same-id-other-content") == (stored.state, stored.reason)
    assert (first.message_id, b"two") == (stored.parent_id, stored.raw)
    assert ["message.received", "message.conflict"] == store.kinds()


def test_a_channel_may_process_the_same_id_with_other_content(store):
    """PROCESS accepts it as a message of its own, linked, with the alarm."""
    first = store.submit(b"one")
    second = store.submit(b"two", same_id=SameId.PROCESS)
    again = store.submit(b"two", same_id=SameId.PROCESS)

    assert (Verdict.ACCEPTED, False) == (second.verdict, second.duplicate)
    assert first.message_id == store.inbox.load(second.message_id).parent_id
    assert 2 == len(store.inbox.undispatched())
    assert (second.message_id, True) == (again.message_id, again.duplicate)
    assert ["message.received", "message.conflict", "message.resent"] == store.kinds()


def test_a_resend_of_the_refused_gets_the_same_refusal(store):
    """Also the answer AE is given again, with its issues, and stored once."""
    store.submit(b"one")
    refused = store.submit(b"two")
    again = store.submit(b"two")

    assert (refused.message_id, Verdict.ERROR, refused.issues, True) == (
        again.message_id, again.verdict, again.issues, again.duplicate,
    )  # fmt: skip
    assert 2 == len(store.inbox.list(MessageFilter()))


def test_a_refused_message_is_accepted_once_the_door_takes_it(store):
    """A refusal at the door never becomes a prejudice: settings or content were mended."""
    refused = store.submit(b"one", verdict=Verdict.REJECTED, issues=(NOT_PRODUCTION,))
    same = store.submit(b"one", verdict=Verdict.REJECTED, issues=(NOT_PRODUCTION,))
    mended_settings = store.submit(b"one")
    again = store.submit(b"one")

    assert (refused.message_id, True) == (same.message_id, same.duplicate)
    assert (Verdict.ACCEPTED, False) == (mended_settings.verdict, mended_settings.duplicate)
    assert (mended_settings.message_id, True) == (again.message_id, again.duplicate)


def test_mended_content_under_the_refused_id_is_accepted(store):
    """A sender may correct a refused message and send it under its id."""
    store.submit(b"wrong", verdict=Verdict.ERROR, issues=(NOT_PRODUCTION,))
    mended = store.submit(b"right")
    wrong_again = store.submit(b"wrong again", verdict=Verdict.ERROR, issues=(NOT_PRODUCTION,))

    assert (Verdict.ACCEPTED, False) == (mended.verdict, mended.duplicate)
    assert mended.message_id == store.inbox.load(wrong_again.message_id).parent_id


def test_what_was_accepted_stays_accepted(store):
    """The same message again gets AA even when the door would refuse it now."""
    first = store.submit()
    again = store.submit(verdict=Verdict.REJECTED, issues=(NOT_PRODUCTION,))

    assert (first.message_id, Verdict.ACCEPTED, True) == (again.message_id, again.verdict, again.duplicate)


def test_duplicates_inside_one_commit(store):
    """Two connections that send the same at the same instant: one message, one resend; likewise conflicts."""
    blocked = _hold_writer(store)
    futures = [
        store.inbox.submit(store.arrival(raw))
        for raw in (b"one", b"one", b"two", b"two", LARGE, LARGE, b"one")
    ]
    blocked()
    receipts = [future.result(timeout=30) for future in futures]
    one, two, large = receipts[0], receipts[2], receipts[4]

    assert [False, True, False, True, False, True, True] == [receipt.duplicate for receipt in receipts]
    assert [one.message_id, two.message_id, large.message_id, one.message_id] == [
        receipts[n].message_id for n in (1, 3, 5, 6)
    ]
    assert (Verdict.ERROR, Verdict.ERROR) == (two.verdict, large.verdict)
    assert 3 == len(store.inbox.list(MessageFilter()))
    assert store.audit.verify().whole


def test_a_large_message_that_only_looked_like_a_resend_is_kept(sqlite_store):
    """Between the look and the commit the earlier message may have left the window."""
    first = sqlite_store.submit(LARGE)
    arrival = sqlite_store.arrival(LARGE, received_at=sqlite_store.clock() + timedelta(days=8))
    receipt = sqlite_store.inbox.submit(arrival).result(timeout=30)

    assert first.message_id != receipt.message_id
    assert LARGE == sqlite_store.inbox.load(receipt.message_id).raw


#: Control ids: hypothesis draws the same values again in one store.
_RUNS = itertools.count()


class TestAgainstAModel:
    """Any sequence of arrivals, compared with the table of `admission` applied to a plain list."""

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_any_sequence(self, sqlite_store, data):
        run = next(_RUNS)
        arrivals = data.draw(
            st.lists(
                st.tuples(
                    st.sampled_from([b"a", b"b", LARGE]),
                    st.sampled_from([Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.REJECTED]),
                    st.sampled_from(SameId),
                ),
                min_size=1,
                max_size=8,
            )
        )
        together = data.draw(st.booleans())
        resume = _hold_writer(sqlite_store) if together else lambda: None
        futures = [
            sqlite_store.inbox.submit(
                sqlite_store.arrival(
                    raw,
                    control_id=str(run),
                    verdict=verdict,
                    same_id=same_id,
                    issues=() if verdict is Verdict.ACCEPTED else (NOT_PRODUCTION,),
                )
            )
            for raw, verdict, same_id in arrivals
        ]
        resume()
        got = [future.result(timeout=30) for future in futures]

        seen: list[tuple[bytes, Verdict, str]] = []
        for (raw, verdict, same_id), receipt in zip(arrivals, got, strict=True):
            expected = _expected(seen, raw, verdict, same_id)
            assert expected == (receipt.verdict, receipt.message_id if receipt.duplicate else None)
            if not receipt.duplicate:
                seen.append((raw, receipt.verdict, receipt.message_id))


def _expected(seen, raw, verdict, same_id):
    """The table: (verdict, id of the earlier message or None)."""
    same = [one for one in seen if one[0] == raw]
    accepted = next((one for one in same if one[1] is Verdict.ACCEPTED), None)
    if accepted:
        return Verdict.ACCEPTED, accepted[2]
    other = any(one[1] is Verdict.ACCEPTED for one in seen)
    if verdict is Verdict.ACCEPTED and (not other or same_id is SameId.PROCESS):
        return Verdict.ACCEPTED, None
    if same:
        return same[-1][1], same[-1][2]
    return (Verdict.ERROR if verdict is Verdict.ACCEPTED else verdict), None


# --- for coroutines --------------------------------------------------------------------------------------


def test_coroutines_get_their_receipts(store):
    """Many coroutines at once: each its own receipt, all in one chain."""

    async def send() -> list[str]:
        loop = asyncio.get_running_loop()
        futures = [
            store.inbox.submit_async(store.arrival(b"%d" % n, control_id=str(n)), loop) for n in range(200)
        ]
        return [receipt.message_id for receipt in await asyncio.gather(*futures)]

    ids = asyncio.run(send())

    assert 200 == len(set(ids))
    assert b"123" == store.inbox.load(ids[123]).raw
    assert 200 == store.audit.verify().records


def test_order_of_one_key_survives_a_large_message(store):
    """What is sent behind a large message of the same patient is committed behind it."""

    async def send() -> None:
        loop = asyncio.get_running_loop()
        futures = [
            store.inbox.submit_async(
                store.arrival(LARGE * 20 if n % 5 == 0 else b"%d" % n, control_id=str(n)), loop
            )
            for n in range(40)
        ]
        await asyncio.gather(*futures)

    asyncio.run(send())
    rows = sorted(store.inbox.list(MessageFilter()), key=lambda message: message.seq)

    assert [str(n) for n in range(40)] == [message.control_id for message in rows]


def test_a_cancelled_coroutine_holds_nobody_up(store):
    """A connection that goes away while its large message is written does not block its order key."""

    async def send() -> str:
        loop = asyncio.get_running_loop()
        gone = store.inbox.submit_async(store.arrival(LARGE, control_id="gone"), loop)
        behind = store.inbox.submit_async(store.arrival(b"behind", control_id="behind"), loop)
        gone.cancel()
        return (await asyncio.wait_for(behind, 30)).message_id

    assert b"behind" == store.inbox.load(asyncio.run(send())).raw


# --- from arrival to the end -------------------------------------------------------------------------------


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


# --- when things break ---------------------------------------------------------------------------------------


def test_a_full_disk_for_blobs_refuses_the_message(sqlite_store, monkeypatch):
    """No blob, no row, no receipt, no rubbish; afterwards all is well again."""
    real = os.write

    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("integration.store.durable_files.os.write", full)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        sqlite_store.inbox.submit(sqlite_store.arrival(LARGE))
    monkeypatch.setattr("integration.store.durable_files.os.write", real)

    assert [] == sqlite_store.kinds()
    assert [] == list(sqlite_store.folder.glob("blobs/??/??/*"))
    assert Verdict.ACCEPTED == sqlite_store.submit(LARGE).verdict


_SENDER = """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    from integration.store import keys
    from integration.store.blobs import Blobs
    from integration.store.database import Database
    from integration.store.inbox import Inbox
    from integration.store.records import Arrival

    folder, url = Path(sys.argv[1]), sys.argv[2]
    ring = keys.load(folder / "keys.json")
    inbox = Inbox(Database(url), Blobs(folder / "blobs", ring), ring, clock=lambda: datetime.now(UTC))
    for n in range(100_000):
        raw = b"%d" % n * (1 if n % 3 else 5000)
        arrival = Arrival(channel="c", peer="p", raw=raw, received_at=datetime.now(UTC), control_id=str(n))
        print(inbox.submit(arrival).result().message_id, flush=True)
"""


def test_whatever_was_receipted_survives_kill_9(store):
    """A process is killed while it sends: every receipt that it got out stands for a message on disk."""
    sender = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_SENDER), str(store.folder), store.url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sender.stdout is not None
    receipts = [sender.stdout.readline().strip() for _ in range(60)]
    sender.send_signal(signal.SIGKILL)
    receipts += [line.strip() for line in sender.stdout.readlines() if line.endswith("\n")]
    sender.wait(timeout=30)
    sender.stdout.close()

    database = Database(store.url)
    ring = keys.load(store.folder / "keys.json")
    inbox = Inbox(database, Blobs(store.folder / "blobs", ring), ring, clock=store.clock)
    for n, message_id in enumerate(receipts):
        assert b"%d" % n * (1 if n % 3 else 5000) == inbox.load(message_id).raw
    assert Audit(database, ring, store.clock).verify().whole
    database.close()


def _hold_writer(store):
    """Keep the writer thread busy, so that all that is submitted meanwhile shares one commit."""
    busy, go = threading.Event(), threading.Event()

    def work(_connection: object) -> None:
        busy.set()
        assert go.wait(30)

    store.database.write(work)
    assert busy.wait(30)
    return go.set
