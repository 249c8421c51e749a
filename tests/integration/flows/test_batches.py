"""Batches through the door: each message on its own, one answer for all, or a refusal of the whole."""

from __future__ import annotations

import asyncio

import pytest

from integration.flows import intake
from integration.flows.intake import MLLP, WHOLE
from integration.states import MessageState
from mappers.domain.acknowledgement import Verdict
from mappers.hl7v2.batches import split_batch
from tests.support.door import codes, fields, message

FHS = b"FHS|^~\\&|LAB|HOSP|WW|HUB|20261122||file||F-7\r"
BHS = b"BHS|^~\\&|LAB|HOSP|WW|HUB|20261122||batch||B-9\r"


def batch(*messages: bytes, count: int | None = None, files: int = 1) -> bytes:
    trailer = b"BTS|%d\rFTS|%d\r" % (len(messages) if count is None else count, files)
    return FHS + BHS + b"".join(messages) + trailer


def skeleton(payload: bytes) -> list[str]:
    """Names of the segments of an answer, with the counts of trailers."""
    lines = payload.decode().split("\r")[:-1]
    return [line if line[:3] in {"BTS", "FTS"} else line[:3] for line in lines]


@pytest.mark.parametrize("way", [MLLP, WHOLE])
def test_each_message_has_its_receipt(door, way):
    """A row each, verbatim, and an answer that names the batch and the file."""
    sent = [message(f"M-{n}") for n in range(3)]
    reply = door.receive(batch(*sent), way=way)

    assert ["FHS", "BHS", *["MSH", "MSA"] * 3, "BTS|3", "FTS|1"] == skeleton(reply.payload)
    assert (["F-7"], ["B-9"]) == (fields(reply.payload, "FHS", 11), fields(reply.payload, "BHS", 11))
    assert ["M-0", "M-1", "M-2"] == fields(reply.payload, "MSA", 2)
    assert sent == [door.inbox.load(each.id).raw for each in door.stored()]
    assert [each.message_id for each in reply.receipts] == [each.id for each in door.stored()]


def test_one_bad_message_does_not_take_the_others_with_it(door):
    """Each passes the table on its own."""
    reply = door.receive(batch(message("1"), message("2", version="3.0"), message("3")))

    assert ["AA", "AR", "AA"] == codes(reply.payload)
    assert reply.refused
    assert [MessageState.RECEIVED, MessageState.REFUSED, MessageState.RECEIVED] == [
        e.state for e in door.stored()
    ]


def test_a_batch_again_gets_the_same_answer(door):
    """All of it, or the rest of one that was cut off half way."""
    messages = [message(f"{n}") for n in range(3)]
    door.receive(messages[1])
    first, again = (door.receive(batch(*messages)).payload for _ in range(2))

    assert first == again
    assert 3 == len(door.stored())


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        (batch(message("1"), message("2"), count=3), "BTS^1^1"),
        (batch(message("1"), files=2), "FTS^1^1"),
        (FHS + BHS + message("1") + b"BTS|1\rPID|1\r" + b"FTS|1\r", ""),
    ],
)
def test_counts_that_do_not_agree_refuse_the_whole(door, raw, location):
    """Before anything is processed: kept as one, AE to the batch's own control id."""
    reply = door.receive(raw, way=MLLP)

    assert ["FHS", "BHS", "MSH", "MSA", "ERR", "BTS|1", "FTS|1"] == skeleton(reply.payload)
    assert (["AE"], ["F-7"]) == (codes(reply.payload), fields(reply.payload, "MSA", 2))
    assert not location or [location] == fields(reply.payload, "ERR", 2)
    (kept,) = door.stored()
    assert (raw, Verdict.ERROR, "LAB|HOSP") == (door.inbox.load(kept.id).raw, kept.verdict, kept.sender)


def test_a_mended_batch_is_taken(door):
    """The refusal of the whole does not stand in its way."""
    door.receive(batch(message("1"), count=2))

    assert ["AA"] == codes(door.receive(batch(message("1"))).payload)


def test_a_batch_in_enhanced_mode(door):
    """Only those that want one are acknowledged; what is owed later is owed for each."""
    reply = door.receive(
        batch(
            message("1", msh15="AL", msh16="AL"),
            message("2", msh15="ER", msh16="NE"),
            message("3", msh15="ER", msh16="NE", version="3.0"),
        ),
        way=MLLP,
    )

    assert (["CA", "CR"], ["1", "3"]) == (codes(reply.payload), fields(reply.payload, "MSA", 2))
    assert "BTS|2" in skeleton(reply.payload)
    assert (reply.receipts[0].message_id,) == reply.awaiting


def test_a_batch_that_wants_nothing(door):
    """Silence, and every message is there."""
    reply = door.receive(batch(*(message(f"{n}", msh15="NE") for n in range(2))), way=MLLP)

    assert (None, 2) == (reply.payload, len(door.stored()))


def test_several_batches_in_a_file(door):
    """Each BHS is answered by one, in its order, and FTS counts them."""
    second = BHS.replace(b"B-9", b"B-10")
    raw = FHS + BHS + message("1") + b"BTS|1\r" + second + message("2") + message("3") + b"BTS|2\rFTS|2\r"
    payload = door.receive(raw).payload

    assert ["B-9", "B-10"] == fields(payload, "BHS", 11)
    assert ["BTS|1", "BTS|2", "FTS|2"] == [line for line in skeleton(payload) if "|" in line]
    assert () == split_batch(payload).issues


def test_several_files_in_one(door):
    """Each FHS is answered by one of its own."""
    second = FHS.replace(b"F-7", b"F-8") + BHS + message("2") + b"BTS|1\rFTS|1\r"
    payload = door.receive(batch(message("1")) + second).payload

    assert ["F-7", "F-8"] == fields(payload, "FHS", 11)
    assert ["FTS|1", "FTS|1"] == [line for line in skeleton(payload) if line.startswith("FTS")]


def test_a_batch_without_a_file(door):
    """Neither FHS nor FTS; trailers are optional."""
    assert ["BHS", "MSH", "MSA", "BTS|1"] == skeleton(door.receive(BHS + message(), way=MLLP).payload)


def test_a_batch_of_nothing(door):
    """There is no message in it to keep: refused, bytes kept."""
    reply = door.receive(batch(), way=MLLP)

    assert (["AE"], ["100^Segment sequence error^HL70357"]) == (
        codes(reply.payload),
        fields(reply.payload, "ERR", 3),
    )
    assert batch() == door.inbox.load(reply.receipts[0].message_id).raw


@pytest.mark.parametrize("header", [FHS + BHS, BHS, b""])
def test_a_batch_is_bounded(door, monkeypatch, header):
    """Each message is a row, so their number has a limit; the whole is refused, to its own control id."""
    monkeypatch.setattr(intake, "MOST_PARTS", 5)
    reply = door.receive(header + b"".join(message(f"{n}") for n in range(6)))

    assert (["AE"], ["too many" in each for each in fields(reply.payload, "ERR", 8)]) == (
        codes(reply.payload),
        [True],
    )
    assert [{FHS + BHS: "F-7", BHS: "B-9", b"": ""}[header]] == fields(reply.payload, "MSA", 2)
    assert ["AA", "AA"] == codes(door.receive(BHS + message("1") + message("2")).payload)


def test_a_flood_of_headers_is_not_split(door):
    """Megabytes of them are refused from the first ten thousand."""
    for flood in (b"BHS|^~\\&\r" + b"MSH\r" * 2_000_000, b"BHS\r" * 1_000_000, b"MSH\r" * 1_000_000):
        assert ["AE"] == codes(door.receive(flood).payload)


def test_a_large_batch_goes_in_parts(door):
    """More than are handed to the store at once, in order, by either road."""
    raw = batch(*(message(f"{n}") for n in range(600)))
    expected = [f"{n}" for n in range(600)]

    first = asyncio.run(door.intake.answer(raw, channel="lab", peer="p"))
    assert expected == fields(first.payload, "MSA", 2)
    assert first.payload == door.receive(raw, way=MLLP).payload
    assert [each.message_id for each in first.receipts] == [each.id for each in door.stored()]
