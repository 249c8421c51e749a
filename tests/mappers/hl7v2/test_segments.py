"""Segments: what each field becomes, and that no field vanishes without a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mappers.domain.channels import Channel
from mappers.domain.times import Moment
from mappers.hl7v2 import identities
from mappers.hl7v2.datatypes import times
from mappers.hl7v2.elements import SegmentReader
from mappers.hl7v2.segments import msh, pid, pv1
from mappers.hl7v2.tokens import parse
from tests.mappers.hl7v2.facts import CHANNEL, facts, read, told

HEADER = "MSH|^~\\&|LIS|WARDLAB|WW|HOSP|20261122120000+0100||ORU^R01^ORU_R01|1|T|2.5.1"
PATIENT = "PID|1||17^^^WARD^MR||Rossi^Giulia"
#: Segments that are mapped, each with the highest field of its latest version and an example of a reading.
MAPPED = {
    "PID": (40, {3: "17^^^WARD^MR", 5: "Rossi^Giulia"}),
    "PV1": (54, {2: "I", 19: "V-1^^^WARD^VN"}),
    "ORC": (38, {1: "RE", 2: "PL-1^EHR", 3: "FL-1^LIS"}),
    "OBR": (55, {2: "PL-1^EHR", 3: "FL-1^LIS", 4: "24323-8^Panel^LN", 25: "F"}),
    "TQ1": (14, {9: "S"}),
    "OBX": (33, {2: "ST", 3: "X^x^L", 5: "clear", 11: "F"}),
    "NTE": (9, {3: "a comment"}),
    "SPM": (35, {2: "S-1&EHR", 4: "119297000^Blood^SCT"}),
}
ORDER = tuple(MAPPED)


def segment(name: str, fields: dict[int, str]) -> str:
    """A segment with these fields."""
    return "|".join([name, *(fields.get(n, "") for n in range(1, max(fields) + 1))])


def message(**changed: dict[int, str]) -> str:
    """A message with every mapped segment, some of them with other fields."""
    lines = [segment(name, MAPPED[name][1] | changed.get(name, {})) for name in ORDER]
    header = HEADER.split("|")
    for n, value in changed.get("MSH", {}).items():
        header += [""] * (n - len(header))
        header[n - 1] = value
    return "\r".join(["|".join(header), *lines]) + "\r"


def report(*segments: str, channel: Channel = CHANNEL) -> dict[str, Any]:
    """The first report of a message with this body."""
    return told(read("\r".join([HEADER, PATIENT, *segments]) + "\r", channel))["lab_reports"][0]


def patient(text: str, channel: Channel = CHANNEL) -> dict[str, Any]:
    """What PID says."""
    return told(read(f"{HEADER}\r{text}\r", channel))["lab_reports"][0]["patient"]


def markers() -> Iterator[tuple[str, int, int | None]]:
    """Segment, field, and component or None for the whole field."""
    for name, (last, _) in {**MAPPED, "MSH": (25, {})}.items():
        for n in range(3 if name == "MSH" else 1, last + 1):
            if (name, n) != ("MSH", 9):
                yield name, n, None
                yield from ((name, n, component) for component in (1, 2, 3, 4, 5, 9, 14))


def names(unmapped: tuple[str, ...]) -> set[str]:
    """The fields, without what is left of which component."""
    return {each.partition(".")[0].partition("(")[0] for each in unmapped}


@pytest.mark.parametrize("name", [*MAPPED, "MSH"])
def test_no_field_vanishes(name: str) -> None:
    """A marker in any field or component is in the domain, or the ledger names its place, or its segment is kept."""
    lost = []
    for _, n, component in (each for each in markers() if each[0] == name):
        marker = f"MARK{n}X{component or 0}"
        value = marker if component is None else "^" * (component - 1) + marker
        reading = read(message(**{name: {n: value}})).value
        row = next(row for row in reading.ledger.rows if row.segment == f"{name}[1]")
        shown = json.dumps(facts(reading.lab_reports))
        if marker not in shown and f"{name}-{n}" not in names(row.unmapped):
            lost.append(f"{name}-{n}.{component}")

    assert [] == lost


@pytest.mark.parametrize("name", [*MAPPED, "MSH"])
def test_no_issue_quotes_the_message(name: str) -> None:
    """Whatever is wrong with a field, its issue does not say what it holds."""
    quoted = []
    for _, n, _ in (each for each in markers() if each[0] == name and each[2] is None):
        found = read(message(**{name: {n: f"MARK^MARK~MARK{n}"}})).issues
        quoted += [issue.text for issue in found if "MARK" in issue.text + issue.location]

    assert [] == quoted


def test_a_taken_component_is_not_left() -> None:
    """And one that was not read is: the ledger is exact in both directions."""
    rows = read(message(PID={3: "17^4^M10^WARD^MR", 8: "F~M", 13: "555-0147^PRN^PH"})).value.ledger.rows

    assert ("PID-3.2", "PID-3.3", "PID-8(2)") == rows[1].unmapped


def test_msh_is_the_source() -> None:
    """Who sent what, when, under which id; HD.2 only where there is no HD.1."""
    raw = (
        "MSH|^~\\&|LIS^1.2.3^ISO|^1.2.4^ISO|WW|HOSP|202611221200+0100|RESTRICTED|ORU^R01|C-1|P^A|2.5.1^ITA||"
        "\rPID|||17\r"
    )
    message = parse(raw.encode(), channel=CHANNEL).value

    source = msh.source(message, channel=CHANNEL, sha256="ab" * 32, size=99)

    assert ("ab" * 32, 99) == (source.sha256, source.size)
    assert {
        "control_id": "C-1",
        "trigger": "ORU^R01",
        "version": "2.5.1",
        "sent_at": "2026-11-22T12:00:00+01:00",
        "sending_application": "LIS",
        "sending_facility": "1.2.4",
        "receiving_application": "WW",
        "receiving_facility": "HOSP",
        "processing_id": "P",
        "security": ["RESTRICTED"],
        "origin": "MSH[1]",
    } == facts(source)


@pytest.mark.parametrize(
    ("channel", "pid_3", "expected"),
    [
        (Channel("a"), "1^^^X^PI~2^^^Y^MR~3^^^Z^MR", "Patient|Y|2"),
        (Channel("a"), "1^^^X^PI~3^^^Z^SS", "Patient|X|1"),
        (Channel("a", patient_assigners=("Z", "Y")), "1^^^X^PI~2^^^Y^MR~3^^^Z^SS", "Patient|Z|3"),
        (
            Channel("a", patient_assigners=("urn:oid:1.2",)),
            "2^^^Y^MR~3^^^Z&1.2&ISO^SS",
            "Patient|urn:oid:1.2|3",
        ),
        (Channel("a", patient_assigners=("W",)), "1^^^X^PI~2^^^Y^MR", "Patient|Y|2"),
        (Channel("a", assigners={"Y": "urn:oid:1.9"}), "2^^^Y^MR", "Patient|urn:oid:1.9|2"),
        (Channel("a"), "17", "Patient|WARDLAB|17"),
    ],
)
def test_who_the_patient_is(channel: Channel, pid_3: str, expected: str) -> None:
    """The channel's assigners best first, else the first MR, else the first; no assigner: the sending facility's."""
    assert expected == patient(f"PID|||{pid_3}", channel)["identity"]


def test_withdrawn_identifiers_are_a_last_resort() -> None:
    """PID-2 and PID-4 identify only where PID-3 is empty, and that is said; nobody is nobody."""
    assert "Patient|OLD|2" == patient("PID||2^^^OLD||4^^^REG")["identity"]
    assert ["3@NEW", "2@OLD"] == patient("PID||2^^^OLD|3^^^NEW")["identifiers"]
    assert "identity" not in patient("PID|||||Rossi")
    assert "warning required PID[1]-3" in told(read(f"{HEADER}\rPID||2^^^OLD\r"))["issues"]


def test_pid_in_full() -> None:
    """Every field of PID that the guide maps and the domain can say."""
    text = segment(
        "PID",
        {
            3: "17^^^WARD^MR",
            5: "Rossi^Giulia^^^^^L~Bianchi^^^^^^M",
            7: "19710314103000+0100",
            8: "A",
            10: "2106-3^White^CDCREC~^other",
            11: "1 Road^^Wards^^W1^^H",
            12: "County",
            13: "555-0147^PRN^PH",
            14: "555-0148",
            15: "it^Italian^ISO639",
            16: "M",
            18: "ACC-1^^^WARD^AN",
            19: "900-55-0147",
            22: "H^Hispanic^HL70189",
            24: "Y",
            25: "2",
            30: "Y",
            40: "a@b.example^NET^Internet",
        },
    )

    found = patient(text)

    assert ["17@WARD (MR)", "900-55-0147@http://hl7.org/fhir/sid/us-ssn (SS)"] == found["identifiers"]
    assert ["official", "maiden"] == [name["use"] for name in found["names"]]
    assert ("other", "1971-03-14", "1971-03-14T10:30:00+01:00") == (
        found["gender"],
        found["birth_date"],
        found["birth_time"],
    )
    assert ["2106-3|urn:oid:2.16.840.1.113883.6.238|White", "||other"] == found["race"]
    assert ["H|http://terminology.hl7.org/CodeSystem/v2-0189|Hispanic"] == found["ethnicity"]
    assert [
        {"lines": ["1 Road"], "city": "Wards", "district": "County", "postal_code": "W1", "use": "home"}
    ] == found["addresses"]
    assert [("555-0147", "home"), ("555-0148", "work"), ("a@b.example", None)] == [
        (point["value"], point.get("use")) for point in found["telecoms"]
    ]
    assert (2, True, "ACC-1@WARD (AN)") == (found["multiple_birth"], found["deceased"], found["account"])
    assert "M|http://terminology.hl7.org/CodeSystem/v3-MaritalStatus|Married" == found["marital_status"]


@pytest.mark.parametrize(
    ("fields", "key", "expected"),
    [
        ({29: "20260101", 30: "Y"}, "deceased", "2026-01-01"),
        ({30: "N"}, "deceased", False),
        ({30: "?"}, "deceased", None),
        ({24: "N"}, "multiple_birth", False),
        ({25: "0"}, "multiple_birth", None),
        ({8: "Q"}, "gender", None),
        ({8: "N"}, "gender", "other"),
        ({7: "1971"}, "birth_date", "1971"),
        (
            {11: "1 Road^^^^^^^^Elsewhere", 12: "County"},
            "addresses",
            [{"lines": ["1 Road"], "district": "Elsewhere"}],
        ),
    ],
)
def test_pid_one_by_one(fields: dict[int, str], key: str, expected: object) -> None:
    """Dates of death before indicators, unknown codes never guessed, precision kept."""
    assert expected == patient(segment("PID", {3: "17^^^WARD"} | fields)).get(key)


def test_pv1_needs_a_number() -> None:
    """A visit that nothing identifies is kept, not invented."""
    account = read(f"{HEADER}\r{PATIENT}\rPV1|1|I|MED3\r")

    assert account.value.lab_reports[0].visit is None
    assert (("PV1[1]", "PV1|1|I|MED3"),) == account.value.lab_reports[0].source.kept


@pytest.mark.parametrize(
    ("fields", "key", "expected"),
    [
        ({2: "E"}, "encounter_class", "EMER|http://terminology.hl7.org/CodeSystem/v3-ActCode|emergency"),
        ({2: "B"}, "encounter_class", "B|http://terminology.hl7.org/CodeSystem/v2-0004|Obstetrics"),
        ({2: "own"}, "encounter_class", "own"),
        ({2: "P"}, "status", "planned"),
        ({2: "I", 45: "20261122"}, "status", "finished"),
        ({3: "MED3^312^B^HOSP&1.2&ISO^^^MAIN^4"}, "location", "MED3, 312, B, HOSP, MAIN, 4"),
        ({10: "CAR^Cardiology^L"}, "service", "CAR|http://laboratory.example/codes|Cardiology"),
        ({50: "ALT-1^^^WARD^VN"}, "identifiers", ["V-1@WARD (VN)", "ALT-1@WARD (VN)"]),
    ],
)
def test_pv1(fields: dict[int, str], key: str, expected: object) -> None:
    """Class, status, place, service, numbers."""
    visit = segment("PV1", {19: "V-1^^^WARD"} | fields)

    assert expected == told(read(f"{HEADER}\r{PATIENT}\r{visit}\r"))["lab_reports"][0]["visit"].get(key)


@pytest.mark.parametrize(
    ("orc", "obr", "expected"),
    [
        ({1: "RE", 5: "CM"}, {}, "completed"),
        ({1: "NW"}, {}, "active"),
        ({1: "OC", 5: "IP"}, {}, "active"),
        ({1: "CA"}, {}, "active"),
        ({1: "RE"}, {}, "unknown"),
        ({1: "RE", 5: "nonsense"}, {}, "unknown"),
    ],
)
def test_order_status(orc: dict[int, str], obr: dict[int, str], expected: str) -> None:
    """ORC-5 before ORC-1, and unknown where neither means anything to FHIR."""
    body = (segment("ORC", orc), segment("OBR", {3: "FL-1", 4: "X^x^L", 25: "F"} | obr))

    assert expected == report(*body)["reports"][0]["order"]["status"]


@pytest.mark.parametrize(
    ("orc", "obr", "key", "expected"),
    [
        ({}, {5: "S"}, "priority", "stat"),
        ({}, {27: "1^^^^^A"}, "priority", "asap"),
        ({7: "^^^^^R"}, {}, "priority", "routine"),
        ({}, {5: "PRN"}, "priority", None),
        ({}, {11: "G"}, "intent", "reflex-order"),
        ({}, {11: "A"}, "intent", "order"),
        ({4: "GRP-1^EHR"}, {}, "requisition", "GRP-1@EHR (PGN)"),
        ({4: "GRP-1&EHR^GRP-9&LIS"}, {}, "requisition", "GRP-1@EHR (PGN)"),
        ({1: "NW", 9: "20261122"}, {}, "authored_on", "2026-11-22"),
        ({1: "RE", 9: "20261122"}, {}, "authored_on", None),
        ({}, {6: "20261121"}, "occurrence", "2026-11-21"),
        ({}, {31: "N39.0^Infection^I10C~^by request"}, "reasons", ["N39.0|http://hl7.org/fhir/sid/icd-10-cm|Infection", '"by request"']),
        ({}, {13: "Cough~Fever"}, "clinical_information", "Cough\nFever"),
        ({}, {18: "ACC-1", 24: "CT"}, "accession", "ACC-1@ (ACSN)"),
        ({}, {18: "ACC-1", 24: "CH"}, "accession", None),
    ],
)  # fmt: skip
def test_order_fields(orc: dict[int, str], obr: dict[int, str], key: str, expected: object) -> None:
    """What ORC and OBR say of the order, each from the field that the guide prefers."""
    body = (segment("ORC", {1: "RE"} | orc), segment("OBR", {3: "FL-1", 4: "X^x^L", 25: "F"} | obr))

    assert expected == report(*body)["reports"][0]["order"].get(key)


def test_who_ordered() -> None:
    """ORC-12 before OBR-16; the same person in both is one person, another one is left in the ledger."""
    same = told(read(message(ORC={12: "1^A"}, OBR={16: "1^A"})))
    other = told(read(message(ORC={12: "1^A"}, OBR={16: "2^B"})))
    alone = told(read(message(OBR={16: "2^B"})))

    assert ["1@", "1@", "2@"] == [
        each["lab_reports"][0]["reports"][0]["order"]["requester"][0]["identifiers"][0]
        for each in (same, other, alone)
    ]
    assert [False, True, False] == ["OBR-16" in " ".join(each["ledger"]) for each in (same, other, alone)]


def test_an_order_needs_something_to_it() -> None:
    """No number and nothing said: there is no order to write."""
    assert "order" not in report("OBR|1|||24323-8^Panel^LN|||20261122|||||||||||||||||X|F")["reports"][0]
    assert "order" in report("OBR|1|||24323-8^Panel^LN||||||||||||1^Bianchi|||||||||F")["reports"][0]


def test_numbers_of_orc_stand_in_for_obr() -> None:
    """OBR-2 and OBR-3 first; where ORC differs, it is said."""
    stand_in = report("ORC|RE|PL-1^EHR|FL-1^LIS", "OBR|1|||X^x^L|||||||||||||||||||||F")["reports"][0]
    issues = told(read(f"{HEADER}\rORC|RE|PL-1|FL-1\rOBR|1|PL-1|FL-2|X^x^L|||||||||||||||||||||F\r"))[
        "issues"
    ]

    assert ["PL-1@EHR (PLAC)", "FL-1@LIS (FILL)"] == stand_in["identifiers"]
    assert "warning conflict ORC[1]-3" in issues
    assert "warning conflict ORC[1]-2" not in issues


@pytest.mark.parametrize(
    ("fields", "key", "expected"),
    [
        ({7: "20261122"}, "effective", "2026-11-22"),
        ({7: "20261122", 8: "20261123"}, "effective", {"start": "2026-11-22", "end": "2026-11-23"}),
        ({8: "20261123"}, "effective", {"end": "2026-11-23"}),
        ({22: "202611221100+0100"}, "issued", "2026-11-22T11:00:00+01:00"),
        ({22: "202611221100+0100"}, "standing", "3|2026-11-22T10:00:00.000000|0"),
        ({}, "standing", "3|2026-11-22T11:00:00.000000|0"),
        ({24: "LAB"}, "category", ["LAB|http://terminology.hl7.org/CodeSystem/v2-0074|Laboratory"]),
        ({24: "OWN"}, "category", ["OWN"]),
        ({4: ""}, "code", "unknown|http://terminology.hl7.org/CodeSystem/data-absent-reason|Unknown"),
        ({32: "1&Verdi~2&Neri"}, "interpreters", [{"names": [{"family": "Verdi"}], "identifiers": ["1@"]}, {"names": [{"family": "Neri"}], "identifiers": ["2@"]}]),
    ],
)  # fmt: skip
def test_obr(fields: dict[int, str], key: str, expected: object) -> None:
    """When, how far, what kind, what, who read it."""
    body = segment("OBR", {3: "FL-1", 4: "X^x^L", 25: "F"} | fields)

    assert expected == report(body)["reports"][0].get(key)


OBR = "OBR|1||FL-1^LIS|24323-8^Panel^LN|||20261122071000+0100|||||||||||||||20261122110000+0100||CH|F"


def result(fields: dict[int, str], *, obr: str = OBR, channel: Channel = CHANNEL) -> dict[str, Any]:
    """The first result of an OBX with these fields."""
    obx = segment("OBX", {2: "NM", 3: "X^x^L", 5: "5.0", 11: "F"} | fields)
    return report(obr, obx, channel=channel)["reports"][0]["measurements"][0]


@pytest.mark.parametrize(
    ("fields", "key", "expected"),
    [
        ({14: "20261122080000+0100"}, "effective", "2026-11-22T08:00:00+01:00"),
        ({14: "yesterday"}, "effective", None),
        ({8: "H~A^Abnormal^HL70078~odd"}, "interpretations", ["H|http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation|High", "A|http://terminology.hl7.org/CodeSystem/v2-0078|Abnormal", '"odd"']),
        ({8: "TOX"}, "interpretations", ["TOX|http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"]),
        ({8: "<"}, "interpretations", ["<|http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation|Off scale low"]),
        ({10: "S~Q"}, "nature_of_abnormality", ["S|http://terminology.hl7.org/CodeSystem/v2-0080|A sex-based population", "Q"]),
        ({15: "99D1^Lab^CLIA"}, "performers", [{"name": "Lab", "identifiers": ["99D1@"]}]),
        ({15: "^Lab"}, "performers", [{"name": "Lab"}]),
        ({16: "1^Gallo~2^Serra"}, "performers", [{"names": [{"family": "Gallo"}], "identifiers": ["1@"]}, {"names": [{"family": "Serra"}], "identifiers": ["2@"]}]),
        ({24: "1 Road"}, "performers", [{"addresses": [{"lines": ["1 Road"]}]}]),
        ({17: "M1^Method^L"}, "method", "M1|http://laboratory.example/codes|Method"),
        ({18: "DEV-1^LIS"}, "device", "DEV-1@LIS"),
        ({19: "20261122"}, "analysed", "2026-11-22"),
        ({20: "LA"}, "body_site", "LA|http://terminology.hl7.org/CodeSystem/v2-0163|Left Arm"),
        ({21: "I-1^LIS~I-2^LIS"}, "identifiers", ["I-1@LIS (FILL)", "I-2@LIS (FILL)"]),
        ({29: "RSLT"}, "category", ["RSLT|http://terminology.hl7.org/CodeSystem/v2-0936"]),
        ({4: "1.2"}, "sub_id", "1.2"),
        ({3: ""}, "code", "unknown|http://terminology.hl7.org/CodeSystem/data-absent-reason|Unknown"),
    ],
)  # fmt: skip
def test_obx(fields: dict[int, str], key: str, expected: object) -> None:
    """Every field of OBX that the guide maps."""
    assert expected == result(fields).get(key)


@pytest.mark.parametrize(
    ("text", "unit", "low", "high"),
    [
        ("3.5-5.10", "mmol/L", "3.5 mmol/L [mmol/L]", "5.10 mmol/L [mmol/L]"),
        ("3.5 - 5.1 mmol/L", "mmol/L", "3.5 mmol/L [mmol/L]", "5.1 mmol/L [mmol/L]"),
        ("-2 - -1", "", "-2", "-1"),
        (".5\u20131", "", "0.5", "1"),
        ("1 to 2", "", "1", "2"),
        ("<5", "", None, "5"),
        ("<= 5.0", "", None, "5.0"),
        (">60 mL/min", "mL/min", "60 mL/min [mL/min]", None),
        ("≥60", "", "60", None),
        ("3.5-5.1 mg/dL", "mmol/L", None, None),
        ("5-3", "", None, None),
        ("1-2-3", "", None, None),
        ("negative", "", None, None),
        ("M: 3-5", "", None, None),
    ],
)
def test_reference_ranges(text: str, unit: str, low: str | None, high: str | None) -> None:
    """The text always; bounds only where it is plainly a range in the value's unit."""
    assert [{"text": text} | ({"low": low} if low else {}) | ({"high": high} if high else {})] == result(
        {6: unit, 7: text}
    )["reference_ranges"]


def test_text_numbers_are_numbers_only_where_the_channel_says_so() -> None:
    """`text_numbers` reads ST with a unit as a quantity, and never ST without one."""
    channel = Channel("a", text_numbers=True)

    assert "7.30" == result({2: "ST", 5: "7.30", 6: "mmol/L"})["value"]
    assert "7.30 mmol/L [mmol/L]" == result({2: "ST", 5: "7.30", 6: "mmol/L"}, channel=channel)["value"]
    assert "<0.1 ng/mL [ng/mL]" == result({2: "ST", 5: "<0.1", 6: "ng/mL"}, channel=channel)["value"]
    assert "7.30" == result({2: "ST", 5: "7.30"}, channel=channel)["value"]
    assert "clear" == result({2: "ST", 5: "clear", 6: "mmol/L"}, channel=channel)["value"]


@pytest.mark.parametrize(
    ("obr_25", "expected", "issue"),
    [
        ("F", "final", "warning"), ("P", "preliminary", "warning"), ("R", "preliminary", "warning"),
        ("A", "preliminary", "warning"), ("C", "corrected", "warning"), ("X", "cancelled", "warning"),
        ("I", "registered", "warning"), ("", "unknown", "error"), ("Y", "unknown", "error"),
    ],
)  # fmt: skip
def test_status_of_the_report_for_results_without_one(obr_25: str, expected: str, issue: str) -> None:
    """OBX-11 empty: what OBR-25 means for an observation, and never `final` for want of both."""
    obr = segment("OBR", {3: "FL-1", 4: "X^x^L", 25: obr_25})
    found = told(read(f"{HEADER}\r{PATIENT}\r{obr}\rOBX|1|NM|X^x^L||5.0\r"))

    assert expected == found["lab_reports"][0]["reports"][0]["measurements"][0]["status"]
    assert f"{issue} required OBX[1]-11" in found["issues"]


def test_specimens_of_results() -> None:
    """The SPM before a result, else the one that OBX-33 names, else the only one of the order."""
    body = [
        "SPM|1|A-1&EHR||BLD",
        "SPM|2|B-1&EHR^B-2&LIS||UR",
    ]
    named = segment("OBX", {2: "NM", 3: "X^x^L", 5: "1", 11: "F", 33: "^B-2&LIS"})
    unnamed = segment("OBX", {2: "NM", 3: "Y^y^L", 5: "1", 11: "F"})

    after = report(OBR, *body, named, unnamed)["reports"][0]["measurements"]
    before = report(OBR, named, unnamed, *body)["reports"][0]["measurements"]
    only = report(OBR, unnamed, body[0])["reports"][0]["measurements"]

    second = "Specimen|EHR|#placer|B-1"
    assert [second, second] == [each["specimen"] for each in after]
    assert [second, None] == [each.get("specimen") for each in before]
    assert ["Specimen|EHR|#placer|A-1"] == [each["specimen"] for each in only]


@pytest.mark.parametrize(
    ("spm_2", "expected"),
    [
        ("S-1&EHR^S-2&LIS", "Specimen|EHR|#placer|S-1"),
        ("^S-2&LIS&1.2.3&ISO", "Specimen|urn:oid:1.2.3|#filler|S-2"),
        ("1", "Specimen|LIS|FL-1|#placer|1"),
        ("", "Specimen|LIS|FL-1|1|BLD|"),
    ],
)
def test_which_specimen(spm_2: str, expected: str) -> None:
    """SPM-2 with its assigner; without one it is a count within its order."""
    assert expected == report(OBR, f"SPM|1|{spm_2}||BLD")["reports"][0]["specimens"][0]["identity"]


def test_readers_belong_to_one_segment() -> None:
    """A segment read alone says what it says in a message."""
    text = parse(f"{HEADER}\r{PATIENT}\rPV1|1|I|||||||||||||||||V-1^^^WARD\r".encode(), channel=CHANNEL).value
    context = msh.context_of(text, CHANNEL)
    scopes = identities.sender(SegmentReader(text.header, context))

    assert "Patient|WARD|17" == facts(pid.read(SegmentReader(text.segments[1], context), scopes).identity)
    visit = pv1.read(SegmentReader(text.segments[2], context), scopes)
    assert visit is not None
    assert "Encounter|WARD|V-1" == facts(visit.identity)


def test_a_time_across_a_change_of_clocks_has_the_offset_of_its_own_day() -> None:
    """The header's offset, which is that of the channel's zone in summer, is not that of last winter."""
    channel = replace(CHANNEL, time_zone=ZoneInfo("Europe/Rome"))
    raw = "MSH|^~\\&|LIS|LAB|W|H|20260715120000+0200||ORU^R01|1|P|2.5.1\rOBR|1|||X|||20260115080000\r"
    text = parse(raw.encode(), channel=channel).value
    segment = SegmentReader(text.segments[1], msh.context_of(text, channel))

    assert Moment("2026-01-15T08:00:00+01:00") == times.dtm(segment.first(7))


def test_the_message_of_the_marker_tests_is_in_order() -> None:
    """What the marker tests change is all that is wrong with their message."""
    assert [] == told(read(message()))["issues"]
