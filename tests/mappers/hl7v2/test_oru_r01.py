"""ORU^R01: fixtures read as written down, identities that hold, nothing lost whatever the order or the damage."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.domain.channels import Channel
from mappers.domain.identifiers import Identity
from mappers.domain.issues import Refused, Severity
from mappers.domain.ledger import Disposition
from mappers.domain.results import LabReport, Measurement, Quantity, Range, Ratio
from mappers.hl7v2 import oru_r01
from mappers.hl7v2.escapes import escape, unescape
from mappers.hl7v2.oru_r01 import Reading
from mappers.hl7v2.segments import msh
from mappers.hl7v2.tokens import Delimiters, parse
from tests.mappers.hl7v2.facts import CHANNEL, facts, read, told

T = TypeVar("T")
FIXTURES = Path(__file__).parents[3] / "fixtures" / "oru_r01"
CASES = sorted(path.stem for path in FIXTURES.glob("*.hl7"))
HEADER = "MSH|^~\\&|LIS|WARDLAB|WW|HOSP|20261122120000+0100||ORU^R01^ORU_R01|1|T|2.5.1"
PATIENT = "PID|1||17^^^WARD^MR||Rossi^Giulia"
OBR = "OBR|1|PL-1^EHR|FL-1^LIS|24323-8^Panel^LN|||20261122071000+0100|||||||||||||||20261122110000+0100||CH|F"
#: Segments that a random message is made of: mapped, kept, empty, damaged.
SEGMENTS = (
    PATIENT, "PID|2||18^^^WARD", "PID|||", "PV1|1|I|||||||||||||||||V-1", "PD1|||Clinic", "NK1|1|Rossi",
    "ORC|RE|PL-1^EHR|FL-1^LIS", "ORC|RE", OBR, "OBR|2", "OBR|3||FL-2|X^x^L|||||||||||||||||||||Q", "TQ1|1||||||||S",
    "OBX|1|NM|A^a^L||5.90|mmol/L|3-5|H|||F", "OBX|2|NM|A^a^L||6.10|mmol/L|||||P", "OBX|3|TX|T^t^L||one||||||F",
    "OBX|4|TX|T^t^L||two||||||F", "OBX|5|SN|S^s^L||<^0.10|ng/mL|||||C", "OBX|6|ED|D^d^L||^^^^x||||||F", "OBX|7",
    "OBX|8||N^n^L||5.5", "OBX|9|NM|U^u^L|||||||U", "OBX|10|CWE|C^c^L||a^A^SCT~b^B^SCT||||||F", "NTE|1||note", "NTE|2",
    "SPM|1|S-1&LIS||BLD", "SPM|2", "ZDS|1.2.3", "PRT|1|UC", "DSC|more", "QQQ|x", "MSA|AA|1",
)  # fmt: skip


def measurements(reading: Reading) -> list[Measurement]:
    """All results of a message."""
    found: list[Measurement] = []
    for each in reading.lab_reports:
        found += [*each.loose, *(result for report in each.reports for result in report.measurements)]
    return found


def identities(reading: Reading) -> list[Identity]:
    """Every identity that results and reports of a message have."""
    reports = [report.identity for each in reading.lab_reports for report in each.reports]
    return reports + [result.identity for result in measurements(reading)]


def numbers(value: Any) -> list[str]:
    """The numbers in a value, with comparator and unit, as text."""
    match value:
        case Quantity():
            return [f"{value.comparator or ''}{value.value} {value.unit or ''}".strip()]
        case Range():
            return [text for each in (value.low, value.high) if each for text in numbers(each)]
        case Ratio():
            return numbers(value.numerator) + numbers(value.denominator)
    return []


def present(value: T | None) -> T:
    """A value that has to be there."""
    assert value is not None
    return value


def report(*segments: str, channel: Channel = CHANNEL) -> LabReport:
    """The report of a message with this body."""
    return read("\r".join([HEADER, *segments]) + "\r", channel).value.lab_reports[0]


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_counted_twice_or_not_at_all(case: str) -> None:
    """In = mapped + kept + reported, one row a segment; what was kept is on the source, verbatim."""
    raw = (FIXTURES / f"{case}.hl7").read_bytes()
    reading = read(raw)
    segments = parse(raw, channel=CHANNEL).value.segments
    ledger = reading.value.ledger

    assert [each.label for each in segments] == [row.segment for row in ledger.rows]
    assert len(segments) == sum(ledger.count(each) for each in Disposition)
    kept = [row.segment for row in ledger.rows if row.disposition is Disposition.KEPT]
    assert [(each.label, each.text) for each in segments if each.label in kept] == list(
        reading.value.lab_reports[0].source.kept
    )
    located = {issue.location.partition("-")[0] for issue in reading.issues}
    assert {row.segment for row in ledger.rows if row.disposition is Disposition.REPORTED} <= located


@pytest.mark.parametrize(
    ("msh_9", "location", "code"),
    [
        ("ADT^A01^ADT_A01", "MSH[1]-9", "201"),
        ("ACK", "MSH[1]-9", "200"),
        ("", "MSH[1]-9", "200"),
        ("ORU^W01^ORU_W01", "MSH[1]-9", "201"),
        ("^^ADT_A01", "MSH[1]-9", "201"),
    ],
)
def test_what_is_no_result_message_is_refused(msh_9: str, location: str, code: str) -> None:
    """Located, with the table 0357 code for the answer."""
    with pytest.raises(Refused) as refusal:
        read(HEADER.replace("ORU^R01^ORU_R01", msh_9) + f"\r{PATIENT}\r{OBR}\r")

    issue = refusal.value.issue
    assert (Severity.FATAL, location, code) == (issue.severity, issue.location, issue.hl7_error)


@pytest.mark.parametrize(
    "msh_9", ["ORU^R01", "ORU", "^^ORU_R01", "oru^r01", "ORU^R30^ORU_R30", "ORU^R40", "ORU^R01^X"]
)
def test_the_structure_is_derived_where_it_is_missing(msh_9: str) -> None:
    """MSH-9.3 is not needed, and the point-of-care events have the same segments."""
    assert 1 == len(
        read(HEADER.replace("ORU^R01^ORU_R01", msh_9) + f"\r{PATIENT}\r{OBR}\r").value.lab_reports
    )


@pytest.mark.parametrize("body", ["", "SFT|x\r", "ZZZ|1\rNTE|1||lost\r", "SPM|1|S\r", "PV1|1|I\r"])
def test_a_message_with_nothing_to_read_is_refused(body: str) -> None:
    """No patient, order or result: refused at the first that is missing."""
    with pytest.raises(Refused) as refusal:
        read(f"{HEADER}\r{body}")

    assert ("PID[1]", "100") == (refusal.value.issue.location, refusal.value.issue.hl7_error)


def test_a_patient_without_results_is_read_and_said() -> None:
    """What is there is not thrown away."""
    reading = read(f"{HEADER}\r{PATIENT}\r")

    assert "Rossi" == present(reading.value.lab_reports[0].patient).names[0].family
    assert ["warning incomplete PID[1]"] == told(reading)["issues"]


def test_results_without_a_patient_are_read() -> None:
    """No PID: the report stands, with nobody for a subject."""
    found = report(OBR, "OBX|1|NM|A^a^L||5.90|mmol/L|||||F")

    assert found.patient is None
    assert ["5.90 mmol/L"] == [text for each in found.reports[0].measurements for text in numbers(each.value)]


def ids(text: str, channel: Channel = CHANNEL) -> list[str]:
    """Identities of the results of a message with this body, by their parts."""
    return [facts(each.identity) for each in measurements(read(f"{HEADER}\r{text}\r", channel).value)]


OBX = "OBX|1|NM|A^a^L||5|mmol/L|||||F"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (f"{PATIENT}\r{OBR}", "Observation|LIS|FL-1|A|L||"),
        (f"{PATIENT}\rORC|RE|PL-1|FL-1^X^1.2.3^ISO\rOBR|1|||P", "Observation|urn:oid:1.2.3|FL-1|A|L||"),
        (f"{PATIENT}\rOBR|1|PL-1|FL-1|P", "Observation|WARDLAB^LIS|FL-1|A|L||"),
        (f"{PATIENT}\rOBR|1|PL-1^EHR||P", "Observation|EHR|#placer|PL-1|A|L||"),
        (f"{PATIENT}\rOBR|1|||P^p^L|||20261122", "Observation|#patient|WARD|17|P|L|20261122|A|L||"),
    ],
)
def test_what_a_result_belongs_to(head: str, expected: str) -> None:
    """Filler number, placer number, or patient with test and time: in this order."""
    assert [expected] == ids(f"{head}\r{OBX}")


@pytest.mark.parametrize(
    "body",
    [
        f"{PATIENT}\rOBR|1|||P^p^L\r{OBX}",
        f"OBR|1|||P^p^L|||20261122\r{OBX}",
        f"{PATIENT}\r{OBX}",
        f"OBR|1\r{OBX}",
    ],
)
def test_content_names_what_nothing_else_does(body: str) -> None:
    """A digest, said: a resend is the same, a changed value another thing."""
    first, again, other = ids(body), ids(body), ids(body.replace("||5|", "||6|"))

    assert "Observation|#digest" == first[0][:19]
    assert first == again
    assert first != other
    assert any(
        issue.startswith("warning incomplete") for issue in told(read(f"{HEADER}\r{body}\r"))["issues"]
    )


def test_loose_results_belong_to_patient_and_time() -> None:
    """Before any order: the same patient weighed twice is two results, sent twice one."""
    loose = "OBX|1|NM|W^weight^L||80|kg|||||F|||{}"

    assert ["Observation|#patient|WARD|17||20261122|W|L||"] == ids(f"{PATIENT}\r{loose.format('20261122')}")
    assert ids(f"{PATIENT}\r{loose.format('20261122')}") != ids(f"{PATIENT}\r{loose.format('20261123')}")


@pytest.mark.parametrize(
    ("obx", "expected"),
    [
        ("OBX|1|NM|718-7^Hb^LN||5||||||F", "718-7|http://loinc.org||"),
        ("OBX|1|NM|718-7^other words^LOINC|1.2|5||||||F", "718-7|http://loinc.org|1.2|"),
        ("OBX|1|NM|^^^718-7^Hb^LN||5||||||F", "718-7|http://loinc.org||"),
        ("OBX|1|NM|^Haemoglobin||5||||||F", "|Haemoglobin||"),
        ("OBX|1|NM|A^a^99X||5||||||F||||||||||I-1^LIS", "A|99X||I-1^LIS"),
        ("OBX|1|NM|||5||||||F", "||"),
    ],
)
def test_what_a_result_is(obx: str, expected: str) -> None:
    """OBX-3 by code and system, words only without a code; OBX-4; OBX-21. Never OBX-1."""
    assert [f"Observation|LIS|FL-1|{expected}"] == ids(f"{PATIENT}\r{OBR}\r{obx}")
    assert ids(f"{PATIENT}\r{OBR}\r{obx}") == ids(f"{PATIENT}\r{OBR}\r{obx.replace('OBX|1', 'OBX|77')}")


def test_settings_do_not_change_identities() -> None:
    """A coding system that the channel learns to translate leaves what was written where it is."""
    learned = replace(CHANNEL, code_systems={"99X": "http://x.example"})
    body = f"{PATIENT}\r{OBR}\rOBX|1|NM|A^a^99X||5||||||F"

    assert ids(body) == ids(body, learned)


def test_a_channel_names_the_scope_of_bare_numbers() -> None:
    """`order_assigner` joins what several applications say of one order."""
    channel = replace(CHANNEL, order_assigner="urn:oid:1.9")

    assert ["Observation|urn:oid:1.9|FL-1|A|L||"] == ids(f"{PATIENT}\rOBR|1||FL-1|P\r{OBX}", channel)
    assert ["Observation|LIS|FL-1|A|L||"] == ids(f"{PATIENT}\r{OBR}\r{OBX}", channel)


def test_versions_of_a_result_share_its_identity() -> None:
    """Preliminary, final, corrected, in messages of other ids and times: one resource, rising standing."""
    body = f"{PATIENT}\rORC|RE|PL-1^EHR|FL-1^LIS\r{{obr}}\rOBX|1|NM|A^a^L||{{value}}|mmol/L|||||{{status}}"
    sent = [
        (
            HEADER.replace("|1|T|", f"|ID-{n}|T|").replace("120000", f"{12 + n}0000"),
            body.format(
                obr=OBR.replace("110000", f"{11 + n}0000")[:-1] + status, value=f"5.{n}", status=status
            ),
        )
        for n, status in enumerate("PFC")
    ]

    found = [measurements(read(f"{header}\r{text}\r").value)[0] for header, text in sent]

    assert 1 == len({each.identity for each in found})
    assert ["preliminary", "final", "corrected"] == [each.status for each in found]
    assert sorted(each.standing for each in found) == [each.standing for each in found]


def test_two_patients_share_nothing() -> None:
    """One filler number for two patients in one message is two orders, reports and results."""
    reading = read((FIXTURES / "two-patients.hl7").read_bytes()).value
    first, second = reading.lab_reports

    everything = [
        [
            each.reports[0].identity,
            each.reports[0].measurements[0].identity,
            present(each.reports[0].order).identity,
        ]
        for each in (first, second)
    ]
    assert not set(everything[0]) & set(everything[1])


def test_one_order_of_two_reports_is_one_order() -> None:
    """The same placer number, test and requester in two groups: one ServiceRequest; another test: another."""
    same = report(PATIENT, OBR, OBR.replace("FL-1", "FL-2"))
    orders = [each.order for each in report(PATIENT, OBR, OBR.replace("24323-8", "24321-2")).reports]

    assert 2 == len({present(each.order).identity for each in same.reports})
    assert 2 == len({present(each).identity for each in orders})
    twice = [each.order for each in report(PATIENT, OBR, OBR.replace("071000", "081000")).reports]
    assert 1 == len({present(each).identity for each in twice})


def test_one_specimen_of_two_orders_is_one_specimen() -> None:
    """The same SPM under two orders is one Specimen, comments and all; a different one under its number is said."""
    first, second = "SPM|1|S-1&LIS||BLD||||||||||left arm", "SPM|2|S-1&LIS||BLD||||||||||left arm"
    other = OBR.replace("FL-1", "FL-2")

    same = read(f"{HEADER}\r{PATIENT}\r{OBR}\r{first}\r{other}\r{second}\r")
    apart = read(f"{HEADER}\r{PATIENT}\r{OBR}\r{first}\r{other}\r{second.replace('left', 'right')}\r")

    assert [1, 2] == [
        len({one.specimens[0].identity for one in each.value.lab_reports[0].reports})
        for each in (same, apart)
    ]
    assert [0, 2] == [
        sum(issue.location.startswith("SPM") for issue in each.issues) for each in (same, apart)
    ]


def test_orders_that_differ_under_one_number_are_said() -> None:
    """Same placer number and test, another requester: two orders, and a warning at each."""
    second = OBR.replace("071000+0100|||||||||", "071000+0100|||||||||9^Neri")
    found = read(f"{HEADER}\r{PATIENT}\r{OBR}\r{second}\r")

    assert 2 == len({present(each.order).identity for each in found.value.lab_reports[0].reports})
    assert ["OBR[1]-2", "OBR[2]-2"] == [
        each.location for each in found.issues if each.location.endswith("-2")
    ]


@pytest.mark.parametrize(
    ("orc", "obr", "reports", "loose"),
    [
        ("ORC|RE|PL-1^EHR|FL-1^LIS", OBR, 1, 0),
        ("ORC|RE|PL-1^EHR|FL-1^LIS", "OBR|1|||X^x^L|||||||||||||||||||||F", 1, 0),
        ("ORC|RE|PL-1^EHR|FL-9^LIS", OBR, 1, 1),
    ],
)
def test_a_late_obr_takes_the_results_of_its_own_order(orc: str, obr: str, reports: int, loose: int) -> None:
    """OBX between ORC and OBR: theirs where the numbers agree, else loose; never another order's."""
    found = report(PATIENT, orc, OBX, obr)

    assert (reports, loose) == (len(found.reports), len(found.loose))
    assert 1 - loose == len(found.reports[0].measurements)


def joined(*lines: str) -> list[str]:
    """The texts of a report with these OBX."""
    return [str(each.value) for each in report(PATIENT, OBR, *lines).reports[0].measurements]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("OBX|1|TX|T^t^L|1|one||||||F", "OBX|2|TX|T^t^L|1|two||||||F"), ["one\ntwo"]),
        (("OBX|1|ST|T^t^L||one||||||F", "OBX|2|FT|T^t^L||t\\.br\\wo||||||F"), ["one\nt\nwo"]),
        (
            ("OBX|1|TX|T^t^L||one||||||F", "OBX|2|TX|T^t^L||||||||F", "OBX|3|TX|T^t^L||three||||||F"),
            ["one\n\nthree"],
        ),
        (("OBX|1|TX|T^t^L|1|one||||||F", "OBX|2|TX|T^t^L|2|two||||||F"), ["one", "two"]),
        (("OBX|1|TX|T^t^L||one||||||F", "OBX|2|TX|U^u^L||two||||||F"), ["one", "two"]),
        (("OBX|1|TX|T^t^L||one||||||F", "OBX|2|TX|T^t^L||two||||||P"), ["one", "two"]),
        (("OBX|1|ST|T^t^L||one||||||F", "OBX|2|ST|T^t^L||two|||H|||F"), ["one", "two"]),
        (("OBX|1|ST|T^t^L||one|||H|||F", "OBX|2|ST|T^t^L||two|||H|||F"), ["one\ntwo"]),
        (("OBX|1|ST|T^t^L||1~2||||||F", "OBX|2|ST|T^t^L||3||||||F"), ["None", "3"]),
        (("OBX|1|NM|T^t^L||1||||||F", "OBX|2|TX|T^t^L||two||||||F"), ["two"]),
        (("OBX|1|TX|||one||||||F", "OBX|2|TX|||two||||||F"), ["one\ntwo"]),
    ],
)
def test_text_over_several_obx_is_one_text(lines: tuple[str, ...], expected: list[str]) -> None:
    """Consecutive text of one OBX-3 and OBX-4 that says nothing else of its own."""
    assert expected == [each for each in joined(*lines) if not each.startswith("Quantity")]


def test_a_document_between_lines_parts_them() -> None:
    """Only consecutive lines are one text; the note on what is no document goes to the report."""
    found = report(
        PATIENT, OBR, "OBX|1|TX|T^t^L||one||||||F", "OBX|2|ED|T^t^L||^^^^x||||||F", "NTE|1||on the document",
        "OBX|3|TX|T^t^L||two||||||F",
    )  # fmt: skip

    assert ["one", "two"] == [each.value for each in found.reports[0].measurements]
    assert ["on the document"] == [each.text for each in found.reports[0].notes]


@given(st.lists(st.sampled_from(SEGMENTS), max_size=14))
@settings(max_examples=150, deadline=None)
def test_any_order_of_segments_is_read_or_refused(segments: list[str]) -> None:
    """No exception but `Refused`; every segment has its row; no identity stands for two things; numbers stay."""
    raw = "\r".join([HEADER, *segments]) + "\r"
    try:
        reading = read(raw).value
    except Refused as refusal:
        assert refusal.issue.location == "PID[1]"  # noqa: PT017 - the one refusal that this header allows
        return

    assert len(segments) + 1 == len(reading.ledger.rows)
    assert not [each for each, count in Counter(identities(reading)).items() if count > 1]
    sent = Counter(each for text in segments for each in re.findall(r"\|(5\.90|6\.10|<\^0\.10)\|", text))
    found = Counter(text.split()[0] for each in measurements(reading) for text in numbers(each.value))
    assert sent["5.90"] == found["5.90"]
    assert sent["6.10"] == found["6.10"]
    assert sent["<^0.10"] == found["<0.10"]


@given(st.permutations([f"OBX|{n}|NM|T{n}^t^L||{n}.{n}0|mmol/L|||||F" for n in range(1, 6)]))
@settings(max_examples=20, deadline=None)
def test_the_order_of_results_does_not_matter(obxs: list[str]) -> None:
    """Shuffled, the same results with the same identities."""
    expected = {f"Observation|LIS|FL-1|T{n}|L||": f"{n}.{n}0 mmol/L" for n in range(1, 6)}

    found = {
        facts(e.identity): numbers(e.value)[0] for e in report(PATIENT, OBR, *obxs).reports[0].measurements
    }

    assert expected == found


@pytest.mark.parametrize("case", [each for each in CASES if each != "version-2.3"])
@pytest.mark.parametrize(
    "delimiters", [Delimiters("|", "^", "~", "\\", "&", "#"), Delimiters("!", "@", "$", "%", "*")]
)
def test_delimiters_and_line_ends_mean_nothing(case: str, delimiters: Delimiters) -> None:
    """The same message with other delimiters and CRLF says the same, but for what is kept as it came."""
    raw = (FIXTURES / f"{case}.hl7").read_bytes()

    first, second = read(raw), read(rewritten(raw, delimiters))

    assert without_kept(first.value) == without_kept(second.value)
    assert told(first)["ledger"] == told(second)["ledger"]


def rewritten(raw: bytes, new: Delimiters) -> bytes:
    """A message in other delimiters, with CRLF."""
    message = parse(raw, channel=CHANNEL).value
    lines = [f"MSH{new.field}{new.encoding_characters}"]
    header = message.header
    lines[0] += "".join(
        new.field + spelled(header.raw(n), message.delimiters, new) for n in range(3, header.count + 1)
    )
    for each in message.segments[1:]:
        fields = [spelled(each.raw(n), message.delimiters, new) for n in range(1, each.count + 1)]
        lines.append(new.field.join([each.name, *fields]))
    return ("\r\n".join(lines) + "\r\n").encode()


def spelled(text: str, old: Delimiters, new: Delimiters) -> str:
    """A field in other delimiters, each text in it unescaped and escaped again."""
    pieces = re.split(f"([{re.escape(old.component + old.repetition + old.subcomponent)}])", text)
    names = {
        old.component: new.component,
        old.repetition: new.repetition,
        old.subcomponent: new.subcomponent,
    }
    return "".join(names.get(piece) or escape(unescape(piece, old), new) for piece in pieces)


def without_kept(reading: Reading) -> Any:
    """The facts of a message without what is kept as it came."""
    return [facts(replace(each, source=replace(each.source, kept=()))) for each in reading.lab_reports]


def test_the_source_is_handed_through() -> None:
    """Digest and size come from the caller, kept segments from the reading."""
    message = parse(f"{HEADER}\r{PATIENT}\rZZZ|1\r".encode(), channel=CHANNEL).value
    source = msh.source(message, channel=CHANNEL, sha256="ab" * 32, size=7)

    found = oru_r01.read(message, channel=CHANNEL, source=source).value.lab_reports[0].source

    assert replace(source, kept=(("ZZZ[1]", "ZZZ|1"),)) == found
