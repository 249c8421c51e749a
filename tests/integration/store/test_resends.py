"""What a message is that came before: a resend, a conflict, or a mended one."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.states import MessageState
from integration.store.records import MessageFilter, SameId
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue, IssueCode, Severity

LARGE = b"MSH|^~\\&|large|" + bytes(range(256)) * 40
NOT_PRODUCTION = Issue(
    Severity.ERROR, IssueCode.NOT_SUPPORTED, "MSH[1]-11", "not the processing id here", "202"
)


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
    blocked = store.hold_writer()
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
        resume = sqlite_store.hold_writer() if together else lambda: None
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
