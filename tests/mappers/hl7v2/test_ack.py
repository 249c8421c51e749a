"""Acknowledgements: in the sender's own terms, whatever those are, and never an exception."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mappers.domain.acknowledgement import Ack, Level, Verdict
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.domain.times import Moment
from mappers.hl7v2 import ack
from mappers.hl7v2.delimiters import Delimiters
from mappers.hl7v2.envelope import Peek, peek
from mappers.hl7v2.tokens import Message, parse
from tests.mappers.hl7v2.strategies import encode, messages

NOW = Moment("2026-11-22T10:11:12.123456+01:00")
ACCEPTED = Ack(Verdict.ACCEPTED, "W-1")
LOCATED = Issue(Severity.FATAL, IssueCode.VALUE, "OBX[2]-5.1", "byte does not decode", "102")
DUPLICATE = Issue(Severity.ERROR, IssueCode.DUPLICATE, "MSH[1]-10", "other content before", "207")


def header(version: str = "2.5.1", **fields: str) -> bytes:
    values = {"msh2": "^~\\&", "msh9": "ORU^R01^ORU_R01", "msh10": "C-1", "msh11": "P", "msh18": ""} | fields
    return (
        f"MSH|{values['msh2']}|LAB|HOSP|WW|HUB|20260101||{values['msh9']}|{values['msh10']}|{values['msh11']}"
        f"|{version}||||||{values['msh18']}\rPID|1\r"
    ).encode()


def answer(raw: bytes, decision: Ack = ACCEPTED) -> list[str]:
    return ack.write(peek(raw), decision, now=NOW).decode("latin-1").split("\r")


def rejected(*issues: Issue) -> Ack:
    return Ack(Verdict.ERROR, "W-1", issues)


def test_an_acceptance_to_the_letter() -> None:
    """MSH with sender and receiver swapped, MSA with the control id unchanged, nothing else."""
    expected = "MSH|^~\\&|WW|HUB|LAB|HOSP|20261122101112.1234+0100||ACK^R01^ACK|W-1|P|2.5.1"

    assert [expected, "MSA|AA|C-1", ""] == answer(header())


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-22T10:11:12Z", "20261122101112+0000"),
        ("2026-11-22T10:11:12-05:30", "20261122101112-0530"),
        ("2026-11-22T10:11:12.5+01:00", "20261122101112.5+0100"),
        ("2026-11-22", "20261122"),
        ("2026", "2026"),
    ],
)
def test_the_time_has_its_own_precision(now: str, expected: str) -> None:
    """DTM with offset and at most four digits of a second."""
    written = ack.write(peek(header()), ACCEPTED, now=Moment(now)).decode()

    assert expected == written.split("|")[6]


@pytest.mark.parametrize(
    ("version", "msh9", "expected"),
    [
        ("2.1", "ORU", "ACK"),
        ("2.2", "ORU^R01", "ACK"),
        ("2.3", "ORU^R01", "ACK^R01"),
        ("2.3.1", "ORU^R01", "ACK^R01^ACK"),
        ("2.8.2", "ORM^O01^ORM_O01", "ACK^O01^ACK"),
        ("2.5", "ORU", "ACK"),
        ("2.5", "ORU^<script>", "ACK"),
    ],
)
def test_the_message_type_in_the_form_of_the_version(version: str, msh9: str, expected: str) -> None:
    """By the sender's trigger."""
    assert expected == answer(header(version, msh9=msh9))[0].split("|")[8]


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.9", "2.9"), ("2.3.z", "2.3.z"), ("2.5^USA", "2.5"), ("", "2.5.1"), ("DOE", "2.5.1")],
)
def test_the_version_is_echoed_where_it_is_one(version: str, expected: str) -> None:
    """Known or not; anything else becomes 2.5.1."""
    assert expected == answer(header(version))[0].split("|")[11]


@pytest.mark.parametrize(
    ("sent", "expected"), [("P", "P"), ("T", "T"), ("D^A", "D^A"), ("", "P"), ("DOE", "P")]
)
def test_the_processing_id_is_echoed_where_it_is_one(sent: str, expected: str) -> None:
    """Anything else becomes P: an answer marked T may be ignored."""
    assert expected == answer(header(msh11=sent))[0].split("|")[10]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("8859/1", "8859/1"), ("~ISO IR87", "~ISO IR87"), ("ISO IR 999", ""), ("DOE^J", "")],
)
def test_the_character_set_is_the_senders(sent: str, expected: str) -> None:
    """What is echoed is in it byte for byte, and the rest is ASCII."""
    fields = answer(header(msh18=sent))[0].split("|")

    assert expected == (fields[17] if len(fields) > 17 else "")


def test_fields_are_echoed_byte_for_byte() -> None:
    """Escapes and bytes beyond ASCII come back as they were sent."""
    raw = header(msh18="8859/1").replace(b"LAB", b"L\xc4B\\T\\").replace(b"C-1", b"C\\F\\\xb51")
    written = ack.write(peek(raw), ACCEPTED, now=NOW)

    assert b"|L\xc4B\\T\\|HOSP|" in written
    assert b"\rMSA|AA|C\\F\\\xb51\r" in written


@pytest.mark.parametrize("encoding", ["^~\\&", "^~\\&#", "$*!%"])
def test_the_senders_delimiters_are_used(encoding: str) -> None:
    """A fifth character too."""
    raw = header(msh2=encoding, msh9=f"ORU{encoding[0]}R01")

    assert [encoding, f"ACK{encoding[0]}R01{encoding[0]}ACK"] == [
        answer(raw)[0].split("|")[n] for n in (1, 8)
    ]


@pytest.mark.parametrize(
    ("sent", "written"), [("^~", "^~\\&"), ("", "^~\\&"), ("^~&", "^~\\&"), ("~^", "~^\\&")]
)
def test_missing_delimiters_are_completed(sent: str, written: str) -> None:
    """An answer needs all four; the sender's own keep their roles."""
    found = answer(header(msh2=sent), rejected(LOCATED))[0].split("|")[1]

    assert (written[0], written[1], len(set(found))) == (found[0], found[1], 4)


def test_an_error_from_2_5_on() -> None:
    """ERR-2 the place, ERR-3 table 0357, ERR-4 the severity, ERR-8 the words; one ERR for each issue."""
    repeated = Issue(Severity.WARNING, IssueCode.VALUE, "PID[1]-3(2).4.2", "odd")
    whole = Issue(Severity.ERROR, IssueCode.STRUCTURE, "", "a | b")
    lines = answer(header(), rejected(LOCATED, repeated, whole))

    assert [
        "MSA|AE|C-1",
        "ERR||OBX^2^5^1^1|102^Data type error^HL70357|E||||byte does not decode",
        "ERR||PID^1^3^2^4^2|0^Message accepted^HL70357|W||||odd",
        "ERR|||207^Application error^HL70357|E||||a \\F\\ b",
        "",
    ] == lines[1:]


def test_an_error_before_2_5() -> None:
    """ERR-1 with a repetition for each issue, the first reason in MSA-3."""
    lines = answer(header("2.4"), rejected(LOCATED, DUPLICATE))

    assert [
        "MSA|AE|C-1|byte does not decode",
        "ERR|OBX^2^5^102&Data type error&HL70357~MSH^1^10^205&Duplicate key identifier&HL70357",
        "",
    ] == lines[1:]


@pytest.mark.parametrize(
    ("version", "code"), [("2.5.1", "205^Duplicate key identifier"), ("2.7", "207^Application error")]
)
def test_a_duplicate_has_its_application_code(version: str, code: str) -> None:
    """Table 0533 in ERR-5; table 0357 had a code of its own up to 2.6."""
    line = answer(header(version), rejected(DUPLICATE))[2]

    assert (
        f"ERR||MSH^1^10|{code}^HL70357|E|102^Duplicate Key Identifier^HL70533|||other content before" == line
    )


@pytest.mark.parametrize(
    ("level", "verdict", "code"),
    [
        (Level.ACCEPT, Verdict.ACCEPTED, "CA"),
        (Level.ACCEPT, Verdict.ERROR, "CE"),
        (Level.ACCEPT, Verdict.REJECTED, "CR"),
        (Level.APPLICATION, Verdict.ACCEPTED, "AA"),
        (Level.APPLICATION, Verdict.ERROR, "AE"),
        (Level.APPLICATION, Verdict.REJECTED, "AR"),
    ],
)
def test_enhanced_mode(level: Level, verdict: Verdict, code: str) -> None:
    """The code says who speaks; MSH-15 and 16 say that no answer is wanted; MSH-18 keeps its place."""
    header_, msa, *_ = answer(header(msh18="8859/1"), Ack(verdict, "W-1", level=level))

    assert f"MSA|{code}|C-1" == msa
    assert ["", "", "NE", "NE", "", "8859/1"] == header_.split("|")[12:]
    assert ["", "", "NE", "NE"] == answer(header(), Ack(verdict, "W-1", level=level))[0].split("|")[12:]


def test_original_mode_says_nothing_of_acknowledgements() -> None:
    """MSH-15 and 16 stay empty."""
    assert ["2.5.1"] == answer(header())[0].split("|")[11:]


@pytest.mark.parametrize(
    ("version", "msa"), [("2.5.1", "MSA|AE|C-1||7"), ("2.4", "MSA|AE|C-1|byte does not decode|7")]
)
def test_an_expected_sequence_number(version: str, msa: str) -> None:
    """MSA-4, behind a text or an empty MSA-3."""
    decision = Ack(Verdict.ERROR, "W-1", (LOCATED,), expected_sequence_number=7)
    lines = answer(header(version), decision)

    assert [msa, "ERR"] == [lines[1], lines[2][:3]]
    accepted = Ack(Verdict.ACCEPTED, "W-1", expected_sequence_number=-1)
    assert ["MSA|AA|C-1||-1", ""] == answer(header(version), accepted)[1:]


def test_an_answer_to_nobody() -> None:
    """Without any MSH the answer is complete but for names."""
    written = ack.write(None, rejected(LOCATED), now=NOW).decode().split("\r")

    assert "MSH|^~\\&|||||20261122101112.1234+0100||ACK|W-1|P|2.5.1" == written[0]
    assert "MSA|AE|" == written[1]


def test_long_fields_are_cut() -> None:
    """An answer never grows with the message."""
    raw = header().replace(b"LAB", b"L" * 100_000).replace(b"C-1", b"C" * 100_000)

    assert len(ack.write(peek(raw), ACCEPTED, now=NOW)) < 1_000


def test_words_beyond_ascii_do_not_leave() -> None:
    """The sender's character set may not hold them."""
    issue = Issue(Severity.ERROR, IssueCode.VALUE, "OBX[1]-6", "not µg … at all")

    assert answer(header(), rejected(issue))[2].endswith("|not ?g ? at all")


@pytest.mark.parametrize(
    "raw", [b"MSH|^^|", b"MSH", b"MSH|", b"MSHx", b"MSH\\\\\\", b"MSH|^~\\&|\x0b\x1c|\x00", b"MSH|MSH|MSH"]
)
def test_odd_headers_get_an_answer(raw: bytes) -> None:
    """One that any receiver can read: MSH, MSA and nothing that frames."""
    check(ack.write(peek(raw), rejected(LOCATED), now=NOW), segments=3)


issues = st.builds(
    Issue,
    st.sampled_from(Severity),
    st.sampled_from(IssueCode),
    st.sampled_from(["", "MSH[1]", "OBX[2]-5.1", "PID[1]-3(2).4.2", "Bundle.entry[0]", "x" * 300]),
    st.text(max_size=300),
    st.sampled_from([None, "100", "102", "207"]),
)
decisions = st.builds(
    Ack,
    st.sampled_from(Verdict),
    st.just("W-1"),
    st.lists(issues, max_size=3).map(tuple),
    st.sampled_from(Level),
    st.sampled_from([None, 1, 2_000_000_000]),
)


def code(decision: Ack) -> str:
    """MSA-1, table 0008."""
    return ("C" if decision.level is Level.ACCEPT else "A") + decision.verdict.value[1]


@settings(deadline=None)
@given(st.binary(max_size=200), decisions)
def test_any_header_gets_a_whole_answer(junk: bytes, decision: Ack) -> None:
    """Fuzzed MSH: the answer parses, names the verdict, and cannot break its frame."""
    found: Peek | None
    try:
        found = peek(b"MSH" + junk)
    except Refused:
        found = None
    written = ack.write(found, decision, now=NOW)

    message = check(written)
    assert code(decision) == message.segments[1].get(1)
    expected = decision.expected_sequence_number
    assert ("" if expected is None else str(expected)) == message.segments[1].get(4)


@settings(deadline=None)
@given(messages(), decisions)
def test_any_message_gets_an_answer_in_its_own_delimiters(
    case: tuple[Delimiters, list[list[str]]], decision: Ack
) -> None:
    """The control id comes back as it was, read by the same rules."""
    raw = encode(*case).encode()
    message = check(ack.write(peek(raw), decision, now=NOW))

    assert case[0] == message.delimiters
    sent = peek(raw).control_id
    assert len(sent) > 256 or sent == peek_answer(message)


def peek_answer(message: Message) -> str:
    return message.segments[1].raw(2)


def check(written: bytes, *, segments: int | None = None) -> Message:
    """An answer is well-formed: it parses, and no control character is in it but carriage returns and tabs."""
    assert {0x09, 0x0D} >= {byte for byte in written if byte < 0x20 or byte == 0x7F}
    assert written.endswith(b"\r")
    message = parse(written, channel=Channel("x", character_set_override="8859/1")).value
    assert {"MSH", "MSA"} <= {segment.name for segment in message.segments} <= {"MSH", "MSA", "ERR"}
    assert segments in {None, len(message.segments)}
    return message


@settings(deadline=None)
@example(b'!\x00"', Ack(Verdict.ACCEPTED, "W-1"))
@given(st.binary(max_size=300), decisions)
def test_an_address_is_enough_for_an_answer(junk: bytes, decision: Ack) -> None:
    """What was kept of an envelope gets the very answer that the message would have got."""
    found = peek(b"MSH" + junk)
    kept = peek(ack.address(found).encode("latin-1"))

    assert ack.write(found, decision, now=NOW) == ack.write(kept, decision, now=NOW)


def test_an_address_holds_names_and_codes_only() -> None:
    """No security field, no continuation pointer, nothing after MSH-18."""
    raw = b"MSH|^~\\&|A|B|C|D|2026|SECRET|ORU^R01|1|P|2.5|7|NEXT|AL|AL|GBR|8859/1|X|Y\rPID|1||MRN\r"

    assert "MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.5||||||8859/1" == ack.address(peek(raw))
