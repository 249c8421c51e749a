"""Facts of our FHIR beside other vendors' for the same message: equal, or different for a reason that is listed.

Compared are what a reader acts on: code, value, unit and status of results, and every identifier. Never ids,
extensions or the choice of a resource.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from integration.flows.convert import convert
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.times import Moment
from tests.corpus.test_oru import ROOT

Node = dict[str, Any]
COMPARED = ("Patient", "ServiceRequest", "DiagnosticReport", "Specimen", "DocumentReference")

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not ROOT, reason="set WARDWIRE_CORPORA to a folder of messages"),
]


class Difference(NamedTuple):
    """One fact of theirs that ours does not have so."""

    file: str
    kind: str
    theirs: str
    ours: str = ""


#: (kind, file, their value, our value) as patterns -> why ours is right, or what is not read and where it stays.
REASONS = (
    ("refused", ".*", ".*", "PID.*", "a fragment: MSH alone, or with segments that need a patient or order"),
    ("status", ".*", "unknown", "registered", "OBX-11 O has no target in the guide: order detail is registered"),
    ("status", ".*", "unknown", "preliminary|preliminary,registered", "OBX-11 S, R: no target in the guide"),
    ("status", "CDCgov.*", "unknown", "final|registered", "they leave out what OBX-11 says, or read OBR-25 never"),
    ("code", ".*/MDM-T.*", ".*", ".*", "text of a document with a TXA is the document, not a row of results"),
    ("DocumentReference", ".*/O(UL|RU)-.*", ".*", ".*", "TXA has no place in ORU and OUL: kept on the Provenance"),
    ("Patient", ".*", "M[BI]-.*|Medicare-.*", ".*", "IN2 names the policy, not the patient: kept"),
    (".*", ".*", ".*&L", ".*", "subcomponents within ORC-4 are two identifiers (EIP), not one with an ampersand"),
    ("Specimen", ".*", "20\\d\\d(-PA?T.*)?|380604|Entity Identifier", ".*", "SPM-3 is the number of another specimen, the parent: Specimen.parent"),
    ("Specimen", ".*", "PAI12", ".*", "an order number (OBR-2), not the specimen's"),
)  # fmt: skip


def pairs() -> Iterator[tuple[str, bytes, list[Node]]]:
    """Message and the resources that the other vendor made of it; files of several messages are left out."""
    root = Path(ROOT)
    with (root / "pairs.csv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            raw = (root / row["input"]).read_bytes()
            raw = raw[raw.find(b"MSH") :]
            if len(re.findall(rb"(?:\A|[\r\n])MSH", raw)) > 1 or not row["expected"].endswith(
                (".fhir", ".json")
            ):
                continue
            text = (root / row["expected"]).read_text("utf-8-sig")
            try:
                bundle = json.loads(text, parse_float=Decimal, strict=False)
            except ValueError:
                continue  # the guide authors' own sample is no JSON
            yield row["input"], raw, [each["resource"] for each in bundle["entry"] if "resource" in each]


def words(concept: Node | None) -> set[str]:
    """Every code and text of a concept."""
    concept = concept or {}
    found = {str(each["code"]) for each in concept.get("coding", ()) if each.get("code")}
    return found | ({concept["text"]} if concept.get("text") else set())


def values(observation: Node, name: str) -> list[Any]:
    """A value of an observation or of its components."""
    return [each[name] for each in (observation, *observation.get("component", ())) if name in each]


def identifiers(resource: Node) -> set[str]:
    """Every number that a resource bears or refers to."""
    found = list(resource.get("identifier", ()))
    found += [resource.get(name, {}) for name in ("accessionIdentifier", "requisition", "masterIdentifier")]
    found += [each.get("identifier", {}) for each in resource.get("basedOn", ())]
    return {each["value"] for each in found if each.get("value")}


def compared(file: str, theirs: Node, ours: list[Node]) -> Iterator[Difference]:
    """What ours does not have of one result of theirs."""
    codes = words(theirs.get("code"))
    same = [each for each in ours if words(each["code"]) & codes or not codes]
    if not same:
        yield Difference(file, "code", ",".join(sorted(codes)))
        return
    quantity = theirs.get("valueQuantity", {})
    if quantity.get("value") is not None:
        same = [each for each in same if any(_equal(each, quantity))]
        if not same:
            yield Difference(file, "number", "")
            return
        units = {quantity.get("unit"), quantity.get("code")} - {None, ""}
        found = [each for one in same for each in values(one, "valueQuantity")]
        if units and not any({each.get("unit"), each.get("code")} & units for each in found):
            yield Difference(file, "unit", ",".join(sorted(units)))
    coded = words(theirs.get("valueCodeableConcept"))
    if coded and not any(
        words(value) & coded for one in same for value in values(one, "valueCodeableConcept")
    ):
        yield Difference(file, "coded", ",".join(sorted(coded)))
    statuses = {each["status"] for each in same}
    if theirs["status"] not in statuses:
        yield Difference(file, "status", theirs["status"], ",".join(sorted(statuses)))


def _equal(ours: Node, quantity: Node) -> Iterator[bool]:
    for each in values(ours, "valueQuantity"):
        yield each.get("value") is not None and Decimal(str(each["value"])) == Decimal(str(quantity["value"]))


@cache
def differences() -> tuple[tuple[Difference, ...], Counter[str]]:
    """Every difference, and how much was compared."""
    found: list[Difference] = []
    count: Counter[str] = Counter()
    for file, raw, theirs in pairs():
        conversion = convert(
            raw,
            channel=Channel("corpus"),
            software=Software("Wardwire", "1"),
            recorded=Moment("2026-11-22T12:00:00Z"),
        )
        count["pairs"] += 1
        if conversion.written is None:
            found.append(Difference(file, "refused", "", conversion.issues[-1].location))
            continue
        ours = [each.resource for each in conversion.written.entries]
        observations = [each for each in ours if each["resourceType"] == "Observation"]
        numbers = set().union(*map(identifiers, ours))
        for each in theirs:
            if each["resourceType"] == "Observation":
                count["results"] += 1
                count["numbers"] += each.get("valueQuantity", {}).get("value") is not None
                found += compared(file, each, observations)
            elif each["resourceType"] in COMPARED:
                held = identifiers(each)
                count["identifiers"] += len(held)
                found += [Difference(file, each["resourceType"], one) for one in sorted(held - numbers)]
    return tuple(found), count


def reason(difference: Difference) -> str | None:
    """Why ours is different."""
    for kind, file, theirs, ours, why in REASONS:
        patterns = (
            (kind, difference.kind),
            (file, difference.file),
            (theirs, difference.theirs),
            (ours, difference.ours),
        )
        if all(re.fullmatch(pattern, text) for pattern, text in patterns):
            return why
    return None


def test_enough_is_compared() -> None:
    """A comparison of nothing proves nothing."""
    _, count = differences()

    assert 150 < count["pairs"]
    assert 90 <= count["results"]
    assert 300 < count["identifiers"]


def test_numbers_and_coded_values_are_theirs() -> None:
    """No difference at all in numbers, units and coded values."""
    found, count = differences()

    assert [] == [each for each in found if each.kind in {"number", "unit", "coded"}]
    assert 0 < count["numbers"]


def test_every_difference_has_its_reason() -> None:
    """Where theirs says otherwise, the table says why."""
    found, _ = differences()

    assert [] == [each for each in found if reason(each) is None]


def test_every_reason_is_needed() -> None:
    """A row of the table that explains nothing is out of date."""
    found, _ = differences()

    assert {why for *_, why in REASONS} == {reason(each) for each in found} - {None}
