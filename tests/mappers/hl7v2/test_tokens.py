"""Tokens: everything that arrived is there, in its place, and what was forgiven is said."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.domain.channels import Channel
from mappers.domain.issues import IssueCode, Refused, Severity
from mappers.hl7v2.delimiters import Delimiters
from mappers.hl7v2.lines import MAX_FIELDS, MAX_LINES, MAX_PARTS
from mappers.hl7v2.tokens import Message, Segment, parse
from tests.mappers.hl7v2.strategies import delimiter_sets, encode, messages

CHANNEL = Channel("lab")
HEADER = "MSH|^~\\&|LAB|HOSP|WW|HUB|20260101||ORU^R01^ORU_R01|1|P|2.5.1"


def read(text: str) -> Message:
    return parse(text.encode(), channel=CHANNEL).value


def issues(text: str | bytes) -> list[str]:
    raw = text.encode() if isinstance(text, str) else text
    found = parse(raw, channel=CHANNEL).issues
    assert {issue.severity for issue in found} <= {Severity.WARNING}
    return [issue.location for issue in found]


def segment(text: str, *, header: str = HEADER) -> Segment:
    return read(f"{header}\r{text}\r").segments[1]


def test_segments_know_their_place() -> None:
    """Name, index in the message, count among their like, label."""
    message = read(f"{HEADER}\rPID|1\rOBX|1\rNTE|1\rOBX|2\r")

    assert [
        ("MSH", 1, 1, "MSH[1]"),
        ("PID", 2, 1, "PID[1]"),
        ("OBX", 3, 1, "OBX[1]"),
        ("NTE", 4, 1, "NTE[1]"),
        ("OBX", 5, 2, "OBX[2]"),
    ] == [(s.name, s.index, s.ordinal, s.label) for s in message.segments]
    assert ["OBX|1", "OBX|2"] == [s.text for s in message.named("OBX")]


def test_msh_is_numbered_as_the_standard_does() -> None:
    """MSH-1 is the separator itself, MSH-2 the other delimiters, uncut."""
    header = read(HEADER).header

    assert ["|", "^~\\&", "LAB", "HOSP"] == [header.get(n) for n in range(1, 5)]
    assert ("R01", 12) == (header.get(9, component=2), header.count)
    assert (3, 4, 5, 6, 7, 9, 10, 11, 12) == header.valued()


def test_values_at_every_level() -> None:
    """Field, repetition, component, subcomponent, and nothing where nothing is."""
    pid = segment("PID|1||123^^^A&1.2&ISO~456^^^B||Doe^John")

    assert ("1", "", "") == (pid.get(1), pid.get(2), pid.get(30))
    assert "123^^^A&1.2&ISO" == pid.get(3)
    assert ("123", "456") == (pid.get(3, component=1), pid.get(3, repetition=2, component=1))
    assert ("1.2", "B", "") == (
        pid.get(3, component=4, subcomponent=2),
        pid.get(3, repetition=2, component=4, subcomponent=1),
        pid.get(3, repetition=2, component=4, subcomponent=2),
    )
    assert ("", "") == (pid.get(3, repetition=3), pid.get(3, component=9))
    assert (1, 3, 5) == pid.valued()


def test_a_component_can_be_read_as_a_composite() -> None:
    """An HD in CX.4 reads like an HD in a field, and knows where it stands."""
    repetition = segment("PID|1||123~456^^^A&1.2.3&ISO").field(3).repetition(2)
    assigner = repetition.part(4)

    assert (3, "A", "1.2.3", "ISO") == (assigner.count, *(assigner.get(n) for n in (1, 2, 3)))
    assert ("PID[1]-3(2).4.2", "PID[1]-3(2).4") == (assigner.at(2), assigner.at())
    assert ("PID[1]-3(2)", "PID[1]-3(2).1") == (repetition.at(), repetition.at(1))
    assert "A&1.2.3&ISO" == repetition.get(4)


def test_null_is_told_from_empty() -> None:
    """`""` says "delete"; it is no text."""
    pid = segment('PID|""||123^""')

    assert (True, "") == (pid.field(1).null, pid.get(1))
    assert (False, "") == (pid.field(2).null, pid.get(2))
    assert (True, "") == (pid.field(3).repetition(1).part(2).null, pid.get(3, component=2))
    assert (1, 3) == pid.valued()


def test_separators_alone_are_no_value() -> None:
    """`^^^` says nothing."""
    assert () == segment("PID||^^|~|&").valued()
    assert not segment("PID||^^").field(2).valued
    assert segment("PID|1").field(2).repetitions == ()


def test_values_are_unescaped_after_splitting() -> None:
    """An escaped delimiter is text, at every level."""
    obx = segment(r"OBX|a\F\b^c\S\d&e\T\f~g\R\h")

    assert ("a|b", "c^d", "e&f", "g~h") == (
        obx.get(1, component=1),
        obx.get(1, component=2, subcomponent=1),
        obx.get(1, component=2, subcomponent=2),
        obx.get(1, repetition=2),
    )
    assert r"a\F\b^c\S\d&e\T\f~g\R\h" == obx.raw(1)


def test_escapes_that_stay_are_located() -> None:
    """A local escape in OBX-5 is a warning there."""
    assert ["OBX[2]-5"] == issues(f"{HEADER}\rOBX|1\rOBX|2|TX|x||a \\Z1\\ b\r")


@pytest.mark.parametrize(
    ("end", "expected"),
    [("\r", []), ("\n", [""]), ("\r\n", [""]), ("\r\r", []), ("\n\r\n", [""])],
)
def test_every_line_end_is_read(end: str, expected: list[str]) -> None:
    """CR, LF, CRLF and blank lines give the same segments; anything but CR is a warning."""
    text = end.join([HEADER, "PID|1", "OBX|1", ""])

    assert [HEADER, "PID|1", "OBX|1"] == [s.text for s in read(text).segments]
    assert expected == issues(text)


@pytest.mark.parametrize("end", ["", "\r", "\n", "\r\n", "\r\n\n"])
def test_what_follows_the_last_segment_does_not_matter(end: str) -> None:
    """Files end as their editors like."""
    assert [] == issues(f"{HEADER}\rPID|1{end}")


def test_mixed_line_ends_are_read() -> None:
    """Each segment may end as it likes."""
    assert ["MSH", "EVN", "PID", "PV1"] == [s.name for s in read(f"{HEADER}\rEVN|A\nPID|1\r\nPV1|1").segments]


def test_what_stands_before_msh_is_forgiven_when_it_is_blank() -> None:
    """A byte order mark, blanks and line ends; anything else is refused."""
    raw = b"\xef\xbb\xbf \r\n" + HEADER.encode() + b"\rPID|1\r"

    assert [HEADER, "PID|1"] == [s.text for s in parse(raw, channel=CHANNEL).value.segments]
    with pytest.raises(Refused) as caught:
        parse(b"PID|1\r" + raw, channel=CHANNEL)
    assert ("MSH[1]", "100") == (caught.value.issue.location, caught.value.issue.hl7_error)


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"PID|1\r", b"hello", b"xMSH|^~\\&|"])
def test_no_msh_is_refused(raw: bytes) -> None:
    """Segment sequence error 100 at MSH."""
    with pytest.raises(Refused) as caught:
        parse(raw, channel=CHANNEL)

    assert ("MSH[1]", "100") == (caught.value.issue.location, caught.value.issue.hl7_error)


@pytest.mark.parametrize("raw", [b"MSH", b"MSH\r", b"MSH A", b"MSHA^~\\&A", b"MSH1", b"MSH\xe4"])
def test_a_separator_that_cannot_separate_is_refused(raw: bytes) -> None:
    """Letters, digits, blanks, line ends and bytes beyond ASCII are no MSH-1."""
    with pytest.raises(Refused) as caught:
        parse(raw, channel=CHANNEL)

    assert "MSH[1]-1" == caught.value.issue.location


def test_two_messages_in_one_frame_are_refused() -> None:
    """They must not become one report."""
    with pytest.raises(Refused) as caught:
        parse(f"{HEADER}\rPID|1\r{HEADER}\rPID|2\r".encode(), channel=CHANNEL)

    assert ("MSH[2]", "100") == (caught.value.issue.location, caught.value.issue.hl7_error)


@pytest.mark.parametrize(
    ("encoding", "expected", "warned"),
    [
        ("^~\\&", Delimiters(), False),
        ("^~\\&#", Delimiters(truncation="#"), False),
        ("$*!%", Delimiters("|", "$", "*", "!", "%"), False),
        ("^~", Delimiters("|", "^", "~", "", ""), True),
        ("", Delimiters("|", "", "", "", ""), True),
        ("^~&", Delimiters("|", "^", "~", "", "&"), True),
        ("^~\\\\&", Delimiters(), True),
        ("^~\\&#!", Delimiters(truncation="#"), True),
        ("^~\\T", Delimiters("|", "^", "~", "\\", ""), True),
        ("^^", Delimiters("|", "^", "", "", ""), True),
    ],
)
def test_delimiters_come_from_msh_2(encoding: str, expected: Delimiters, *, warned: bool) -> None:
    """Five characters, other characters, too few, doubled ones: read as far as they can delimit."""
    header = HEADER.replace("^~\\&", encoding, 1)
    mapped = parse(f"{header}\rPID|1|a^b\r".encode(), channel=CHANNEL)

    assert expected == mapped.value.delimiters
    assert warned == bool([issue for issue in mapped.issues if issue.location == "MSH[1]-2"])
    assert encoding == mapped.value.header.get(2)


def test_other_delimiters_throughout() -> None:
    """A message of another house's delimiters."""
    pid = segment("PID@1@@MRN~~~HOSP~MR&MRN2@@Doe~J\\x#S#", header="MSH@~&#\\@A@B@C@D@2026@@ADT~A01@1@P@2.5")

    assert ("MRN", "HOSP", "MRN2") == (
        pid.get(3, component=1),
        pid.get(3, component=4),
        pid.get(3, repetition=2, component=1),
    )
    assert ("J", "x~") == (pid.get(5, component=2, subcomponent=1), pid.get(5, component=2, subcomponent=2))


def test_a_broken_text_line_stays_in_its_field() -> None:
    """Some senders break lines inside OBX-5: the rest belongs there, with a warning."""
    text = f"{HEADER}\rOBX|1|TX|x||first\nThe second line\n third|||||F\rOBX|2\r"
    first, second = read(text).named("OBX")

    assert ("first\nThe second line\n third", "F") == (first.get(5), first.get(10))
    assert ("OBX|2", 2) == (second.text, second.ordinal)
    assert ["", "OBX[1]-5"] == issues(text)


@pytest.mark.parametrize("line", ["and", "The rest", "1.", "OB", "OB-", "   x", "Überweiser|x", "=|="])
def test_lines_that_name_no_segment_continue(line: str) -> None:
    """Nothing that arrived is dropped."""
    text = f"{HEADER}\rNTE|1||a\r{line}\r"

    assert (2, f"NTE|1||a\n{line}") == (len(read(text).segments), read(text).segments[1].text)


@pytest.mark.parametrize(("line", "name"), [("ZX1", "ZX1"), ("PV1|", "PV1"), ("Z|", None), ("ABCD|x", None)])
def test_what_names_a_segment(line: str, name: str | None) -> None:
    """Three capitals alone, or three letters or digits before a separator; unknown names are kept."""
    segments = read(f"{HEADER}\rPID|1\r{line}\r").segments

    assert ([name] if name else []) == [s.name for s in segments[2:]]


def test_lower_case_names_are_read() -> None:
    """As the segment they mean, the text as sent, with a warning; blanks before a name likewise."""
    text = f"{HEADER}\rpid|1\r  OBX|1\r"
    pid, obx = read(text).segments[1:]

    assert ("PID", "pid|1", "OBX", "OBX|1") == (pid.name, pid.text, obx.name, obx.text)
    assert ["PID[1]", "OBX[1]"] == issues(text)


def test_control_characters_are_left_out_of_values() -> None:
    """FHIR cannot carry them; the text keeps them, a warning names the segment."""
    text = f"{HEADER}\rNTE|1||a\x07b\x00\tc\r"
    note = read(text).segments[1]

    assert ("ab\tc", "NTE|1||a\x07b\x00\tc") == (note.get(3), note.text)
    assert ["NTE[1]"] == issues(text)


def test_no_issue_repeats_a_value() -> None:
    """Locations and reasons only."""
    raw = f"{HEADER}\nMARKER line\nobx|1|TX|x||MARKER \\ZMARKER\\ \x07\n".encode()

    assert "MARKER" not in repr(parse(raw, channel=CHANNEL).issues)


def test_a_large_document_is_not_copied() -> None:
    """Reading a document out of OBX-5 takes no more than the text and the document beside the bytes."""
    size = 4_000_000
    raw = f"{HEADER}\rOBX|1|ED|x||^APPLICATION^PDF^Base64^{'QUJD' * (size // 4)}||||||F\r".encode()
    parse(raw[:200] + b"\r", channel=CHANNEL)
    tracemalloc.start()
    try:
        message = parse(raw, channel=CHANNEL).value
        document = message.segments[1].get(5, component=5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (size, "F", "Base64") == (
        len(document),
        message.segments[1].get(11),
        message.segments[1].get(5, component=4),
    )
    assert peak < 2.2 * size
    assert (1, 2, 3, 5, 11) == message.segments[1].valued()


def test_a_waveform_of_many_samples_is_read() -> None:
    """NA has a component for each sample and a repetition for each moment."""
    samples = 20_000
    obx = segment("OBX|1|NA|x||" + "^".join(map(str, range(samples))) + "~1^2" * samples + "|mV|||||F")
    repetitions = obx.field(5).repetitions

    assert (samples + 1, samples) == (len(repetitions), repetitions[0].count)
    assert ("0", "19999", "") == tuple(repetitions[0].get(n) for n in (1, samples, samples + 1))
    assert ("2", "OBX[1]-5(20001).2") == (repetitions[samples].get(2), repetitions[samples].at(2))
    assert ("F", (1, 2, 3, 5, 6, 11)) == (obx.get(11), obx.valued())


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("x\r" * (MAX_LINES + 1), ""),
        ("PID|\r" * (MAX_LINES + 1), ""),
        ("PID" + "|" * (MAX_FIELDS + 1), "PID[1]"),
        ("PID|" + "~" * (MAX_PARTS + 1), "PID[1]"),
        ("PID|" + "^&" * MAX_PARTS, "PID[1]"),
    ],
)
def test_what_could_fill_memory_is_refused(body: str, where: str) -> None:
    """Numbers that no message has, each a thousand times what the largest real ones have."""
    with pytest.raises(Refused) as caught:
        read(f"{HEADER}\r{body}")

    assert (where, IssueCode.TOO_COSTLY, "207") == (
        caught.value.issue.location,
        caught.value.issue.code,
        caught.value.issue.hl7_error,
    )


def test_a_fault_is_said_once_for_each_field() -> None:
    """A field full of unknown escapes or broken lines is one warning."""
    unknown = "\\Q\\" * 1000
    text = f"{HEADER}\rOBX|1|TX|x||{unknown}|{unknown}\r" + "a line\r" * 1000

    assert ["OBX[1]-6", "OBX[1]-5", "OBX[1]-6"] == issues(text)


@settings(deadline=None)
@given(messages())
def test_what_was_encoded_is_read(case: tuple[Delimiters, list[list[str]]]) -> None:
    """Any text in any delimiters comes back, field by field, with the same number of segments."""
    delimiters, segments = case
    mapped = parse(
        encode(delimiters, segments).encode(), channel=Channel("x", character_set_override="UNICODE UTF-8")
    )

    assert delimiters == mapped.value.delimiters
    assert [name for name, *_ in segments] == [s.name for s in mapped.value.segments]
    for expected, found in zip(segments, mapped.value.segments, strict=True):
        first = 3 if found.name == "MSH" else 1
        values = ["" if value == '""' else value for value in expected[1:]]
        assert values == [found.get(first + n) for n in range(len(values))]


@settings(deadline=None)
@given(messages())
def test_segments_join_back_to_the_message(case: tuple[Delimiters, list[list[str]]]) -> None:
    """Their texts are verbatim."""
    text = encode(*case)
    mapped = parse(text.encode(), channel=Channel("x", character_set_override="UNICODE UTF-8"))

    assert text == "".join(f"{s.text}\r" for s in mapped.value.segments)


@settings(deadline=None)
@given(st.binary(max_size=200), delimiter_sets())
def test_any_bytes_are_read_or_refused(junk: bytes, delimiters: Delimiters) -> None:
    """No other exception, whatever follows an MSH; what was read can be asked for anything."""
    header = f"MSH{delimiters.field}{delimiters.encoding_characters}{delimiters.field}A\r".encode()
    message = _read_or_refused(header + junk)
    for found in message.segments if message else ():
        for n in found.valued():
            for repetition in found.field(n).repetitions:
                repetition.get()
                [repetition.get(c, 1) for c in range(1, repetition.count + 1)]


def _read_or_refused(raw: bytes) -> Message | None:
    try:
        return parse(raw, channel=CHANNEL).value
    except Refused as refusal:
        refused = refusal.issue.hl7_error
    assert refused in {"100", "102", "103"}
    return None
