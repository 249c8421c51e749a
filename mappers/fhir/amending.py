"""A result or a report with what a named person says in its place.

| what was there | what they write | becomes |
|---|---|---|
| a quantity | a number, with or without comparator | that number, digit for digit, in the same unit |
| a quantity | a number and another unit | that number, the unit as text: nobody guesses its code |
| a concept (a finding) | words | those words, without a code |
| anything else | words | valueString |
| a section, a conclusion, a transcript | words | those words, without places: they come from a person |
| anything | the same as before | nothing changes |

What was said of an old value goes with it: its flag, its reason for being absent. Pure.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from mappers.fhir import attachment, labels, spoken
from mappers.fhir.datatypes import text
from mappers.fhir.judged_report import SECTION

Node = dict[str, Any]

CONCLUSION, TRANSCRIPT = "conclusion", "transcript"
_IMPRESSION = "impression"
_NUMBER = re.compile(r"(<=|>=|≤|≥|<|>)?\s*([+-]?\d{1,30}(?:\.\d{1,30})?)(?:\s+(\S.{0,60}))?")
_COMPARATORS = {"≤": "<=", "≥": ">="}


def editable(observation: Node) -> str:
    """The value as a person may write it in its place: without the unit that it keeps."""
    quantity = observation.get("valueQuantity")
    if quantity and "value" in quantity:
        return f"{quantity.get('comparator', '')}{spoken.number(quantity['value'])}"
    return spoken.value(observation)


def unit(observation: Node) -> str:
    """The unit that a number in its place keeps."""
    quantity = observation.get("valueQuantity", {})
    return str(quantity.get("unit") or quantity.get("code") or "")


def words(resource: Node) -> dict[str, tuple[str, str]]:
    """What a person may word anew: by key, its title and its words now."""
    if resource["resourceType"] == "DocumentReference":
        return {TRANSCRIPT: ("Transcript", spoken.plain_text(resource))}
    found = {}
    for extension in _sections(resource):
        parts = {part["url"]: part for part in extension["extension"] if part["url"] != "sentence"}
        key, title = parts["key"]["valueCode"], parts["title"]["valueString"]
        found[key] = (title, " ".join(_sentences(extension)))
    if _IMPRESSION not in found and resource.get("conclusion"):
        found[CONCLUSION] = ("Conclusion", resource["conclusion"])
    return found


def changed(observation: Node, said: str) -> Node | None:
    """The Observation with this value; None when that is what it says already, or nothing.

    Args:
        observation: as it is.
        said: as a person wrote it.
    """
    value = text(said.strip())
    if value is None or value in {editable(observation), spoken.value(observation)}:
        return None
    kept = {name: node for name, node in observation.items() if not _goes(name)}
    return labels.labelled({**kept, **_value(observation, value)}, labels.CLINAST)


def worded(resource: Node, key: str, said: str) -> Node | None:
    """The report or transcript with these words under a key of `words`; None when they are the same."""
    value = text("\n".join(line.rstrip() for line in said.strip().splitlines()))
    before = words(resource)
    if value is None or key not in before or value == before[key][1].strip():
        return None
    return labels.labelled(_reworded(resource, key, value), labels.CLINAST)


def without(report: Node, struck: set[str]) -> Node:
    """The report without these results."""
    left = [each for each in report.get("result", []) if each["reference"] not in struck]
    rest = {name: node for name, node in report.items() if name != "result"}
    return {**rest, "result": left} if left else rest


def _reworded(resource: Node, key: str, value: str) -> Node:
    if key == TRANSCRIPT:
        title = resource["content"][0]["attachment"].get("title")
        written = {**attachment.plain_text(value), **({"title": title} if title else {})}
        return {**resource, "content": [{"attachment": written}]}
    if key == CONCLUSION:
        return {**resource, "conclusion": value}
    sections = [_section(each, value) if _key(each) == key else each for each in resource["extension"]]
    concluded = {"conclusion": value} if key == _IMPRESSION else {}
    return {**resource, "extension": sections, **concluded}


def _section(extension: Node, value: str) -> Node:
    head = [part for part in extension["extension"] if part["url"] != "sentence"]
    sentence = {"url": "sentence", "extension": [{"url": "text", "valueString": value}]}
    return {**extension, "extension": [*head, sentence]}


def _sections(report: Node) -> list[Node]:
    return [each for each in report.get("extension", []) if each["url"] == SECTION]


def _key(extension: Node) -> str:
    if extension["url"] != SECTION:
        return ""
    return str(next(part["valueCode"] for part in extension["extension"] if part["url"] == "key"))


def _sentences(extension: Node) -> list[str]:
    return [
        part["valueString"]
        for sentence in extension["extension"]
        if sentence["url"] == "sentence"
        for part in sentence["extension"]
        if part["url"] == "text"
    ]


def _goes(name: str) -> bool:
    plain = name.removeprefix("_")
    return plain.startswith("value") or plain in {"dataAbsentReason", "interpretation"}


def _value(observation: Node, said: str) -> Node:
    number = _NUMBER.fullmatch(said)
    if "valueQuantity" in observation and number:
        return {"valueQuantity": _quantity(observation["valueQuantity"], number)}
    if "valueCodeableConcept" in observation:
        return {"valueCodeableConcept": {"text": said}}
    return {"valueString": said}


def _quantity(before: Node, number: re.Match[str]) -> Node:
    comparator, digits, unit_said = number.groups()
    compared: Node = {"comparator": _COMPARATORS.get(comparator, comparator)} if comparator else {}
    value: Decimal | int = Decimal(digits) if "." in digits else int(digits)
    if unit_said and unit_said.strip() not in {before.get("unit"), before.get("code")}:
        return {"value": value, **compared, "unit": unit_said.strip()}
    same: Node = {name: before[name] for name in ("unit", "system", "code") if name in before}
    return {"value": value, **compared, **same}
