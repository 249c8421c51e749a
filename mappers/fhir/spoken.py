"""Elements of resources in the words of people: what stands on a page, in the digits that were stored."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from mappers.fhir.codec import decimal_text

Node = dict[str, Any]


def number(value: Any) -> str:
    """A number with the digits it has."""
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def concept(node: Node | None) -> str:
    """The text of a CodeableConcept, else the name of its first coding that has one, else a code."""
    if not node:
        return ""
    codings = node.get("coding", [])
    named = next((each["display"] for each in codings if each.get("display")), "")
    return str(node.get("text") or named or next((each["code"] for each in codings if each.get("code")), ""))


def quantity(node: Node) -> str:
    """Comparator, digits and unit: `<9 ng/mL`."""
    digits = number(node["value"]) if "value" in node else ""
    return f"{node.get('comparator', '')}{digits} {node.get('unit') or node.get('code') or ''}".strip()


def value(resource: Node) -> str:
    """The value of an Observation or of a component; why there is none where it says so."""
    for name, node in resource.items():
        if name.startswith("value") and not name.startswith("_"):
            return _branch(name.removeprefix("value"), node)
    reason = concept(resource.get("dataAbsentReason"))
    return f"no result ({reason})" if reason else ""


def _branch(kind: str, node: Any) -> str:
    if kind == "Quantity":
        return quantity(node)
    if kind == "CodeableConcept":
        return concept(node)
    if kind == "Range":
        return " - ".join(quantity(node[bound]) for bound in ("low", "high") if bound in node)
    if kind == "Ratio":
        return " / ".join(quantity(node[part]) for part in ("numerator", "denominator") if part in node)
    if kind == "Period":
        return period(node)
    if kind == "SampledData":
        return str(node.get("data", ""))
    if isinstance(node, bool):
        return "yes" if node else "no"
    return str(node)


def period(node: Node) -> str:
    """From when to when: `2026-11-22 to 2026-11-23`."""
    return " to ".join(moment(node[end]) for end in ("start", "end") if end in node)


def moment(text: str) -> str:
    """A FHIR date or time as people write it, its zone kept: seconds' fractions are left out."""
    day, clock, rest = text.partition("T")
    if not clock:
        return day
    whole, zone = rest, ""
    for sign in ("Z", "+", "-"):
        if sign in rest:
            at = rest.index(sign)
            whole, zone = rest[:at], "UTC" if sign == "Z" else rest[at:]
            break
    return f"{day} {whole.partition('.')[0]} {zone}".strip()


def effective(resource: Node) -> str:
    """When it is about."""
    if "effectivePeriod" in resource:
        return period(resource["effectivePeriod"])
    said = resource.get("effectiveDateTime") or resource.get("effectiveInstant")
    return moment(said) if said else ""


def ranges(resource: Node) -> str:
    """The reference ranges."""
    return "; ".join(filter(None, (_range(each) for each in resource.get("referenceRange", []))))


def _range(node: Node) -> str:
    if node.get("text"):
        return str(node["text"])
    return _branch("Range", node)


def person(resource: Node) -> str:
    """The name: `ROSSI, Maria`; empty where none is known."""
    for name in resource.get("name", []):
        if name.get("text"):
            return str(name["text"])
        given = " ".join(name.get("given", []))
        if name.get("family") or given:
            return ", ".join(part for part in (name.get("family"), given) if part)
    return ""


def identifiers(nodes: Iterable[Node]) -> str:
    """Numbers and what they are: `WW-100417 (MR), 8812 (PI)`."""
    written = []
    for node in nodes:
        kind = concept(node.get("type")) or node.get("assigner", {}).get("display", "")
        if node.get("value"):
            written.append(f"{node['value']} ({kind})" if kind else str(node["value"]))
    return ", ".join(written)


def plain_text(document: Node) -> str:
    """The words of a DocumentReference that has them as plain text."""
    for content in document.get("content", []):
        attachment = content["attachment"]
        if str(attachment.get("contentType", "")).startswith("text/plain") and "data" in attachment:
            return base64.b64decode(attachment["data"]).decode("utf-8", "replace")
    return ""
