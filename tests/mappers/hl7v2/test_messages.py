"""Every kind of message: fixtures read as written down, the table of readers, what is refused, what FHIR becomes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mappers.domain.attribution import Software
from mappers.domain.issues import Refused
from mappers.domain.ledger import Disposition
from mappers.domain.times import Moment
from mappers.fhir import r4, result_bundle
from mappers.hl7v2 import messages
from mappers.hl7v2.tokens import parse
from tests.mappers.hl7v2.facts import CHANNEL, read, told

FIXTURES = Path(__file__).parents[3] / "fixtures"
CASES = sorted(
    f"{path.parent.name}/{path.stem}"
    for path in FIXTURES.glob("*/*.hl7")
    if path.with_suffix(".facts.json").exists()
)
HEADER = "MSH|^~\\&|EHR|WARDHOSP|LIS|WARDLAB|20261122120000+0100||{}|1|T|2.5.1"
PATIENT = "PID|1||17^^^WARDHOSP^MR||Rossi^Giulia"
ORDER = f"{PATIENT}\rORC|NW|PL-1^EHR\rOBR|1|PL-1^EHR||24323-8^Panel^LN"
DOCUMENT = f"{PATIENT}\rTXA|1|DS|TX|||||||||DOC-1^DMS|||||LA\rOBX|1|TX|T^t^L||words||||||F"


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    """The message says what its facts say."""
    expected = json.loads((FIXTURES / f"{case}.facts.json").read_text("utf-8"))

    assert expected == told(read((FIXTURES / f"{case}.hl7").read_bytes()))


@pytest.mark.parametrize("case", CASES)
def test_every_segment_has_its_row(case: str) -> None:
    """In = mapped + kept + reported, one row a segment; what was kept is on the source, verbatim."""
    raw = (FIXTURES / f"{case}.hl7").read_bytes()
    reading = read(raw).value
    segments = parse(raw, channel=CHANNEL).value.segments

    assert [each.label for each in segments] == [row.segment for row in reading.ledger.rows]
    kept = {row.segment for row in reading.ledger.rows if row.disposition is Disposition.KEPT}
    assert [(each.label, each.text) for each in segments if each.label in kept] == list(
        reading.lab_reports[0].source.kept
    )


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_valid_and_accounted_for(case: str) -> None:
    """Every resource is valid R4, all references are in the bundle, and each mapped segment has a FHIR path."""
    reading = read((FIXTURES / f"{case}.hl7").read_bytes()).value
    traced: set[str] = set()
    for report in reading.lab_reports:
        written = result_bundle.write(
            report, software=Software("Wardwire", "1"), recorded=Moment("2026-11-22T12:00:00Z")
        )
        traced |= {label for label, _ in written.trace}
        entries = {_reference(e.resource) for e in written.entries}
        references = set(re.findall(r'"reference":"([^"#]+)"', r4.encode(written.bundle()).decode()))

        assert [] == [each for each in written.issues if each.severity in {"error", "fatal"}]
        earlier = {_reference(each.resource) for each in written.entries if each.promotes}
        assert not references & (entries - earlier)
        assert {each for each in references if not each.startswith("urn:uuid:")} == {
            each for each in references if each.startswith("DocumentReference/") or each in earlier
        }
        assert not [each for each in r4.validate(written.bundle()) if each.severity == "error"]
    mapped = {row.segment for row in reading.ledger.rows if row.disposition is Disposition.MAPPED}
    assert mapped <= traced


def _reference(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


@pytest.mark.parametrize(
    ("msh_9", "body"),
    [
        *((f"ORU^{event}", ORDER) for event in ("R01", "R30", "R31", "R32", "R40")),
        *((f"OUL^{event}", ORDER) for event in ("R21", "R22", "R23", "R24")),
        ("ORM^O01", ORDER),
        ("ORM", ORDER),
        ("OMG^O19", ORDER),
        ("OMI^O23^OMI_O23", ORDER),
        *((f"OML^{event}", ORDER) for event in ("O21", "O33", "O35", "O39")),
        ("^^OML_O21", ORDER),
        *((f"MDM^T{event:02}", DOCUMENT) for event in range(1, 12)),
    ],
)
def test_the_table_of_readers(msh_9: str, body: str) -> None:
    """Each type and event has a reader, with or without the structure of MSH-9.3."""
    found = read(f"{HEADER.format(msh_9)}\r{body}\r").value.lab_reports[0]

    assert 1 == len(found.reports) + len(found.orders) + len(found.documents)


@pytest.mark.parametrize(
    ("msh_9", "code"),
    [
        ("ADT^A01", "201"), ("ORM^O02", "201"), ("MDM^T12", "201"), ("MDM", "201"), ("OML^O22", "201"),
        ("OUL^R25", "201"), ("", "200"), ("ORR^O02", "200"), ("RDE^O11", "200"),
    ],
)  # fmt: skip
def test_what_nothing_reads_is_refused_by_its_type(msh_9: str, code: str) -> None:
    """Located at MSH-9, so that it is kept and answered by the channel's policy."""
    with pytest.raises(Refused) as refusal:
        read(f"{HEADER.format(msh_9)}\r{ORDER}\r")

    assert ("MSH[1]-9", code) == (refusal.value.issue.location, refusal.value.issue.hl7_error)


@pytest.mark.parametrize("code", sorted(messages.READERS))
def test_a_message_with_nothing_to_read_is_refused(code: str) -> None:
    """Neither patient nor order, result or document."""
    event = {
        "ORU": "R01",
        "OUL": "R22",
        "ORM": "O01",
        "OMG": "O19",
        "OMI": "O23",
        "OML": "O21",
        "MDM": "T02",
        "ADT": "A40",
    }
    with pytest.raises(Refused) as refusal:
        read(f"{HEADER.format(f'{code}^{event[code]}')}\rZZZ|1\r")

    assert ("PID[1]", "100") == (refusal.value.issue.location, refusal.value.issue.hl7_error)


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.6", "2.7.1", "2.8.2", ""])
def test_every_version_is_read(version: str) -> None:
    """The grammar has grown with the versions and never changed what stood before."""
    header = HEADER.format("ORM^O01").replace("|2.5.1", f"|{version}")

    assert 1 == len(read(f"{header}\r{ORDER}\r").value.lab_reports[0].orders)


@pytest.mark.parametrize("mapped", [True, False])
def test_questions_at_order_entry_support_the_order(*, mapped: bool) -> None:
    """OBX-29 QST and SCI in a result message are no results of it, and the same thing as in the order."""
    obx = f"OBX|1|CWE|FAST^Fasting^L||Y||||||F{'|' * 18}{'QST' if mapped else 'RSLT'}"
    asked = read(f"{HEADER.format('OML^O21')}\r{ORDER}\r{obx}\r").value.lab_reports[0]
    told_again = read(
        f"{HEADER.format('ORU^R01')}\r{ORDER.replace('||24323', '|FL-1^LIS|24323')}\r{obx}\r"
    ).value.lab_reports[0]

    assert [each.identity for each in asked.supporting] == list(asked.orders[0].supporting)
    if mapped:
        assert [each.identity for each in told_again.supporting] == [
            each.identity for each in asked.supporting
        ]
        assert () == told_again.reports[0].measurements
    else:
        assert () == told_again.supporting
        assert 1 == len(told_again.reports[0].measurements)


def test_the_order_of_an_order_and_of_its_result_is_one() -> None:
    """The placer number and the test join them, whatever else each of them knows."""
    order = read(f"{HEADER.format('ORM^O01')}\r{ORDER}\r").value.lab_reports[0].orders[0]
    result = (
        read(f"{HEADER.format('ORU^R01')}\r{ORDER.replace('||24323', '|FL-1^LIS|24323')}\r")
        .value.lab_reports[0]
        .reports[0]
    )

    assert result.order is not None
    assert order.identity == result.order.identity
    assert (False, True) == (order.mentioned, result.order.mentioned)
