"""OBX-7: reference ranges. The text always; bounds only where it is plainly a range in the value's unit."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from mappers.domain.results import Quantity, ReferenceRange, Value
from mappers.hl7v2.datatypes.numbers import decimal
from mappers.hl7v2.elements import Element, SegmentReader

_NUMBER: Final = r"[+-]?\d*\.?\d+"
_UNIT: Final = r"(?:\s*(\D.*))?"
_FLAGS: Final = re.ASCII | re.DOTALL
_BETWEEN: Final = re.compile(rf"({_NUMBER})\s*(?:-|\u2013|to)\s*({_NUMBER}){_UNIT}", _FLAGS)
_BELOW: Final = re.compile(rf"(?:<|<=|=<|≤)\s*({_NUMBER}){_UNIT}", _FLAGS)
_ABOVE: Final = re.compile(rf"(?:>|>=|=>|≥)\s*({_NUMBER}){_UNIT}", _FLAGS)


def read(obx: SegmentReader, value: Value | None) -> tuple[ReferenceRange, ...]:
    """The reference ranges of a value."""
    unit = value if isinstance(value, Quantity) else None
    found = (_range(element, unit) for element in obx.all(7))
    return tuple(each for each in found if each)


def _range(element: Element, value: Quantity | None) -> ReferenceRange | None:
    text = element.text()
    if text is None:
        return None
    low, high = _bounds(text, value) if value else (None, None)
    return ReferenceRange(text, low, high)


def _bounds(text: str, value: Quantity) -> tuple[Quantity | None, Quantity | None]:
    """`a-b`, `<b` and `>a`, the unit of the value behind them or nothing; else no bounds.

    FHIR bounds are inclusive: that `<` and `<=` differ stays in the text.
    """
    match = _BETWEEN.fullmatch(text)
    if match:
        low, high = decimal(match[1]), decimal(match[2])
        if low is None or high is None or Decimal(low) > Decimal(high):
            return None, None
        return (_bound(low, value), _bound(high, value)) if _same(match[3], value) else (None, None)
    match = _BELOW.fullmatch(text)
    if match and _same(match[2], value):
        return None, _bound(decimal(match[1]), value)
    match = _ABOVE.fullmatch(text)
    if match and _same(match[2], value):
        return _bound(decimal(match[1]), value), None
    return None, None


def _same(unit: str | None, value: Quantity) -> bool:
    return unit is None or unit.strip() in {value.unit, value.code}


def _bound(number: str | None, value: Quantity) -> Quantity | None:
    return Quantity(number, unit=value.unit, code=value.code) if number is not None else None
