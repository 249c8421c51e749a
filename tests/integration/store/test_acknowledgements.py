"""Application acknowledgements: owed with the message, decided once, found and sent."""

from __future__ import annotations

from functools import partial

import pytest

from integration.states import MessageState
from integration.store import acknowledgements, messages
from integration.store.acknowledgements import Decided, State
from integration.store.records import Act, Owed, SameId
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue, IssueCode, Severity

HEADER = "MSH|^~\\&|LAB|HOSP|WW|HUB|||ORU^R01|M1|P|2.5"
ISSUE = Issue(Severity.FATAL, IssueCode.VALUE, "OBX[1]-5", "does not decode", "102")
ENDS = {
    MessageState.PROCESSED: [MessageState.PROCESSING, MessageState.PROCESSED],
    MessageState.PARKED: [MessageState.PROCESSING, MessageState.PARKED],
    MessageState.DISCARDED: [MessageState.DISCARDED],
}


def wanting(store, condition: str = "AL", *, route: str = "return", **more: object) -> str:
    """The id of a message that wants an application acknowledgement."""
    return store.submit(owed=Owed(condition, route, HEADER), **more).message_id


def end(store, message_id: str, state: MessageState, *issues: Issue, reason: str | None = None) -> None:
    for step in ENDS[state]:
        act = Act("2026-11-22T10:00:00.000000Z", "worker", reason, issues)
        store.database.write(partial(messages.move, message_id=message_id, state=step, act=act)).result(
            timeout=30
        )


def decided(store, *message_ids: str) -> tuple[Decided, ...]:
    with store.database.read() as connection:
        return acknowledgements.decided_of(connection, message_ids)


def test_what_is_owed_is_not_decided(store):
    """Accepted, in work, failed and tried again: nobody knows yet."""
    message_id = wanting(store)
    for state in (MessageState.PROCESSING, MessageState.FAILED, MessageState.PROCESSING):
        assert () == decided(store, message_id)
        store.inbox.move(message_id, state, actor="worker").result(timeout=30)

    assert () == decided(store, message_id)


@pytest.mark.parametrize(
    ("condition", "state", "expected"),
    [
        ("AL", MessageState.PROCESSED, (State.DUE, Verdict.ACCEPTED)),
        ("SU", MessageState.PROCESSED, (State.DUE, Verdict.ACCEPTED)),
        ("ER", MessageState.PROCESSED, (State.WAIVED, Verdict.ACCEPTED)),
        ("AL", MessageState.PARKED, (State.DUE, Verdict.ERROR)),
        ("SU", MessageState.PARKED, (State.WAIVED, Verdict.ERROR)),
        ("ER", MessageState.PARKED, (State.DUE, Verdict.ERROR)),
        ("AL", MessageState.DISCARDED, (State.DUE, Verdict.ERROR)),
        ("SU", MessageState.DISCARDED, (State.WAIVED, Verdict.ERROR)),
        ("ER", MessageState.DISCARDED, (State.DUE, Verdict.ERROR)),
    ],
)
def test_the_end_of_a_message_decides(sqlite_store, condition, state, expected):
    """Each condition of table 0155 with each end."""
    message_id = wanting(sqlite_store, condition)
    end(sqlite_store, message_id, state)

    (found,) = decided(sqlite_store, message_id)
    assert expected == (found.state, found.verdict)


def test_what_is_told_is_what_was_found(store):
    """Issues and reason of the decision, with the header of the message, and nothing of its content."""
    message_id = wanting(store, "ER")
    end(store, message_id, MessageState.PARKED, ISSUE, reason="unreadable")

    (found,) = decided(store, message_id)
    assert (HEADER, (ISSUE,), "unreadable", "return") == (
        found.header,
        found.issues,
        found.reason,
        found.route,
    )
    trail = [record.seq for record in store.audit.trail(message_id)]
    assert (trail[-1], "2026-11-22T10:00:00.000000Z") == (found.seq, found.at)


def test_the_first_decision_stands(store):
    """A replay that succeeds does not change what the sender was told."""
    message_id = wanting(store)
    end(store, message_id, MessageState.PARKED, ISSUE)
    before = decided(store, message_id)
    store.inbox.move(message_id, MessageState.RECEIVED, actor="user:ada").result(timeout=30)
    end(store, message_id, MessageState.PROCESSED)

    assert before == decided(store, message_id)


def test_decisions_are_read_in_their_order(store):
    """From any point on, whatever the order of the messages; those of original mode are not among them."""
    first, plain, second = (
        wanting(store, control_id="A"),
        store.submit(b"x").message_id,
        wanting(store, control_id="B"),
    )
    with store.database.read() as connection:
        assert 0 == acknowledgements.last_decision(connection)
    for message_id in (second, plain, first):
        end(store, message_id, MessageState.PROCESSED)

    with store.database.read() as connection:
        found = acknowledgements.decided_since(connection, 0)
        assert [second, first] == [each.message_id for each in found]
        assert [first] == [e.message_id for e in acknowledgements.decided_since(connection, found[0].seq)]
        assert [second] == [e.message_id for e in acknowledgements.decided_since(connection, 0, limit=1)]
        assert found[1].seq == acknowledgements.last_decision(connection)


def test_what_waits_for_a_destination(store):
    """Due and not for the return connection; gone once sent, with an audit record."""
    returning, away = wanting(store, control_id="A"), wanting(store, control_id="B", route="lis")
    for message_id in (returning, away):
        end(store, message_id, MessageState.PROCESSED)
    with store.database.read() as connection:
        waiting = acknowledgements.due(connection)
    assert [away] == [each.message_id for each in waiting]

    act = Act("2026-11-22T11:00:00.000000Z", "mllp")
    store.database.write(lambda c: acknowledgements.mark_sent(c, waiting, act)).result(timeout=30)
    with store.database.read() as connection:
        assert () == acknowledgements.due(connection)
    assert [State.SENT] == [each.state for each in decided(store, away)]
    event = store.audit.trail(away)[-1].event
    assert ("acknowledgement.sent", "mllp", {"route": "lis", "verdict": "AA"}) == (
        event.kind,
        event.actor,
        event.details,
    )
    assert store.audit.verify().whole


def test_a_refused_message_is_owed_nothing(store):
    """Neither one that the door refused, nor one whose control id came before; a resend owes nothing twice."""
    refused = wanting(store, control_id="A", verdict=Verdict.ERROR)
    first = wanting(store, control_id="B")
    again = wanting(store, control_id="B")
    conflict = wanting(store, control_id="B", raw=b"other", same_id=SameId.REFUSE)
    store.inbox.move(refused, MessageState.DISCARDED, actor="user:ada").result(timeout=30)
    store.inbox.move(conflict, MessageState.DISCARDED, actor="user:ada").result(timeout=30)
    end(store, first, MessageState.PROCESSED)

    assert first == again
    assert [first] == [each.message_id for each in decided(store, refused, first, conflict)]
