"""Values of Observations as facts: Quantity, Concept, text, Range, Ratio, times. The counterpart of `values`.

Numbers keep their digits. Lenient: what is not of FHIR's form counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mappers.domain.coding import UCUM, Coding, Concept
from mappers.domain.results import Quantity, Range, Ratio, Value
from mappers.domain.times import Moment, Period, TimeOfDay
from mappers.fhir import datatypes_reader as types
from mappers.fhir import spoken

Node = dict[str, Any]

_YES_NO: Final = "http://terminology.hl7.org/CodeSystem/v2-0136"


def value(node: Node) -> Value | None:  # noqa: C901 - a row for each type
    """The value of an Observation; None where it has none."""
    if "valueQuantity" in node:
        return quantity(node["valueQuantity"])
    if "valueCodeableConcept" in node:
        return types.concept(node["valueCodeableConcept"])
    if "valueString" in node:
        return types.text(node["valueString"])
    if "valueBoolean" in node:
        code, display = ("Y", "Yes") if node["valueBoolean"] else ("N", "No")
        return Concept((Coding(code, _YES_NO, display),))
    if "valueInteger" in node:
        return Quantity(str(node["valueInteger"]))
    if "valueRange" in node:
        bounds = types.node(node["valueRange"])
        return Range(*(quantity(bounds[name]) if name in bounds else None for name in ("low", "high")))
    if "valueRatio" in node:
        ratio = types.node(node["valueRatio"])
        if "numerator" in ratio and "denominator" in ratio:
            return Ratio(quantity(ratio["numerator"]), quantity(ratio["denominator"]))
    if "valueDateTime" in node:
        return types.moment(node["valueDateTime"])
    if "valueTime" in node:
        return TimeOfDay(node["valueTime"])
    if "valuePeriod" in node:
        return period(node["valuePeriod"])
    return None


def quantity(node: Any) -> Quantity:
    """A Quantity; its code counts only as UCUM."""
    one = types.node(node)
    return Quantity(
        value=spoken.number(one["value"]) if "value" in one else None,
        comparator=types.text(one.get("comparator")),
        unit=types.text(one.get("unit")),
        code=types.text(one.get("code")) if one.get("system") == UCUM else None,
    )


def period(value: Any) -> Period | None:
    """A Period that has an end or a start."""
    one = types.node(value)
    start, end = types.moment(one.get("start")), types.moment(one.get("end"))
    return Period(start, end) if start or end else None


def effective(resource: Mapping[str, Any]) -> Moment | Period | None:
    """effective[x]."""
    if "effectivePeriod" in resource:
        return period(resource["effectivePeriod"])
    return types.moment(resource.get("effectiveDateTime")) or types.moment(resource.get("effectiveInstant"))
