"""The door's table, row by row, over a real store: what is answered, and what is kept."""

from __future__ import annotations

import asyncio

import pytest

from integration.errors import StoreUnavailable
from integration.flows.intake import MLLP, WHOLE, Way
from integration.states import MessageState
from integration.store.records import SameId
from mappers.domain.acknowledgement import Verdict
from mappers.domain.channels import Channel
from tests.support.door import codes, fields, message

ROWS = {
    "accepted": (message(), "AA", []),
    "no MSH": (b"PID|1\r", "AE", ["100"]),
    "nothing": (b"", "AE", ["100"]),
    "junk before MSH": (b"junk\r" + message(), "AE", ["100"]),
    "two messages": (message("1") + message("2"), "AE", ["100"]),
    "MSH-9 empty": (message(kind=""), "AE", ["101"]),
    "version 3": (message(version="3.0"), "AR", ["203"]),
    "MSH-12 empty": (message(version=""), "AA", []),
    "processing id": (message(msh11="T"), "AR", ["202"]),
    "processing id empty": (message(msh11=""), "AA", []),
    "does not decode": (
        message(body="PID|1||M\xe9", msh18="UNICODE UTF-8").decode().encode("latin-1"),
        "AE",
        ["102"],
    ),
}


@pytest.mark.parametrize(("msh11", "expected"), [("P", "AR"), ("", "AR"), ("T", "AA"), ("D", "AA")])
def test_a_demonstration_takes_nothing_of_production(door, msh11, expected):
    """MSH-11 P, or none, which means P: AR with 202 of table 0357, and kept as refused."""
    door.agree(demonstration=True)
    reply = door.receive(message(msh11=msh11), way=MLLP)

    assert [expected] == codes(reply.payload)
    assert (["202"] if expected == "AR" else []) == [
        error.split("^")[0] for error in fields(reply.payload, "ERR", 3)
    ]
    assert ["MSH^1^11"] * (expected == "AR") == fields(reply.payload, "ERR", 2)


@pytest.mark.parametrize("name", ROWS)
def test_the_table(door, name):
    """Each row: MSA-1, ERR-3, and a message that is kept whatever is answered."""
    raw, code, errors = ROWS[name]
    door.agree(processing_ids=frozenset("P"))
    reply = door.receive(raw, way=MLLP)

    assert [code] == codes(reply.payload)
    assert errors == [error.split("^")[0] for error in fields(reply.payload, "ERR", 3)]
    (kept,) = door.stored()
    assert (raw, Verdict(code)) == (door.inbox.load(kept.id).raw, kept.verdict)
    assert (MessageState.RECEIVED if code == "AA" else MessageState.REFUSED) is kept.state


@pytest.mark.parametrize("name", ROWS)
def test_a_resend_gets_the_same_answer(door, name):
    """To the byte, and nothing new is kept."""
    raw, _, _ = ROWS[name]
    first, again = (door.receive(raw, way=MLLP).payload for _ in range(2))

    assert first == again
    assert 1 == len(door.stored())


@pytest.mark.parametrize(("same_id", "code"), [(SameId.REFUSE, "AE"), (SameId.PROCESS, "AA")])
def test_one_id_for_two_messages(door, same_id, code):
    """Kept and refused, or kept and processed, as the channel says."""
    door.agree(same_id=same_id)
    door.receive(message())

    assert [code] == codes(door.receive(message(body="PID|1||MRN-2")).payload)
    assert 2 == len(door.stored())


def test_a_store_that_takes_nothing_gives_no_answer(door):
    """Neither for one message nor for a batch, on either road."""
    door.database.close()
    for raw in (message(), b"BHS|^~\\&\r" + message("1") + message("2") + b"BTS|2\r"):
        with pytest.raises(StoreUnavailable):
            door.receive(raw)
        with pytest.raises(StoreUnavailable):
            asyncio.run(door.intake.answer(raw, channel="lab", peer="p"))


@pytest.mark.parametrize("name", ROWS)
def test_the_coroutine_says_the_same(door, name):
    """`answer` and `receive` are one door."""
    raw, _, _ = ROWS[name]
    door.agree(processing_ids=frozenset("P"))

    answered = asyncio.run(door.intake.answer(raw, channel="lab", peer="p"))
    assert door.receive(raw, way=MLLP).payload == answered.payload


def test_a_refusal_holds_nothing_of_the_message(door):
    """No value of it is in the answer but names and ids."""
    secret = "SECRET^PATIENT"
    for raw in (
        message(body=f"PID|1||{secret}\xff", msh18="UNICODE UTF-8").decode().encode("latin-1"),
        message(kind="", body=f"PID|1||{secret}"),
        f"PID|1||{secret}\r".encode(),
    ):
        assert b"SECRET" not in door.receive(raw).payload


@pytest.mark.parametrize(
    ("charset", "said", "body", "code"),
    [
        ("utf-8", "UNICODE UTF-8", "\u00b5g", "AA"),
        ("iso-8859-1", "8859/1", "\u00b5g", "AA"),
        ("windows-1252", "8859/1", "\u00b5g", "AA"),
        ("iso-8859-1", "8859/15", "ug", "AA"),
        ("utf-8", "8859/1", "\u00b5g", "AE"),
        ("iso-8859-1", "", "\u00b5g", "AE"),
        (None, "8859/1", "\u00b5g", "AA"),
    ],
)
def test_a_transport_may_state_a_charset(door, charset, said, body, code):
    """Two statements that agree, or do not matter, or are nobody's to choose between."""
    codec = {"8859/1": "latin-1", "8859/15": "iso8859-15"}.get(said, "utf-8")
    raw = message(body=f"OBX|1|ST|||{body}", msh18=said).decode().encode(codec)

    assert [code] == codes(door.receive(raw, way=Way(charset=charset)).payload)


def test_a_channel_reads_what_it_was_told_to(door):
    """Without MSH-18 the charset of HTTP has to agree with the channel."""
    door.agree(channel=Channel("lab", character_set="8859/1"))
    raw = message(body="OBX|1|ST|||\u00b5g").decode().encode("latin-1")

    assert ["AA"] == codes(door.receive(raw, way=Way(charset="latin-1")).payload)


def test_too_long_to_be_held(door):
    """Answered from the head alone, in the sender's mode, without any commit."""
    refuse = door.intake.refuse_oversize

    assert ["AE"] == codes(refuse(message(), channel="lab", limit=10))
    assert ["CE"] == codes(refuse(message(msh15="AL"), channel="lab", limit=10))
    assert ["AE"] == codes(refuse(b"no header", channel="lab", limit=10))
    assert refuse(message(msh15="NE", msh16="NE"), channel="lab", limit=10) is None
    assert refuse(message(kind="ACK"), channel="lab", limit=10) is None
    assert [] == door.stored()


def test_files_may_hold_several_messages(door):
    """Without any header; in an MLLP frame that is a mistake."""
    raw = message("1") + message("2")

    assert ["AA", "AA"] == codes(door.receive(raw, way=WHOLE).payload)
    assert ["AE"] == codes(door.receive(raw, way=MLLP).payload)


def test_a_file_with_framing_left_in_is_one_message(door):
    """As the bytes of an MLLP block are."""
    reply = door.receive(b"\x0b" + message() + b"\x1c\r", way=WHOLE)

    assert ["AA"] == codes(reply.payload)
    assert message() == door.inbox.load(reply.receipts[0].message_id).raw
