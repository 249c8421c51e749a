"""The envelope: what the door needs, from bytes, whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.domain.channels import Channel
from mappers.domain.issues import Refused
from mappers.hl7v2.delimiters import Delimiters
from mappers.hl7v2.envelope import peek
from mappers.hl7v2.tokens import parse
from tests.mappers.hl7v2.strategies import encode, messages

MESSAGE = (
    b"MSH|^~\\&|LAB|HOSP|WW|HUB|20260101120000+0100||ORU^R01^ORU_R01|C-1|P|2.5.1|||AL|NE||UNICODE UTF-8\r"
    b"PID|1||123^^^A~456^^^B\rORC|RE|P-1^X|F-1\rOBR|1|P-2|F-2|x||||||||||||||ACC-1\rORC|RE|P-9|F-9\r"
)


def test_every_field_of_the_envelope() -> None:
    """MSH, the first identifier of the patient, the numbers of the first order."""
    found = peek(MESSAGE)

    assert ("LAB", "HOSP", "WW", "HUB") == (
        found.sending_application,
        found.sending_facility,
        found.receiving_application,
        found.receiving_facility,
    )
    assert ("20260101120000+0100", "ORU^R01^ORU_R01", "C-1") == (
        found.time,
        found.message_type,
        found.control_id,
    )
    assert ("P", "2.5.1", "UNICODE UTF-8") == (found.processing_id, found.version, found.character_set)
    assert ("AL", "NE") == (found.accept_acknowledgement, found.application_acknowledgement)
    assert ("123^^^A", "P-1^X", "F-1", "ACC-1") == (
        found.patient,
        found.placer_order_number,
        found.filler_order_number,
        found.accession_number,
    )
    assert ("^~\\&", Delimiters()) == (found.encoding_characters, found.delimiters)


def test_order_numbers_come_from_obr_without_an_orc() -> None:
    """ORC is optional, its numbers too."""
    assert ("P-2", "F-2") == (
        peek(MESSAGE.replace(b"ORC|RE|P-1^X|F-1\r", b"ORC|RE\r")).placer_order_number,
        peek(MESSAGE.replace(b"ORC", b"ZRC")).filler_order_number,
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_feeds_end_segments_too(end: bytes) -> None:
    """The envelope of a message with other line ends is the same."""
    found = peek(MESSAGE.replace(b"\r", end))

    assert ("UNICODE UTF-8", "123^^^A", "ACC-1") == (
        found.character_set,
        found.patient,
        found.accession_number,
    )


def test_what_is_absent_is_empty() -> None:
    """A short header has no control id."""
    found = peek(b"MSH|^~\\&|LAB")

    assert ("LAB", "", "", "", "") == (
        found.sending_application,
        found.control_id,
        found.character_set,
        found.patient,
        found.accession_number,
    )


def test_the_span_of_msh_7() -> None:
    """A resend may carry a new time: without the span both have the same bytes."""
    resent = MESSAGE.replace(b"20260101120000+0100", b"20260101120507+0100")
    (a, b), (c, d) = peek(MESSAGE).time_span, peek(resent).time_span

    assert b"20260101120000+0100" == MESSAGE[a:b]
    assert MESSAGE[:a] + MESSAGE[b:] == resent[:c] + resent[d:]


@pytest.mark.parametrize("raw", [b"MSH|^~\\&|LAB", b"MSH", b"MSHx", b"MSH|^~\\&|A|B|C|D||x"])
def test_an_absent_msh_7_has_an_empty_span(raw: bytes) -> None:
    """Nothing is left out of the digest then."""
    start, end = peek(raw).time_span

    assert start == end


def test_the_span_counts_from_the_first_byte() -> None:
    """A byte order mark and blank lines before MSH count."""
    raw = b"\xef\xbb\xbf\r\n" + MESSAGE
    start, end = peek(raw).time_span

    assert b"20260101120000+0100" == raw[start:end]


def test_bytes_are_echoed_one_by_one() -> None:
    """Text of the envelope holds one character per byte, so that an answer can return it as it came."""
    raw = MESSAGE.replace(b"C-1", "Ä-1".encode())

    assert "Ä-1".encode() == peek(raw).control_id.encode("latin-1")


def test_an_msh_behind_other_lines_is_found() -> None:
    """For the answer: such a message is refused, but its sender is known."""
    assert ("C-1", 6) == (peek(b"PID|1\r" + MESSAGE).control_id, peek(b"PID|1\r" + MESSAGE).start)


@pytest.mark.parametrize("raw", [b"", b"PID|1\r", b"hello MSH|", MESSAGE.decode().encode("utf-16")])
def test_no_msh_is_refused(raw: bytes) -> None:
    """There is nothing to answer to."""
    with pytest.raises(Refused):
        peek(raw)


@settings(deadline=None)
@given(messages())
def test_peek_agrees_with_parse(case: tuple[Delimiters, list[list[str]]]) -> None:
    """Both read the same header."""
    raw = encode(*case).encode()
    found, header = peek(raw), parse(raw, channel=Channel("x", character_set_override="UTF-8")).value.header

    assert [header.raw(n) for n in range(1, 19)] == [
        found.header(n).encode("latin-1").decode() for n in range(1, 19)
    ]


@settings(deadline=None)
@given(messages(), st.integers(0, 400))
def test_the_first_bytes_are_enough(case: tuple[Delimiters, list[list[str]]], size: int) -> None:
    """An oversized message is looked at by its head alone."""
    raw = encode(*case).encode()
    head = raw[: 3 + size]
    found = peek(head)
    start, end = found.time_span

    assert raw.startswith(b"MSH")
    assert 0 <= start <= end <= len(head)
    assert isinstance(found.patient, str)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_behind_an_msh_are_looked_at(junk: bytes) -> None:
    """Never an exception."""
    found = peek(b"MSH" + junk)
    start, end = found.time_span

    assert 0 <= start <= end <= 3 + len(junk)
    for name in dir(found):
        getattr(found, name)
