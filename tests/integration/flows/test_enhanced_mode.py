"""Enhanced mode through the door: the answer at once, what is owed, and what an acknowledgement gets."""

from __future__ import annotations

import pytest

from integration.flows.intake import MLLP, WHOLE
from integration.states import MessageState
from mappers.domain.acknowledgement import Verdict
from tests.mappers.hl7v2.test_ack_mode import SIXTEEN
from tests.support.door import codes, fields, message

#: MSH-12 that no channel takes.
REJECTED = {"version": "3.0"}


def at_once(reply) -> str:
    return codes(reply.payload)[0] if reply.payload else "-"


@pytest.mark.parametrize(("conditions", "expected"), SIXTEEN.items())
def test_all_sixteen(door, conditions, expected):
    """What is sent at once when the door accepts and when it rejects; what waits for the return connection."""
    accepted, later, refused = expected
    accept, application = conditions
    fine = door.receive(message("1", msh15=accept, msh16=application), way=MLLP)
    wrong = door.receive(message("2", msh15=accept, msh16=application, **REJECTED), way=MLLP)

    assert (accepted, refused.replace("E", "R")) == (at_once(fine), at_once(wrong))
    assert ((), fine.receipts[0].message_id) == (
        wrong.awaiting,
        *(fine.awaiting or (fine.receipts[0].message_id,)),
    )
    assert (later != "NE") == bool(fine.awaiting)
    assert 2 == len(door.stored())


@pytest.mark.parametrize(("conditions", "expected"), SIXTEEN.items())
def test_what_the_application_says_later(door, conditions, expected):
    """AA after success, AE after failure, where MSH-16 asks for it; nothing else."""
    _, later, _ = expected
    accept, application = conditions
    told = {}
    for state in (MessageState.PROCESSED, MessageState.PARKED):
        reply = door.receive(message(state.value, msh15=accept, msh16=application), way=MLLP)
        message_id = reply.receipts[0].message_id
        door.end(message_id, state=state)
        news = door.acks.news([message_id], since=0)
        told[state] = {each.verdict.value for each in news.decided if each.state.value == "due"}
        assert frozenset() == news.unknown or later == "NE"

    success = {"AA"} if later in {"AL", "SU"} else set()
    failure = {"AE"} if later in {"AL", "ER"} else set()
    assert (success, failure) == (told[MessageState.PROCESSED], told[MessageState.PARKED] - success)


def test_the_two_answers_have_ids_of_their_own(door):
    """MSH-10 of accept and application acknowledgement differ, and each is the same when asked for again."""
    raw = message(msh15="AL", msh16="AL")
    first, again = (door.receive(raw, way=MLLP) for _ in range(2))
    refused = door.receive(message("x", msh15="NE", msh16="AL", **REJECTED), way=MLLP)

    assert first.payload == again.payload
    ids = [fields(reply.payload, "MSH", 9)[0] for reply in (first, refused)]
    assert [20, 20] == [len(each) for each in ids]
    assert first.receipts[0].message_id.replace("-", "").startswith(ids[0])
    assert refused.receipts[0].message_id.replace("-", "").endswith(ids[1])


def test_an_answer_wants_no_answer(door):
    """MSH-15 and MSH-16 of an accept acknowledgement are NE."""
    payload = door.receive(message(msh15="AL"), way=MLLP).payload

    assert (["NE"], ["NE"]) == (fields(payload, "MSH", 14), fields(payload, "MSH", 15))


@pytest.mark.parametrize("way", [MLLP, WHOLE])
@pytest.mark.parametrize(
    "raw",
    [
        message(kind="ACK^R01^ACK", body="MSA|AA|M-9"),
        message(kind="ACK", body="MSA|AE|M-9", msh15="AL", msh16="AL"),
        message(kind="ORL^O22", body="MSA|AA|M-9"),
        message(kind="ACK", body="MSA|AA|M-9", version="9"),
    ],
)
def test_an_acknowledgement_is_kept_and_not_answered(door, way, raw):
    """Two systems that acknowledge acknowledgements never stop."""
    reply = door.receive(raw, way=way)

    assert (None, ()) == (reply.payload, reply.awaiting)
    assert [raw] == [door.inbox.load(each.id).raw for each in door.stored()]


@pytest.mark.parametrize(
    ("accept", "application", "expected"),
    [
        ("AL", "AL", "CA"),
        ("NE", "AL", "AA"),
        ("NE", "SU", "AA"),
        ("NE", "ER", "-"),
        ("NE", "NE", "-"),
        ("", "", "AA"),
    ],
)
def test_where_nothing_can_come_later(door, accept, application, expected):
    """A file or a request is answered once: by the accept acknowledgement, else in the sense of original mode."""
    reply = door.receive(message(msh15=accept, msh16=application), way=WHOLE)

    assert (expected, ()) == (at_once(reply), reply.awaiting)
    message_id = reply.receipts[0].message_id
    assert {message_id} == door.acks.news([message_id], since=None).unknown


@pytest.mark.parametrize(
    ("acks", "waits", "owed"), [("return", True, True), ("never", False, False), ("lis", False, True)]
)
def test_a_channel_says_where_application_acknowledgements_go(door, acks, waits, owed):
    """Over the connection, nowhere, or to a destination; the accept acknowledgement is the same."""
    door.agree(application_acks=acks)
    reply = door.receive(message(msh15="AL", msh16="AL"), way=MLLP)

    assert ["CA"] == codes(reply.payload)
    assert waits == bool(reply.awaiting)
    assert owed == (not door.acks.news([reply.receipts[0].message_id], since=None).unknown)


def test_a_destination_serves_requests_too(door):
    """An application acknowledgement with a place to go is owed whatever way the message came."""
    door.agree(application_acks="lis")
    reply = door.receive(message(msh15="NE", msh16="AL"), way=WHOLE)

    assert reply.payload is None
    assert not door.acks.news([reply.receipts[0].message_id], since=None).unknown


def test_original_mode_by_agreement(door):
    """For senders that fill MSH-15 and MSH-16 and wait for AA; an acknowledgement is silent all the same."""
    door.agree(original_mode=True)
    reply = door.receive(message(msh15="NE", msh16="NE"), way=MLLP)

    assert (["AA"], ()) == (codes(reply.payload), reply.awaiting)
    assert ["AR"] == codes(door.receive(message("2", msh15="NE", msh16="NE", **REJECTED), way=MLLP).payload)
    assert door.receive(message(kind="ACK", body="MSA|AA|1"), way=MLLP).payload is None


def test_numbered_messages(door):
    """MSA-4 in each answer; what is missing is named, what asks is answered."""
    door.agree(sequence_numbers=True)

    def send(number: str, control_id: str, **more):
        payload = door.receive(message(control_id, msh13=number, **more), way=MLLP).payload
        return codes(payload)[0], fields(payload, "MSA", 4)[0]

    assert ("AA", "-1") == send("0", "a", kind="")
    assert ("AA", "7") == send("7", "b")
    assert ("AR", "8") == send("9", "c")
    assert ("AA", "8") == send("7", "b")
    assert ("AA", "8") == send("8", "d")
    assert ("AA", "-1") == send("-1", "e", kind="")
    assert ("AA", "3") == send("3", "f")
    assert [("AE", ""), ("AE", "")] == [send("", "g"), send("x", "h")]


def test_a_number_is_wanted_of_messages_only(door):
    """An acknowledgement that comes by a numbered channel has none."""
    door.agree(sequence_numbers=True)

    reply = door.receive(message(kind="ACK", body="MSA|AA|1"), way=MLLP)
    assert (None, Verdict.ACCEPTED) == (reply.payload, reply.receipts[0].verdict)
