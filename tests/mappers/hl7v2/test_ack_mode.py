"""Which acknowledgement is owed when: all combinations of MSH-15 and MSH-16, and what is none."""

from __future__ import annotations

import pytest

from mappers.domain.acknowledgement import Level, Verdict
from mappers.hl7v2.ack_mode import Answering, Condition, answering, is_acknowledgement
from mappers.hl7v2.envelope import peek

AA, AE, AR = Verdict.ACCEPTED, Verdict.ERROR, Verdict.REJECTED
ORIGINAL = Answering(Level.ORIGINAL, Condition.NEVER)
SILENCE = Answering(None, Condition.NEVER)


def envelope(accept: str = "", application: str = "", *, kind: str = "ORU^R01", after: str = "PID|1"):
    return peek(f"MSH|^~\\&|A|B|C|D|2026||{kind}|1|P|2.5|||{accept}|{application}\r{after}\r".encode())


def told(accept: str, application: str, verdict: Verdict) -> tuple[str, str]:
    """The answer at once and what is owed later, in the words of the table."""
    now, later = answering(envelope(accept, application), verdict)
    codes = {Level.ACCEPT: "C" + verdict.value[1], Level.APPLICATION: verdict.value, None: "-"}
    return codes[now], later.value


#: MSH-15, MSH-16: at once and later when accepted; at once when refused with AE. By hand, from chapter 2.
SIXTEEN = {
    ("AL", "AL"): ("CA", "AL", "CE"),
    ("AL", "NE"): ("CA", "NE", "CE"),
    ("AL", "ER"): ("CA", "ER", "CE"),
    ("AL", "SU"): ("CA", "SU", "CE"),
    ("NE", "AL"): ("-", "AL", "AE"),
    ("NE", "NE"): ("-", "NE", "-"),
    ("NE", "ER"): ("-", "ER", "AE"),
    ("NE", "SU"): ("-", "SU", "-"),
    ("ER", "AL"): ("-", "AL", "CE"),
    ("ER", "NE"): ("-", "NE", "CE"),
    ("ER", "ER"): ("-", "ER", "CE"),
    ("ER", "SU"): ("-", "SU", "CE"),
    ("SU", "AL"): ("CA", "AL", "AE"),
    ("SU", "NE"): ("CA", "NE", "-"),
    ("SU", "ER"): ("CA", "ER", "AE"),
    ("SU", "SU"): ("CA", "SU", "-"),
}


@pytest.mark.parametrize(("fields", "expected"), SIXTEEN.items())
def test_all_sixteen(fields: tuple[str, str], expected: tuple[str, str, str]) -> None:
    """Enhanced mode, each pair of conditions, accepted, refused and rejected."""
    at_once, later, refused = expected

    assert (at_once, later) == told(*fields, AA)
    assert (refused, "NE") == told(*fields, AE)
    assert (refused.replace("E", "R"), "NE") == told(*fields, AR)


@pytest.mark.parametrize("one", ["AL", "NE", "ER", "SU"])
@pytest.mark.parametrize("verdict", Verdict)
def test_the_empty_one_is_never(one: str, verdict: Verdict) -> None:
    """Where only one of the two fields is valued, the other one is NE."""
    assert told(one, "NE", verdict) == told(one, "", verdict)
    assert told("NE", one, verdict) == told("", one, verdict)


@pytest.mark.parametrize("empty", ["", '""', " "])
@pytest.mark.parametrize("verdict", Verdict)
def test_both_empty_is_original_mode(empty: str, verdict: Verdict) -> None:
    """One answer at once, nothing later."""
    assert ORIGINAL == answering(envelope(empty, empty), verdict)
    assert ORIGINAL == answering(envelope(empty), verdict)


@pytest.mark.parametrize("slip", ["Y", "ALWAYS", "NEVER", "GBR", "AL^NE", "\xff", "A" * 300])
def test_what_is_not_in_the_table(slip: str) -> None:
    """A slip of the sender's does not choose the mode; in enhanced mode it is taken for AL."""
    assert ORIGINAL == answering(envelope(slip, slip), AA)
    assert ORIGINAL == answering(envelope(slip), AE)
    assert ORIGINAL == answering(envelope("", slip), AR)
    assert told("AL", "SU", AA) == told(slip, "SU", AA)
    assert told("ER", "AL", AA) == told("ER", slip, AA)


@pytest.mark.parametrize("written", ["al", " AL", "Al "])
def test_letters_and_blanks_are_forgiven(written: str) -> None:
    """A code in lower case is the code."""
    assert told("AL", "AL", AA) == told(written, written, AA)


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize(
    "answer",
    [
        envelope("AL", "AL", kind="ACK"),
        envelope(kind="ACK^R01^ACK"),
        envelope("AL", "AL", kind="ack"),
        envelope("AL", "AL", kind="ORL^O22", after="MSA|AA|1"),
        envelope(kind="ORR^O02", after="SFT|x\rMSA|AA|1"),
        envelope(kind="ORR^O02", after="SFT|x\nMSA|AA|1"),
    ],
)
def test_an_acknowledgement_is_not_acknowledged(answer, verdict: Verdict) -> None:
    """Whatever its own MSH-15 and MSH-16 say."""
    assert is_acknowledgement(answer)
    assert SILENCE == answering(answer, verdict)


@pytest.mark.parametrize(
    "message", [envelope(), envelope(kind="ACKS"), envelope(after="PID|1||MSA|1"), envelope(after="MSAX|1")]
)
def test_what_is_no_acknowledgement(message) -> None:
    """MSA is a segment, not three letters anywhere."""
    assert not is_acknowledgement(message)


def test_bytes_without_a_header_are_answered() -> None:
    """Nobody said which mode they mean."""
    assert ORIGINAL == answering(None, AE)
