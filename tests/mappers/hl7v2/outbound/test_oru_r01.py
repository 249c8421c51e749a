"""ORU^R01 as it is written: the same facts, in the recipient's version."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.domain.coding import Coding, Concept
from mappers.domain.documents import Document
from mappers.domain.issues import Refused
from mappers.domain.results import LabReport, Measurement, Quantity, Range, Ratio, SampledData, Value
from mappers.domain.times import Moment, Period, TimeOfDay
from mappers.hl7v2 import er7, tokens
from mappers.hl7v2.outbound import oru_r01
from mappers.hl7v2.outbound.recipient import VERSIONS, Recipient
from tests.mappers.hl7v2.outbound.facts import CHANNEL, FIXTURES, NOW, facts, fixture, read

#: Whole in the newest version: nothing is left out but what no version has.
WHOLE = [
    "demo/1-preliminary.hl7",
    "demo/2-final.hl7",
    "demo/3-correction.hl7",
    "oru_r01/duplicates.hl7",
    "oru_r01/microbiology.hl7",
    "oru_r01/narrative.hl7",
    "oru_r01/two-patients.hl7",
    "oru_r01/values.hl7",
    "oru_r01/version-2.3.hl7",
]


def written(report: LabReport, **more) -> bytes:
    recipient = Recipient(**{"version": "2.8.2"} | more)
    return oru_r01.write(report, recipient=recipient, now=NOW).named("W1")


@pytest.mark.parametrize("name", WHOLE)
def test_what_was_written_is_read_as_the_same_facts(name: str) -> None:
    """read(write(facts)) == facts."""
    for report in fixture(name):
        # PID-19 is withdrawn in 2.7: the social security number becomes one of PID-3, under its OID.
        (again,) = read(written(report, version="2.6" if "version-2.3" in name else "2.8.2"))

        # Documents are handed to the writer apart from the report.
        assert dict(facts(replace(report, documents=()))) == dict(facts(again))


#: Two patients of one message share a filler number, and are told apart by that message alone.
OF_ITS_OWN = [name for name in WHOLE if "two-patients" not in name]


@pytest.mark.parametrize("name", OF_ITS_OWN)
def test_a_report_keeps_its_identity(name: str) -> None:
    """The next reader recognises what it had before: identities do not change on the way."""
    for report in fixture(name):
        (again,) = read(written(report))

        assert [each.identity for each in report.reports] == [each.identity for each in again.reports]
        assert report.patient.identity == again.patient.identity


def test_writing_is_the_same_every_time() -> None:
    """The same facts for the same recipient are the same bytes."""
    (report,) = fixture("demo/2-final.hl7")

    assert written(report) == written(report)


#: What hl7apy demands beyond the standard: OBX-2 and OBX-4 are conditional (chapter 7.4.2), and TS and TN in
#: ORC-7, OBR-27 and XTN.1 are stricter there than senders and the later versions are.
FORGIVEN = {("OBX", "2"), ("OBX", "4"), ("ORC", "7"), ("OBR", "27"), ("PID", "13")}
#: Longer lists than a version foresees are kept: nothing of them may be lost.
LISTS = "more repetitions than this version allows"
#: 2.8.2 of hl7apy knows XCN and CWE only with all of their required parts (XCN.9 with XCN.1, CWE.1).
STRICT_TYPES = {("OBR", "16"), ("OBR", "31"), ("OBX", "15"), ("ORC", "12"), ("OBX", "16")}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", WHOLE)
def test_every_segment_is_valid_in_the_recipient_s_version(name: str, version: str) -> None:
    """hl7apy's datatype check of that version finds no fault."""
    for report in fixture(name):
        message = tokens.parse(written(report, version=version), channel=CHANNEL).value
        found = [
            issue
            for segment in message.segments
            for issue in er7.check_segment(segment, message=message)
            if issue.text != LISTS and place(issue.location) not in FORGIVEN | STRICT_TYPES
        ]

        assert [] == found
        assert version == message.header.get(12)


def place(location: str) -> tuple[str, str]:
    segment, _, rest = location.partition("-")
    return segment.partition("[")[0], rest.partition(".")[0].partition("(")[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_result_is_lost_in_any_version(version: str) -> None:
    """Values, units and codes survive even where a version lacks fields around them."""
    for name in WHOLE:
        for report in fixture(name):
            (again,) = read(written(report, version=version))
            for before, after in zip(report.reports, again.reports, strict=True):
                assert list(map(essence, before.measurements)) == list(map(essence, after.measurements))


def essence(measurement: Measurement) -> tuple[object, ...]:
    """What no version lacks; of a concept its first code, for CE has no versions and two codings."""
    value = measurement.value
    if isinstance(value, Concept):
        value = (value.codings[0].code, value.codings[0].system) if value.codings else value.text
    return value, measurement.unit, measurement.status, measurement.sub_id, measurement.code.codings[:1]


def test_what_a_version_lacks_is_said() -> None:
    """A field that the version does not define is left out with an issue that names it."""
    (report,) = fixture("oru_r01/microbiology.hl7")
    outgoing = oru_r01.write(report, recipient=Recipient(version="2.3"), now=NOW)

    assert {"OBX[1]-19", "OBX[1]-21", "OBX[1]-29"} <= {issue.location for issue in outgoing.issues}


def test_an_unknown_status_is_refused() -> None:
    """An empty OBX-11 would be read as the report's status: that would be a guess."""
    (report,) = fixture("oru_r01/statuses.hl7")
    with pytest.raises(Refused) as refused:
        written(report)

    assert "OBX[19]-11" == refused.value.issue.location


def number(value: str, comparator: str | None = None) -> Quantity:
    return Quantity(value, comparator, "mmol/L", "mmol/L")


VALUES: dict[str, tuple[Value, str]] = {
    "NM": (number("5.50"), "5.50"),
    "SN below": (number("0.10", "<="), "<=^0.10"),
    "SN ratio": (Ratio(number("1"), number("128")), "^1^:^128"),
    "SN range": (Range(number("1.0"), number("2.0")), "^1.0^-^2.0"),
    "NR": (Range(number("1.0"), None), "1.0"),
    "NA": (SampledData("1 2 E 4", 2, Quantity(None, unit="mmol/L", code="mmol/L")), "1^2~^4"),
    "CWE": (
        Concept((Coding("112283007", "http://snomed.info/sct", "E. coli"), Coding("ECO")), "grown"),
        "112283007^E. coli^SCT^ECO^^L^^^grown",
    ),
    "ST": ("a|b & c", "a\\F\\b \\T\\ c"),
    "TX": ("first\n  second\n\nfourth", "first~  second~~fourth"),
    "DT": (Moment("2026-11-22"), "20261122"),
    "DTM": (Moment("2026-11-22T10:11:12.12+05:45"), "20261122101112.12+0545"),
    "TM": (TimeOfDay("23:59:00"), "235900"),
    "DR": (Period(Moment("2026-11-22"), None), "20261122"),
}


@pytest.mark.parametrize("name", VALUES)
def test_each_value_has_its_type(name: str) -> None:
    """OBX-2 and OBX-5 of every kind of value, and back."""
    value, expected = VALUES[name]
    (again,), message = with_value(value)
    (obx,) = message.named("OBX")

    assert (name.split(maxsplit=1)[0], expected) == (obx.raw(2), obx.raw(5))
    assert value == again.reports[0].measurements[0].value


def with_value(*values: Value):
    (report,) = fixture("demo/1-preliminary.hl7")
    first = report.reports[0]
    measurement = replace(
        first.measurements[0],
        value=values[0] if len(values) == 1 else None,
        components=values if len(values) > 1 else (),
        unit=None,
        notes=(),
    )
    report = replace(report, reports=(replace(first, measurements=(measurement,)),))
    raw = written(report)
    return read(raw), tokens.parse(raw, channel=CHANNEL).value


def test_several_values_of_one_result() -> None:
    """OBX-5 repeats, and a comparator among plain numbers makes all of them structured."""
    values = (number("1.0"), number("5", "<"))
    (again,), message = with_value(*values)

    assert ("SN", "^1.0~<^5") == (message.named("OBX")[0].raw(2), message.named("OBX")[0].raw(5))
    assert values == again.reports[0].measurements[0].components


def test_values_of_several_types_become_text_and_are_said() -> None:
    """What no type can hold together is text, never a number of another kind."""
    (report,) = fixture("demo/1-preliminary.hl7")
    first = report.reports[0]
    mixed = replace(first.measurements[0], value=None, components=(number("1.0"), "seen"))
    outgoing = oru_r01.write(
        replace(report, reports=(replace(first, measurements=(mixed,)),)), recipient=Recipient(), now=NOW
    )

    assert b"|ST|" in outgoing.content
    assert b"|1.0~seen|" in outgoing.content
    assert ["OBX[1]-5"] == [issue.location for issue in outgoing.issues]


text = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=40
).filter(lambda found: found == found.strip() and not found.isspace())


@given(text)
def test_any_text_comes_back(value: str) -> None:
    """Delimiters, escapes and every script survive the way."""
    (again,), _ = with_value(value)

    assert value == again.reports[0].measurements[0].value


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?", fullmatch=True))
def test_every_digit_comes_back(digits: str) -> None:
    """Trailing zeros are precision."""
    (again,), _ = with_value(number(digits))

    assert digits == again.reports[0].measurements[0].value.value


def test_a_document_is_written_in_base64() -> None:
    """A PDF stands behind the results as ED, byte for byte."""
    (report,) = fixture("demo/2-final.hl7")
    content = b"%PDF-1.7\n" + bytes(range(256)) * 40
    document = Document(content, "application/pdf", hashlib.sha256(content).hexdigest())
    first = report.reports[0]
    outgoing = oru_r01.write(report, recipient=Recipient(), now=NOW, documents={first.identity: (document,)})
    message = tokens.parse(outgoing.named("W1"), channel=CHANNEL).value
    (held,) = [obx for obx in message.named("OBX") if obx.raw(2) == "ED"]

    assert ("", "application", "pdf", "Base64") == tuple(held.get(5, component=n) for n in range(1, 5))
    assert content == base64.b64decode(held.get(5, component=5))
    assert str(len(first.measurements) + 1) == held.get(1)
    assert "F" == held.get(11)


def test_loose_results_hang_under_an_order() -> None:
    """Results without OBR get one, and it is said."""
    (report,) = fixture("oru_r01/odd-order.hl7")
    outgoing = oru_r01.write(report, recipient=Recipient(), now=NOW)
    (again,) = read(outgoing.named("W1"))

    assert report.loose
    assert not again.loose
    assert [each.value for each in report.loose] == [each.value for each in again.reports[-1].measurements]
    assert ["OBR[2]-4"] == [issue.location for issue in outgoing.issues if "without an OBR" in issue.text]


def test_the_header_says_who_to_whom() -> None:
    """MSH-3 to 6 are the recipient's, MSH-11 is the sender's, MSH-10 is the delivery's."""
    (report,) = read((FIXTURES / "demo" / "2-final.hl7").read_bytes())
    raw = written(
        report,
        version="2.5.1",
        sending_application="WW^1.2.3^ISO",
        receiving_application="EHR",
        receiving_facility="HOSP",
    )

    header = tokens.parse(raw, channel=CHANNEL).value.header
    assert "WW^1.2.3^ISO" == header.raw(3)
    assert ("EHR", "HOSP", "ORU^R01^ORU_R01", "W1") == tuple(header.raw(n) for n in (5, 6, 9, 10))
    assert (report.source.sending_facility, "UNICODE UTF-8") == (header.raw(4), header.raw(18))
