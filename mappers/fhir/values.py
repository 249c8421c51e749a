"""Observation.value[x] from what OBX-5 meant (v2-to-FHIR, OBX[Observation], table 0125)."""

from __future__ import annotations

from typing import Any

from mappers.domain.coding import Concept
from mappers.domain.issues import IssueCode
from mappers.domain.results import Quantity, Range, Ratio, SampledData, Value
from mappers.domain.times import Moment, Period, TimeOfDay
from mappers.fhir.account import Account
from mappers.fhir.datatypes import absent, concept, is_ordered, period, pruned, quantity, range_, text, unit
from mappers.fhir.primitives import MAX_STRING

Node = dict[str, Any]


def write(value: Value, account: Account) -> Node:
    """The one element that carries the value, `{"valueQuantity": …}`, or nothing when it says nothing."""
    name, written = _branch(value, account)
    return {f"value{name}": written} if written else {}


def _branch(value: Value, account: Account) -> tuple[str, Any]:
    if isinstance(value, Quantity):
        return "Quantity", quantity(value, account)
    if isinstance(value, str):
        return "String", _words(value, account)
    if isinstance(value, Concept):
        return "CodeableConcept", concept(value, account)
    if isinstance(value, Moment):
        return "DateTime", value.text
    if isinstance(value, TimeOfDay):
        return "Time", value.text
    if isinstance(value, Period):
        return "Period", period(value, account, element="value")
    if isinstance(value, Range):
        return _range(value, account)
    if isinstance(value, Ratio):
        return _ratio(value, account)
    return "SampledData", _samples(value, account)


def _words(value: str, account: Account) -> str | None:
    if len(value) > MAX_STRING:
        said = "a FHIR string ends at 1 MiB: the rest is in the message only"
        account.lose(IssueCode.TOO_LONG, said, element="value")
    return text(value)


def _range(value: Range, account: Account) -> tuple[str, Any]:
    """A Range, or its words when its bounds are no range to FHIR (rng-2, sqty-1)."""
    bounds = [bound for bound in (value.low, value.high) if bound is not None]
    if is_ordered(value.low, value.high) and all(bound.comparator is None for bound in bounds):
        return "Range", range_(value, account)
    account.forgave(IssueCode.INVARIANT, "these bounds are no FHIR Range: written as text")
    return "String", text(" - ".join(_spoken(bound) for bound in bounds))


def _ratio(value: Ratio, account: Account) -> tuple[str, Any]:
    over, under = quantity(value.numerator, account), quantity(value.denominator, account)
    if over and under:
        return "Ratio", {"numerator": over, "denominator": under}
    return "String", text(_spoken(value.numerator) or _spoken(value.denominator))


def _spoken(value: Quantity) -> str:
    """A quantity in words, as the sender wrote it."""
    number = f"{value.comparator or ''}{value.value or ''}"
    return " ".join(part for part in (number, value.unit or value.code or "") if part)


def _samples(value: SampledData, account: Account) -> Node | None:
    """SampledData. NA has no sampling period: R4 requires one, so it is said to be unknown."""
    data = text(" ".join(value.data.split()))
    if data is None:
        return None
    return pruned(
        {
            "origin": {"value": 0, **(unit(value.unit, account) or {})},
            "_period": {"extension": absent()},
            "dimensions": max(value.dimensions, 1),
            "data": data,
        }
    )
