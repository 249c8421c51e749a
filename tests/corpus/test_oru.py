"""Real-world messages through the reader: nothing raises, nothing is lost, every number arrives digit for digit.

The messages are not part of this project: set WARDWIRE_CORPORA to their folder.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mappers.domain.channels import Channel
from mappers.domain.issues import Mapped, Refused
from mappers.domain.ledger import Disposition
from mappers.domain.results import Measurement, Quantity
from mappers.hl7v2 import oru_r01
from mappers.hl7v2.datatypes.numbers import compared, decimal
from mappers.hl7v2.oru_r01 import Reading
from mappers.hl7v2.segments import msh
from mappers.hl7v2.tokens import Message, Segment, parse

ROOT = os.environ.get("WARDWIRE_CORPORA", "")
CHANNEL = Channel("corpus")
SUFFIXES = {".hl7", ".out", ".txt", ".ndhl7"}
START = re.compile(rb"(?:\A|(?<=[\r\n\x0b]))(?=MSH)")

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not ROOT, reason="set WARDWIRE_CORPORA to a folder of messages"),
]


def messages() -> Iterator[tuple[str, bytes]]:
    """Every message of every file, with its name."""
    for path in sorted(Path(ROOT).rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            parts = [part.strip(b"\x0b\x1c\r\n") for part in START.split(path.read_bytes())]
            for number, part in enumerate((part for part in parts if part), 1):
                yield f"{path.relative_to(ROOT)}#{number}", part


@cache
def read() -> tuple[tuple[str, Message, Mapped[Reading] | Refused], ...]:
    """Every message that has segments, and its reading or refusal."""
    found: list[tuple[str, Message, Mapped[Reading] | Refused]] = []
    for name, raw in messages():
        try:
            message = parse(raw, channel=CHANNEL).value
        except Refused:
            continue
        source = msh.source(message, channel=CHANNEL, sha256="0" * 64, size=len(raw))
        try:
            found.append((name, message, oru_r01.read(message, channel=CHANNEL, source=source)))
        except Refused as refusal:
            found.append((name, message, refusal))
    return tuple(found)


def readings() -> list[tuple[str, Message, Mapped[Reading]]]:
    """The messages that were read."""
    return [(name, message, reading) for name, message, reading in read() if isinstance(reading, Mapped)]


def results(reading: Reading) -> dict[str, Measurement]:
    """Results by the label of each OBX that they come from."""
    found: dict[str, Measurement] = {}
    for report in reading.lab_reports:
        measured = (result for one in report.reports for result in one.measurements)
        for each in (*report.loose, *report.supporting, *measured):
            found |= dict.fromkeys(each.origins, each)
    return found


def filed(reading: Reading) -> set[str]:
    """Labels of the OBX whose content is in a document."""
    documents = (each for report in reading.lab_reports for each in report.documents)
    return {attachment.origin for each in documents for attachment in each.attachments}


def quantities(value: Any) -> Iterator[Quantity]:
    """Every quantity in a value."""
    if isinstance(value, Quantity):
        yield value
    elif is_dataclass(value):
        for each in fields(value):
            yield from quantities(getattr(value, each.name))
    elif isinstance(value, tuple):
        for each in value:
            yield from quantities(each)


def sent(obx: Segment) -> list[tuple[str | None, str]]:
    """The numbers of an NM or SN, each with its comparator, as FHIR decimals."""
    found: list[tuple[str | None, str]] = []
    for repetition in obx.field(5).repetitions:
        if obx.get(2) == "NM":
            text = repetition.get().strip()
            number = decimal(text)
            pair = (None, number) if number is not None else compared(text)
            found += [pair] if pair else []
        elif obx.get(2) == "SN":
            numbers = [decimal(repetition.get(n).strip()) for n in (2, 4)]
            comparator = repetition.get(1).strip()
            marks = [comparator if comparator not in {"", "="} else None, None]
            found += [
                (mark, number) for mark, number in zip(marks, numbers, strict=True) if number is not None
            ]
    return found


def test_the_corpus_is_there() -> None:
    """Hundreds of results are read; a run over an empty folder proves nothing."""
    assert 700 < len(readings())


def test_every_oru_is_read_or_refused_with_a_place() -> None:
    """A refusal of an ORU names the segment that is missing; one of another type names MSH-9."""
    places: Counter[tuple[bool, str]] = Counter()
    for _, message, outcome in read():
        if isinstance(outcome, Refused):
            places[message.header.get(9, component=1) == "ORU", outcome.issue.location] += 1

    assert {(True, "PID[1]"), (False, "MSH[1]-9")} == set(places)


def test_every_refused_oru_holds_no_result() -> None:
    """What was refused had neither patient nor order nor result."""
    refused = [
        {segment.name for segment in message.segments}
        for _, message, outcome in read()
        if isinstance(outcome, Refused) and outcome.issue.location == "PID[1]"
    ]

    assert set() == {"PID", "ORC", "OBR", "OBX"} & set().union(*refused)


def test_every_segment_is_accounted_for() -> None:
    """One row a segment, and what is not mapped is kept on the source or spoken of in an issue."""
    wrong = []
    for name, message, reading in readings():
        ledger = reading.value.ledger
        labels = [segment.label for segment in message.segments]
        kept = [label for label, _ in reading.value.lab_reports[0].source.kept]
        located = {issue.location.partition("-")[0] for issue in reading.issues}
        rows = {each: [row.segment for row in ledger.rows if row.disposition is each] for each in Disposition}
        if (
            labels != [row.segment for row in ledger.rows]
            or kept != rows[Disposition.KEPT]
            or not set(rows[Disposition.REPORTED]) <= located
        ):
            wrong.append(name)

    assert [] == wrong


def test_every_number_and_unit_arrives() -> None:
    """100 % of NM and SN: digits, comparator and reported unit are in the result of their OBX."""
    lost, count = [], 0
    for name, message, reading in readings():
        found = results(reading.value)
        for obx in message.named("OBX"):
            for comparator, number in sent(obx):
                count += 1
                values = list(quantities((found[obx.label].value, found[obx.label].components)))
                unit = obx.get(6, component=1).strip()
                if not any(
                    (comparator, number) == (each.comparator, each.value)
                    and unit in {each.unit or "", each.code or ""}
                    for each in values
                ) and not _as_text(found[obx.label], number, unit):
                    lost.append(f"{name} {obx.label}")

    assert [] == lost
    assert 2000 < count


def _as_text(result: Measurement, number: str, unit: str) -> bool:
    """SN that FHIR has no type for (`2+`) is text, its unit within."""
    return isinstance(result.value, str) and number in result.value and unit in result.value


def test_every_other_value_and_unit_arrives() -> None:
    """Whatever OBX-2 says, OBX-5 has a result of its own or is kept, and OBX-6 is in it."""
    lost = []
    for name, message, reading in readings():
        found = results(reading.value)
        kept = {label for label, _ in reading.value.lab_reports[0].source.kept} | filed(reading.value)
        for obx in message.named("OBX"):
            result = found.get(obx.label)
            if result is None:
                lost += [] if obx.label in kept or not obx.raw(5) else [f"{name} {obx.label}"]
                continue
            unit = obx.get(6, component=1).strip()
            units = {each.unit for each in quantities((result.value, result.components, result.unit))}
            units |= {each.code for each in quantities((result.value, result.components))}
            if unit and unit not in units and not _as_text(result, "", unit):
                lost.append(f"{name} {obx.label} unit")
            if obx.raw(5).strip('^~&" ') and result.value is None and not result.components:
                lost.append(f"{name} {obx.label} value")

    assert [] == lost


def test_no_identity_stands_for_two_results() -> None:
    """Within a message each result and report has an identity of its own."""
    doubled = []
    for name, _, reading in readings():
        reports = [one.identity for each in reading.value.lab_reports for one in each.reports]
        measured = {id(each): each.identity for each in results(reading.value).values()}
        doubled += [
            name for each in (Counter(reports), Counter(measured.values())) if each and max(each.values()) > 1
        ]

    assert [] == doubled


def test_a_resend_is_the_same() -> None:
    """Reading twice gives the same identities, standings and ledger."""
    for name, raw in messages():
        try:
            pair = [parse(raw, channel=CHANNEL).value for _ in range(2)]
            source = msh.source(pair[0], channel=CHANNEL, sha256="0" * 64, size=len(raw))
            first, second = (oru_r01.read(each, channel=CHANNEL, source=source) for each in pair)
        except Refused:
            continue
        assert first == second, name
