"""Files of many messages: split, unframed, counted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.hl7v2.batches import BatchedMessage, split_batch

ONE = b"MSH|^~\\&|A|B|C|D|2026||ORU^R01|1|P|2.5\rPID|1\r"
TWO = b"MSH|^~\\&|A|B|C|D|2026||ORU^R01|2|P|2.5\rOBX|1|ED|x||MSH is text, BTS too\r"


def contents(raw: bytes) -> list[bytes]:
    return [message.content for message in split_batch(raw).value]


def locations(raw: bytes) -> list[str]:
    return [issue.location for issue in split_batch(raw).issues]


def test_one_message_is_itself() -> None:
    """Verbatim, without issue."""
    assert (BatchedMessage(ONE),) == split_batch(ONE).value
    assert [] == locations(ONE)


@pytest.mark.parametrize("raw", [b"", b"no message at all", b"PID|1\rMSHX\r"])
def test_bytes_without_msh_come_back_whole(raw: bytes) -> None:
    """For `parse` to refuse with a place."""
    assert [raw] == contents(raw)


def test_several_messages_in_a_file() -> None:
    """Each MSH at the start of a line begins one."""
    assert [ONE, TWO, ONE] == contents(ONE + TWO + ONE)


@pytest.mark.parametrize("gap", [b"\n", b"\r\n\r\n", b"  "])
def test_gaps_between_messages_do_not_matter(gap: bytes) -> None:
    """Blank lines stay with the message before them."""
    assert [ONE + gap, TWO] == contents(ONE + gap + TWO)


def test_frames_are_removed() -> None:
    """MLLP framing that was saved with the messages."""
    raw = b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r\n\x0b" + ONE + b"\x1c"

    assert [ONE, TWO, ONE] == contents(raw)
    assert [] == locations(raw)


def test_batches_keep_their_headers() -> None:
    """FHS and BHS above each message, verbatim."""
    raw = b"FHS|^~\\&|F\rBHS|^~\\&|1\r" + ONE + TWO + b"BTS|2\rBHS|^~\\&|2\r" + ONE + b"BTS|1\rFTS|2\r"
    file = b"FHS|^~\\&|F"
    found = split_batch(raw)

    assert (
        BatchedMessage(ONE, (file, b"BHS|^~\\&|1")),
        BatchedMessage(TWO, (file, b"BHS|^~\\&|1")),
        BatchedMessage(ONE, (file, b"BHS|^~\\&|2")),
    ) == found.value
    assert () == found.issues


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"BHS|^~\\&\r" + ONE + b"BTS|2\r", ["BTS[1]-1"]),
        (b"BHS|^~\\&\r" + ONE + b"BTS|one\r", ["BTS[1]-1"]),
        (b"BHS|^~\\&\r" + ONE + b"BTS||comment\r", []),
        (b"BHS|^~\\&\r" + ONE + b"BTS\r", []),
        (b"BHS@~&#\\\r" + ONE + b"BTS@1@x\r", []),
        (b"FHS|^~\\&\r" + ONE + TWO + b"FTS|3\r", ["FTS[1]-1"]),
        (b"FHS|^~\\&\r" + ONE + TWO + b"FTS|2\r", []),
        (b"FHS|^~\\&\r" + ONE + TWO + b"FTS|1\r", []),
        (b"FHS|^~\\&\rBHS|^~\\&\r" + ONE + TWO + b"BTS|2\rFTS|2\r", ["FTS[1]-1"]),
        (b"BHS|^~\\&\r" + ONE + b"BTS|1\rBHS|^~\\&\r" + ONE + b"BTS|3\r", ["BTS[2]-1"]),
    ],
)
def test_counts_are_checked(raw: bytes, expected: list[str]) -> None:
    """BTS-1 counts messages, FTS-1 batches; empty counts say nothing."""
    assert expected == locations(raw)


@pytest.mark.parametrize(
    ("raw", "where"),
    [(b"junk\r" + ONE, ""), (b"BHS|^~\\&\rNTE|1\r" + ONE, "BHS"), (ONE + b"BTS|1\rNTE|1\r" + ONE, "BTS")],
)
def test_lines_of_no_message_are_reported(raw: bytes, where: str) -> None:
    """Nothing goes unsaid."""
    assert where in locations(raw)


@settings(deadline=None)
@given(messages=st.lists(st.sampled_from([ONE, TWO]), min_size=1, max_size=6), framed=st.booleans())
def test_any_number_of_messages(messages: list[bytes], *, framed: bool) -> None:
    """Split is the inverse of join."""
    raw = b"".join(b"\x0b" + one + b"\x1c\r" if framed else one for one in messages)

    assert messages == contents(raw)
