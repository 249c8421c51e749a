"""Batches of acknowledgements: what answers a batch reads as a batch, whatever its headers look like."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.domain.acknowledgement import Ack, Verdict
from mappers.domain.times import Moment
from mappers.hl7v2 import ack, batch_ack
from mappers.hl7v2.batch_ack import Answered
from mappers.hl7v2.batches import split_batch
from mappers.hl7v2.envelope import peek

NOW = Moment("2026-11-22T10:11:12Z")
FHS = b"FHS|^~\\&|LAB|HOSP|WW|HUB|20261122||file 7|comment|F-7"
BHS = b"BHS|^~\\&|LAB|HOSP|WW|HUB|20261122||batch 9|comment|B-9"


def acknowledgement(number: int) -> bytes:
    message = f"MSH|^~\\&|LAB|HOSP|WW|HUB|20261122||ORU^R01|M-{number}|P|2.5\r".encode()
    return ack.write(peek(message), Ack(Verdict.ACCEPTED, f"W-{number}"), now=NOW)


def test_a_batch_to_the_letter() -> None:
    """Names swapped, references to what is answered, counts of what is there."""
    answers = (acknowledgement(1), acknowledgement(2))
    written = batch_ack.write(FHS, [Answered(BHS, answers)], control_id="W-0", now=NOW)

    assert [
        b"FHS|^~\\&|WW|HUB|LAB|HOSP|20261122101112+0000||||W-0|F-7",
        b"BHS|^~\\&|WW|HUB|LAB|HOSP|20261122101112+0000||||W-0|B-9",
        *b"".join(answers).split(b"\r")[:-1],
        b"BTS|2",
        b"FTS|1",
        b"",
    ] == written.split(b"\r")


def test_a_batch_without_a_file() -> None:
    """Neither FHS nor FTS; a message that is not acknowledged is not counted."""
    written = batch_ack.write(None, [Answered(BHS, ())], control_id="W-0", now=NOW)

    assert [b"BHS", b"BTS"] == [line[:3] for line in written.split(b"\r")[:-1]]
    assert written.endswith(b"BTS|0\r")


def test_messages_without_any_header() -> None:
    """The answer is a batch all the same, with nobody's name and no reference."""
    written = batch_ack.write(None, [Answered(None, (acknowledgement(1),))], control_id="W-0", now=NOW)

    assert b"BHS|^~\\&|||||20261122101112+0000||||W-0\rMSH" == written[:43]


def test_delimiters_of_the_sender() -> None:
    """Of each header, for it and for its trailer."""
    header = b"BHS#*~\\&#LAB#HOSP#WW#HUB#2026####B-9"
    written = batch_ack.write(None, [Answered(header, ())], control_id="W-0", now=NOW).split(b"\r")

    assert [b"BHS#*~\\&#WW#HUB#LAB#HOSP", b"BTS#0"] == [written[0][:24], written[1]]


headers = (
    st.none() | st.binary(max_size=80).map(b"BHS|^~\\&|".__add__) | st.binary(max_size=80).map(b"BHS".__add__)
)


@settings(deadline=None)
@given(st.none() | st.binary(max_size=80).map(b"FHS".__add__), st.lists(headers, min_size=1, max_size=3))
def test_any_header_is_answered(file_header: bytes | None, batch_headers: list[bytes | None]) -> None:
    """Fuzzed headers: the answer splits into its acknowledgements, its counts agree, nothing can frame."""
    batches = [Answered(header, (acknowledgement(1), acknowledgement(2))) for header in batch_headers]
    written = batch_ack.write(file_header, batches, control_id="W-0", now=NOW)

    split = split_batch(written)
    assert () == split.issues
    assert [b"M-1", b"M-2"] * len(batches) == [
        message.content.split(b"|")[-1].strip() for message in split.value
    ]
    assert {0x09, 0x0D} >= {byte for byte in written if byte < 0x20 or byte == 0x7F}


def test_the_envelope_of_a_header() -> None:
    """Its control id stands where a message has its own, so that a refusal of the whole can name it."""
    found = batch_ack.envelope(BHS)

    assert ("LAB", "HOSP", "B-9", "", "") == (
        found.sending_application,
        found.sending_facility,
        found.control_id,
        found.message_type,
        found.version,
    )
    assert b"MSA|AE|B-9" in ack.write(found, Ack(Verdict.ERROR, "W-1"), now=NOW)
