"""Data types: every form that feeds send, and what each leaves unsaid."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.domain.channels import Channel
from mappers.domain.results import Quantity, Range, Ratio, SampledData, standing
from mappers.domain.times import Moment, TimeOfDay
from mappers.hl7v2.datatypes import codes, identifiers, numbers, people, times
from mappers.hl7v2.datatypes.unit import Unit, unit_of
from mappers.hl7v2.elements import Context, Element, SegmentReader
from mappers.hl7v2.tokens import Delimiters, Segment, Syntax
from tests.mappers.hl7v2.facts import facts

CHANNEL = Channel(
    "laboratory",
    time_zone=ZoneInfo("Europe/Rome"),
    assigners={"WARD": "urn:oid:1.2.3"},
    code_systems={"L": "http://laboratory.example/codes", "LN": "http://laboratory.example/own"},
)
PLAIN = Channel("plain")


def reader(raw: str, *, channel: Channel = CHANNEL, offset: str | None = None) -> SegmentReader:
    """A segment ZZZ whose first field is `raw`."""
    syntax = Syntax(Delimiters("|", "^", "~", "\\", "&"))
    segment = Segment(f"ZZZ|{raw}", name="ZZZ", index=2, ordinal=1, syntax=syntax)
    return SegmentReader(segment, Context(channel, syntax, offset))


def element(raw: str, *, channel: Channel = CHANNEL, offset: str | None = None) -> Element:
    """The first repetition of that field."""
    return reader(raw, channel=channel, offset=offset).first(1)


def read(
    function: Callable[[Element], Any], raw: str, *, channel: Channel = CHANNEL
) -> tuple[Any, list[str], list[str]]:
    """What is read of a field, its issues (severity and place), and what was left of it."""
    segment = reader(raw, channel=channel)
    value = function(segment.first(1))
    said = [f"{issue.severity} {issue.location}" for issue in segment.context.issues]
    return facts(value), said, list(segment.unmapped())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("5.90", "5.90"), ("0", "0"), ("-0.0", "-0.0"), ("+5", "5"), (".5", "0.5"), ("-.5", "-0.5"), ("5.", "5"),
        ("007", "7"), ("00.10", "0.10"), ("1E3", "1E3"), ("123456789012345678901234567890.10", "123456789012345678901234567890.10"),
    ],
)  # fmt: skip
def test_numbers_keep_their_digits(raw: str, expected: str) -> None:
    """Only the form of a number changes, never its digits or its trailing zeros."""
    assert expected == numbers.decimal(raw)


@pytest.mark.parametrize(
    "raw", ["", "5,5", "1 000", "1,000.5", "abc", "5-", "--5", ".", "+", "1.2.3", "5%", "0x10", "٣"]
)
def test_what_is_no_number_is_not_guessed_at(raw: str) -> None:
    """A decimal comma or a thousands separator could mean either."""
    assert numbers.decimal(raw) is None


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_survives_digit_for_digit(number: Decimal) -> None:
    """What Python writes of any decimal is read as the same number with the same exponent."""
    text = f"{number:f}"

    read_back = numbers.decimal(text)

    assert read_back is not None
    assert (number, number.as_tuple()) == (Decimal(read_back), Decimal(text).as_tuple())


@pytest.mark.parametrize(
    ("raw", "expected", "issues"),
    [
        ("5.90", Quantity("5.90"), []),
        ("+5", Quantity("5"), ["information ZZZ[1]-1"]),
        ("<5", Quantity("5", "<"), ["information ZZZ[1]-1"]),
        (">= 5.0", Quantity("5.0", ">="), ["information ZZZ[1]-1"]),
        ("≤7", Quantity("7", "<="), ["information ZZZ[1]-1"]),
        ("=>7", Quantity("7", ">="), ["information ZZZ[1]-1"]),
        ("5^6", None, []),
        ("<NEG", None, []),
        ('""', None, []),
        ("", None, []),
    ],
)
def test_nm(raw: str, expected: Quantity | None, issues: list[str]) -> None:
    """A number, a number behind a comparator, or nothing at all."""
    found = element(raw)

    assert expected == numbers.nm(found)
    assert issues == [f"{issue.severity} {issue.location}" for issue in found.context.issues]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("^100", Quantity("100", unit="mg")),
        ("=^100", Quantity("100", unit="mg")),
        ("<^0.10", Quantity("0.10", "<", "mg")),
        ("<=^1", Quantity("1", "<=", "mg")),
        (">^1", Quantity("1", ">", "mg")),
        (">=^1", Quantity("1", ">=", "mg")),
        ("≥^1", Quantity("1", ">=", "mg")),
        ("^1^:^128", Ratio(Quantity("1", unit="mg"), Quantity("128", unit="mg"))),
        ("<^1^/^8", Ratio(Quantity("1", "<", "mg"), Quantity("8", unit="mg"))),
        ("^3.0^-^5.0", Range(Quantity("3.0", unit="mg"), Quantity("5.0", unit="mg"))),
        ("<^3^-^5", "<3-5 mg"),
        ("^3^-", "3- mg"),
        ("^2^+", "2+ mg"),
        ("<>^5", "<>5 mg"),
        ("~^5", None),
        ("^many", "many mg"),
        ("^1^:^many", "1:many mg"),
        ("^^^5", "5 mg"),
        ("<^5^x^6", "<5x6 mg"),
        ("^5^^6", "5 6 mg"),
        ("1.50", Quantity("1.50", unit="mg")),
        ("<0.10", Quantity("0.10", "<", "mg")),
        ("trace", "trace mg"),
    ],
)
def test_sn(raw: str, expected: Any) -> None:
    """Quantity, ratio and range where FHIR has them; text with its unit in all other cases."""
    assert expected == numbers.sn(element(raw), Unit("mg"))


def test_sn_with_its_number_in_the_wrong_component_is_said() -> None:
    """Nothing else can be meant by a number where the comparator belongs."""
    assert ("1.50", ["information ZZZ[1]-1"], []) == read(numbers.sn, "1.50")


def test_sn_that_is_no_number_is_an_error() -> None:
    """It is kept as text, and said."""
    assert ("many", ["error ZZZ[1]-1"], []) == read(numbers.sn, "^many")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("3.50^5.10", Range(Quantity("3.50"), Quantity("5.10"))),
        ("^5", Range(None, Quantity("5"))),
        ("3^", Range(Quantity("3"), None)),
        ("low^5", None),
        ("^", None),
    ],
)
def test_nr(raw: str, expected: Range | None) -> None:
    """A range, open where an end is missing, nothing where an end is no number."""
    assert expected == numbers.nr(element(raw))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1.0^2.0~3.0^", SampledData("1.0 2.0 3.0 E", 2)),
        ("1~2~~4", SampledData("1 2 E 4", 1)),
        ("1^x", None),
        ("1E5", None),
    ],
)
def test_na(raw: str, expected: SampledData | None) -> None:
    """Channels are interleaved, gaps are E."""
    assert expected == numbers.na(reader(raw).repetitions(1))


def test_cq() -> None:
    """A quantity with the unit of its second component; not a number, not taken."""
    assert ("20.0 milliliter [mL]", [], []) == read(numbers.cq, "20.0^mL&milliliter&UCUM")
    assert (None, [], ["ZZZ-1"]) == read(numbers.cq, "some^mL")


@pytest.mark.parametrize(
    ("raw", "expected", "issues", "left"),
    [
        ("mmol/L^^UCUM", "mmol/L [mmol/L]", [], []),
        ("K/uL", "K/uL [10*3/uL]", [], []),
        ("K/uL^thousand per microliter^UCUM", "K/uL [10*3/uL]", [], ["ZZZ-1.2"]),
        ("mg/dL^milligrams per deciliter^UCUM", "milligrams per deciliter [mg/dL]", [], []),
        ("mg/dl^milligrams^ISO+", "mg/dl [mg/dL]", [], ["ZZZ-1.2", "ZZZ-1.3"]),
        ("^mg/dL", "mg/dL [mg/dL]", [], []),
        ("^^^^^^^^mg/dL", "mg/dL [mg/dL]", [], []),
        ("Ehrlich units^^L^[EU]^^UCUM", "Ehrlich units [[EU]]", [], ["ZZZ-1.3"]),
        ("milli^^L^mg/dL^^UCUM", "milli [mg/dL]", [], ["ZZZ-1.3"]),
        ("10^3/uL", "10^3/uL [10*3/uL]", ["information ZZZ[1]-1"], []),
        ("x10^9/L^^L", "x10^9/L [10*9/L]", ["information ZZZ[1]-1"], ["ZZZ-1.4"]),
        ("kg/m^2", "kg/m^2 [kg/m2]", ["information ZZZ[1]-1"], []),
        ("mL/min/1.73 m^2", "mL/min/1.73 m^2 [mL/min/{1.73_m2}]", ["information ZZZ[1]-1"], []),
        ("cells/mm^3^^UCUM", "cells/mm^3", ["information ZZZ[1]-1"], ["ZZZ-1.4"]),
        ("mg/dL^10 mg per litre^L", "10 mg per litre [mg/dL]", [], ["ZZZ-1.3"]),
        ("bananas^^UCUM", "bananas", ["information ZZZ[1]-1"], ["ZZZ-1.3"]),
        ("", {}, [], []),
    ],
)
def test_units(raw: str, expected: Any, issues: list[str], left: list[str]) -> None:
    """The unit as reported is always there; UCUM only where it is certain."""
    assert (expected, issues, left) == read(
        lambda each: unit_of(each).of(None) if raw else unit_of(each), raw
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2026", "2026"),
        ("202611", "2026-11"),
        ("20261122", "2026-11-22"),
        ("202611220715", "2026-11-22T07:15:00+01:00"),
        ("20261122071530", "2026-11-22T07:15:30+01:00"),
        ("20260722071530", "2026-07-22T07:15:30+02:00"),
        ("20261122071530.1234", "2026-11-22T07:15:30.1234+01:00"),
        ("20261122071530-0330", "2026-11-22T07:15:30-03:30"),
        ("20261122071530+0000", "2026-11-22T07:15:30+00:00"),
        ("20161231235960+0000", "2016-12-31T23:59:60+00:00"),
        ("20261122+0100", "2026-11-22"),
        ("20261122071530^S", "2026-11-22T07:15:30+01:00"),
    ],
)
def test_times_keep_their_precision(raw: str, expected: str) -> None:
    """Year, month, day, minute, second, fraction: as sent; the zone fills the offset."""
    assert (expected, []) == read(times.dtm, raw)[:2]


@pytest.mark.parametrize(
    ("raw", "expected", "issue"),
    [
        ("2026112207", "2026-11-22", "information"),
        ("20261122246000", "2026-11-22", "warning"),
        ("202611220760", "2026-11-22", "warning"),
        ("20261122071530+1500", "2026-11-22", "warning"),
        ("20260329023000", "2026-03-29", "warning"),
        ("20261025023000", "2026-10-25T02:30:00+02:00", "warning"),
        ("20260700", "2026-07", "warning"),
        ("20260000", "2026", "warning"),
        ("2026-11-22", "2026-11-22", "warning"),
        ("2026-11-22T07:15:30Z", "2026-11-22T07:15:30+00:00", "warning"),
        ("2026-11-22 07:15", "2026-11-22T07:15:00+01:00", "warning"),
        ("20260230", None, "error"),
        ("20261301", None, "error"),
        ("00000000", None, "error"),
        ("2026112", None, "error"),
        ("22.11.2026", None, "error"),
        ("yesterday", None, "error"),
    ],
)
def test_times_that_need_a_word(raw: str, expected: str | None, issue: str) -> None:
    """Cut, left out or read with care, and always said: hour alone, no such time, daylight saving, other forms."""
    value, issues, left = read(times.dtm, raw)

    assert (expected, [f"{issue} ZZZ[1]-1"]) == (value, issues)
    assert ([] if expected else ["ZZZ-1"]) == left


def test_the_offset_of_msh_7_goes_before_the_zone() -> None:
    """Chapter 2: MSH-7 gives the default of the message."""
    assert Moment("2026-11-22T07:15:00-05:00") == times.dtm(element("202611220715", offset="-05:00"))


def test_without_zone_a_time_is_cut_to_its_date_and_said_once() -> None:
    """The host's zone is never used; one warning a message is enough."""
    segment = reader("202611220715~202611220820", channel=PLAIN)

    found = [times.dtm(each) for each in segment.all(1)]

    assert [Moment("2026-11-22"), Moment("2026-11-22")] == found
    assert ["warning ZZZ[1]-1"] == [f"{i.severity} {i.location}" for i in segment.context.issues]


def test_an_offset_that_fhir_cannot_say_is_left_out() -> None:
    """Local mean time before 1844 was up to sixteen hours off."""
    manila = Channel("plain", time_zone=ZoneInfo("Asia/Manila"))

    assert ("1840-01-01", ["warning ZZZ[1]-1"], []) == read(times.dtm, "184001011200", channel=manila)


@given(
    st.from_regex(r"[0-9]{4,16}(\.[0-9]{1,8})?([+-][0-9]{4})?", fullmatch=True),
    st.sampled_from(["Europe/Rome", "Asia/Manila", "Australia/Lord_Howe", "America/Juneau", "UTC"]),
)
def test_no_time_is_too_odd(raw: str, zone: str) -> None:
    """Every figure is a time or an issue, and every time has a standing."""
    segment = reader(raw, channel=Channel("plain", time_zone=ZoneInfo(zone)))

    moment = times.dtm(segment.first(1))

    assert moment or segment.context.issues
    assert moment is None or standing("final", moment).at.startswith(moment.text[:2]) or moment.is_instant


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("20261122120000+0100", "+01:00"),
        ("20261122", None),
        ("20261122120000", None),
        ("", None),
        ("x", None),
    ],
)
def test_offset_of_a_header_time(raw: str, expected: str | None) -> None:
    """Only an offset that was sent with a time counts."""
    assert expected == times.offset_of(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("20260715120000+0200", None),
        ("20261122120000+0100", None),
        ("202610250230+0200", None),
        ("202610250230+0100", None),
        ("20260715120000+0100", "+01:00"),
        ("20260715120000-0500", "-05:00"),
        ("20269915120000+0200", "+02:00"),
        ("20260715", None),
    ],
)
def test_a_header_time_in_the_channels_zone_leaves_the_offset_to_the_zone(
    raw: str, expected: str | None
) -> None:
    """Its offset is that of its own day; only where it contradicts the zone does it stand for other times."""
    assert expected == times.offset_of(raw, CHANNEL.time_zone)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("0715", TimeOfDay("07:15:00")),
        ("071530.5", TimeOfDay("07:15:30.5")),
        ("07", None),
        ("2400", None),
        ("0715+0100", None),
        ("noon", None),
    ],
)
def test_tm(raw: str, expected: TimeOfDay | None) -> None:
    """A FHIR time has minutes and no offset: what it cannot say is not taken."""
    assert expected == times.tm(element(raw))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("20261120^20261122", {"start": "2026-11-20", "end": "2026-11-22"}),
        ("20261120", {"start": "2026-11-20"}),
        ("^20261122", {"end": "2026-11-22"}),
        ("202611200700&M", {"start": "2026-11-20T07:00:00+01:00"}),
        ("", None),
    ],
)
def test_dr(raw: str, expected: dict[str, str] | None) -> None:
    """Either end may be open; old feeds nest a TS."""
    assert expected == read(times.dr, raw)[0]


@pytest.mark.parametrize(
    ("raw", "expected", "left"),
    [
        ("718-7^Hemoglobin^LOINC", "718-7|http://loinc.org|Hemoglobin", []),
        ("718-7^Hemoglobin^LN", "718-7|http://laboratory.example/own|Hemoglobin", []),
        ("A^a^SCT^B^b^L^1^2^as typed", 'A|http://snomed.info/sct|a|1 = B|http://laboratory.example/codes|b|2 = "as typed"', []),
        ("A^a^SCT^B^b^L^^^^C^c^LN", "A|http://snomed.info/sct|a = B|http://laboratory.example/codes|b = C|http://laboratory.example/own|c", []),
        ("A^a^99LAB", "A||a", ["ZZZ-1.3"]),
        ("718-7^a^99LAB^^^^^^^^^^^2.16.840.1.113883.6.1", "718-7|http://loinc.org|a", ["ZZZ-1.3"]),
        ("A^a^HL70123", "A|http://terminology.hl7.org/CodeSystem/v2-0123|a", []),
        ("A^a^1.2.3.4", "A|urn:oid:1.2.3.4|a", []),
        ("A", "A", []),
        ("two  blanks^x", "two blanks||x", []),
        ("^words", '"words"', []),
        ("^words^L^B^b", 'B||b = "words"', ["ZZZ-1.3"]),
        ("^words^^^other words", '||other words = "words"', []),
        ("^^^^^^^^typed", '"typed"', []),
        ("^^LN", None, ["ZZZ-1"]),
        ('""', None, ["ZZZ-1"]),
    ],
)  # fmt: skip
def test_cwe(raw: str, expected: str | None, left: list[str]) -> None:
    """All triplets and the original text; a system that nobody defined is left in the ledger."""
    assert (expected, [], left) == read(codes.cwe, raw)


def test_a_code_that_cannot_be_loinc_is_kept_and_said() -> None:
    """LOINC as sent, and a word about what cannot be."""
    assert ("GLU|http://loinc.org|Glucose", ["warning ZZZ[1]-1"], []) == read(
        codes.cwe, "GLU^Glucose^LN", channel=PLAIN
    )
    assert ("2345-7|http://loinc.org", [], []) == read(codes.cwe, "2345-7^^LN", channel=PLAIN)
    assert ("LA6576-8|http://loinc.org", [], []) == read(codes.cwe, "LA6576-8^^LN", channel=PLAIN)


@pytest.mark.parametrize(
    ("raw", "system", "name"),
    [
        ("LAB^2.16.840.1.113883.19^ISO", "urn:oid:2.16.840.1.113883.19", "LAB"),
        ("^2.16.840.1.113883.19", "urn:oid:2.16.840.1.113883.19", None),
        (
            "LAB^6F1D7B1E-6A0E-5C0B-9D5F-0C7B1D1F5A10^UUID",
            "urn:uuid:6f1d7b1e-6a0e-5c0b-9d5f-0c7b1d1f5a10",
            "LAB",
        ),
        ("LAB^http://lab.example^URI", "http://lab.example", "LAB"),
        ("WARD", "urn:oid:1.2.3", "WARD"),
        ("LAB", None, "LAB"),
        ("LAB^lab.example^DNS", None, "LAB lab.example"),
        ("LAB^2.16.x^ISO", None, "LAB 2.16.x"),
        ("^lab.example^DNS", None, "lab.example"),
        ("", None, None),
    ],
)
def test_hd(raw: str, system: str | None, name: str | None) -> None:
    """OID, UUID, URI, the channel's table; what is none of these stays in the name, so that scopes stay apart."""
    assert identifiers.Authority(system, name) == identifiers.hd(element(raw))


@pytest.mark.parametrize(
    ("raw", "expected", "left"),
    [
        ("17^^^WARD^MR", "17@urn:oid:1.2.3 (MR)", []),
        (
            "17^4^M10^LAB&1.2.840&ISO^PI^FACILITY",
            "17@urn:oid:1.2.840 (PI)",
            ["ZZZ-1.2", "ZZZ-1.3", "ZZZ-1.6"],
        ),
        ("17^^^LAB&lab.example&DNS^MR", "17@LAB lab.example (MR)", ["ZZZ-1.4.3"]),
        ("17^^^^own", "17@ (own)", []),
        ("17", "17@", []),
        ("^^^LAB^MR", None, ["ZZZ-1"]),
    ],
)
def test_cx(raw: str, expected: str | None, left: list[str]) -> None:
    """A number with its assigner and type, and what FHIR has no place for named part by part."""
    assert (expected, [], left) == read(identifiers.cx, raw)


def test_cx_validity() -> None:
    """CX.7 and CX.8 are its period."""
    found = identifiers.cx(element("17^^^WARD^MR^^20260101^20261231"))

    assert found is not None
    assert {"start": "2026-01-01", "end": "2026-12-31"} == facts(found.period)


def test_eip() -> None:
    """The placer's and the filler's number, each with its own assigner."""
    pair = identifiers.eip(element("S-9&EHR^4471&LIS&1.2.840&ISO"), placer="PGN", filler="FGN")

    assert ["S-9@EHR (PGN)", "4471@urn:oid:1.2.840 (FGN)"] == facts(pair)
    assert (None, None) == identifiers.eip(element("^"), placer="PGN", filler="FGN")


@pytest.mark.parametrize(
    ("raw", "expected", "left"),
    [
        ("Rossi^Giulia^Anna^Jr^Dr^PhD^L", {"family": "Rossi", "given": ["Giulia", "Anna"], "prefix": ["Dr"], "suffix": ["Jr", "PhD"], "use": "official"}, []),
        ("von Berg&von&Berg^Ada", {"family": "von Berg", "given": ["Ada"]}, ["ZZZ-1.1.2", "ZZZ-1.1.3"]),
        ("&von&Berg^Ada", {"family": "von Berg", "given": ["Ada"]}, []),
        ("Rossi^^^^^^Q", {"family": "Rossi"}, ["ZZZ-1.7"]),
        ("Rossi^^^^^^^^^20200101^^20210101", {"family": "Rossi", "period": {"start": "2021-01-01"}}, ["ZZZ-1.10"]),
        ("^^^^^^S", None, ["ZZZ-1"]),
    ],
)  # fmt: skip
def test_xpn(raw: str, expected: dict[str, Any] | None, left: list[str]) -> None:
    """A name in its parts; a kind of name without a name is none."""
    assert (expected, [], left) == read(people.xpn, raw)


@pytest.mark.parametrize(
    ("function", "raw", "expected"),
    [
        (people.xcn, "1234^Bianchi^Luca^M^Jr^Dr^MD^^NPI&2.16.840.1.113883.4.6&ISO^L^^^NPI", {"names": [{"family": "Bianchi", "given": ["Luca", "M"], "prefix": ["Dr"], "suffix": ["Jr", "MD"], "use": "official"}], "identifiers": ["1234@urn:oid:2.16.840.1.113883.4.6 (NPI)"]}),
        (people.xcn, "1234", {"identifiers": ["1234@"]}),
        (people.xcn, "^Bianchi", {"names": [{"family": "Bianchi"}]}),
        (people.xcn, "", None),
        (people.ndl, "5678&Verdi&Anna&&&Dr&MD&&LIS&1.2.840&ISO^202611220715", {"names": [{"family": "Verdi", "given": ["Anna"], "prefix": ["Dr"], "suffix": ["MD"]}], "identifiers": ["5678@urn:oid:1.2.840"]}),
        (people.ndl, "5678^Verdi^Anna", {"names": [{"family": "Verdi", "given": ["Anna"]}], "identifiers": ["5678@"]}),
        (people.xon, "Ward Lab^L^^^^CLIA&2.16.840.1.113883.4.7&ISO^XX^^^99D1", {"name": "Ward Lab", "identifiers": ["99D1@urn:oid:2.16.840.1.113883.4.7 (XX)"]}),
        (people.xon, "Ward Lab^^17", {"name": "Ward Lab", "identifiers": ["17@"]}),
        (people.xon, "Ward Lab", {"name": "Ward Lab"}),
        (people.xon, "^L", None),
    ],
)  # fmt: skip
def test_people_and_organizations(function: Callable[[Element], Any], raw: str, expected: Any) -> None:
    """XCN, CNN in NDL, an XCN where an NDL belongs, XON."""
    assert expected == read(function, raw)[0]


@pytest.mark.parametrize(
    ("raw", "expected", "left"),
    [
        ("1 Main St&Main&1^Apt 2^Wards^ST^00001^XYZ^H^^County", {"lines": ["1 Main St", "Main", "1", "Apt 2"], "city": "Wards", "district": "County", "state": "ST", "postal_code": "00001", "country": "XYZ", "use": "home"}, []),
        ("1 Main St^^Wards^^^^M", {"lines": ["1 Main St"], "city": "Wards", "type": "postal"}, []),
        ("1 Main St^^^^^^V", {"lines": ["1 Main St"]}, ["ZZZ-1.7"]),
        ("^^^^^^H", None, ["ZZZ-1"]),
    ],
)  # fmt: skip
def test_xad(raw: str, expected: dict[str, Any] | None, left: list[str]) -> None:
    """An address in its parts; a kind without a place is none."""
    assert (expected, [], left) == read(people.xad, raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("+39 051 555 0147^PRN^PH", [{"value": "+39 051 555 0147", "system": "phone", "use": "home"}]),
        ("555-0147^PRS^CP", [{"value": "555-0147", "system": "phone", "use": "mobile"}]),
        ("555-0147^^CP", [{"value": "555-0147", "system": "phone", "use": "mobile"}]),
        ("555-0147^WPN^FX", [{"value": "555-0147", "system": "fax", "use": "work"}]),
        ("^PRN^PH^^39^051^5550147^12", [{"value": "+39 051 5550147 X12", "system": "phone", "use": "home"}]),
        ("(051)5550147^^^^^051^5550147", [{"value": "051 5550147", "system": "phone", "use": "old"}]),
        ("^^^^^^^^^^^0515550147", [{"value": "0515550147", "system": "phone", "use": "old"}]),
        ("^NET^Internet^a@b.example", [{"value": "a@b.example", "system": "email"}]),
        ("a@b.example", [{"value": "a@b.example", "system": "email", "use": "old"}]),
        ("555-0147^PRN^PH^a@b.example", [{"value": "555-0147", "system": "phone", "use": "home"}, {"value": "a@b.example", "system": "email", "use": "home"}]),
        ("(206)3345232", [{"value": "(206)3345232", "system": "phone", "use": "old"}]),
        ("call the ward", [{"value": "call the ward", "use": "old"}]),
        ("555-0147^PRN^XY", [{"value": "555-0147", "use": "home"}]),
        ("^PRN^PH", []),
    ],
)  # fmt: skip
def test_xtn(raw: str, expected: list[dict[str, str]]) -> None:
    """XTN.12 before XTN.5 to 8 before XTN.1; mail beside them; the field's use where XTN.2 says nothing."""
    assert expected == facts(people.xtn(element(raw), use="old"))


def test_parts_are_named_where_they_stand() -> None:
    """What is left of a field is named down to the subcomponent and repetition."""
    segment = reader("17^4^^LAB&x.example&DNS~18^5")

    identifiers.cx(segment.first(1))

    assert ("ZZZ-1.2", "ZZZ-1.4.3", "ZZZ-1(2)") == segment.unmapped()


def test_null_is_no_value_and_nothing_lost() -> None:
    """HL7 null in a field or component is neither read nor reported as left."""
    segment = reader('17^""~""')

    assert "17@" == facts(identifiers.cx(segment.first(1)))
    assert () == segment.unmapped()
    assert not segment.repetitions(1)[1].valued
