"""Values as OBX-2, OBX-5 and OBX-6: each with its own type, every digit as it is.

| value | OBX-2 |
|---|---|
| Quantity · with a comparator, Ratio, Range | NM · SN |
| Range with one end | NR |
| SampledData | NA |
| Concept | CWE, before 2.5 CE |
| text · of several lines | ST · TX, a repetition for each line |
| day · Moment · TimeOfDay · Period | DT · DTM, before 2.6 TS · TM · DR |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from mappers.domain.coding import Coding, Concept
from mappers.domain.results import Measurement, Quantity, Range, Ratio, SampledData, Value
from mappers.domain.times import Moment, Period, TimeOfDay
from mappers.hl7v2.outbound import datatypes
from mappers.hl7v2.outbound.composer import Field, Repetition
from mappers.hl7v2.outbound.recipient import Recipient

_DAY: Final = len("YYYY-MM-DD")
_GAP: Final = "E"


@dataclass(frozen=True, slots=True)
class Written:
    """OBX-2, OBX-5 and OBX-6.

    Attributes:
        mixed: values of several types stand in one OBX, and all became text.
    """

    kind: str = ""
    value: Field = ""
    unit: Repetition = ""
    mixed: bool = False


def write(measurement: Measurement, recipient: Recipient) -> Written:
    """The value of a measurement, or its values."""
    values = measurement.components or (() if measurement.value is None else (measurement.value,))
    if not values:
        return Written(unit=_unit(measurement.unit))
    unit = _unit(next((found for each in values if (found := _quantity(each))), measurement.unit))
    if len(values) == 1:
        kind, value = _one(values[0], recipient)
        return Written(kind, value, unit)
    kinds = {_one(each, recipient)[0] for each in values}
    if kinds == {"NM", "SN"}:
        return Written("SN", [_structured(each) for each in values], unit)
    if len(kinds) > 1 or not kinds <= _REPEATING:
        return Written("ST", [_as_text(each) for each in values], unit, mixed=True)
    return Written(kinds.pop(), _flat([_one(each, recipient)[1] for each in values]), unit)


#: Types whose repetitions are values of their own; those of TX are lines, those of NA samples.
_REPEATING: Final = frozenset({"NM", "SN", "NR", "CWE", "CE", "ST", "DT", "DTM", "TS", "TM", "DR"})


def _flat(fields: Sequence[Field]) -> list[Repetition]:
    return [each for each in fields if isinstance(each, str | tuple)]


def _one(value: Value, recipient: Recipient) -> tuple[str, Field]:  # noqa: C901 - a row for each type
    match value:
        case Quantity(comparator=None):
            return "NM", value.value or ""
        case Quantity() | Ratio():
            return "SN", _structured(value)
        case Range():
            if value.low is not None and value.high is not None:
                return "SN", _structured(value)
            return "NR", (_number(value.low), _number(value.high))
        case SampledData():
            return "NA", _samples(value)
        case Concept():
            extended = recipient.since("2.5")
            return "CWE" if extended else "CE", datatypes.cwe(value, extended=extended)
        case str():
            return ("TX", datatypes.lines(value)) if "\n" in value else ("ST", value)
        case Moment():
            if len(value.text) == _DAY:
                return "DT", datatypes.dtm(value)
            return "DTM" if recipient.since("2.6") else "TS", datatypes.dtm(value)
        case TimeOfDay():
            return "TM", value.text.replace(":", "")
        case Period():
            return "DR", (datatypes.dtm(value.start), datatypes.dtm(value.end))
        case _:
            assert_never(value)


def _structured(value: Value) -> Repetition:
    """SN: comparator, number, separator, number."""
    match value:
        case Quantity():
            return (value.comparator or "", value.value or "")
        case Ratio():
            numerator = value.numerator
            return (numerator.comparator or "", _number(numerator), ":", _number(value.denominator))
        case Range():
            return ("", _number(value.low), "-", _number(value.high))
        case _:
            return _as_text(value)


def _number(quantity: Quantity | None) -> str:
    return (quantity.value or "") if quantity else ""


def _samples(value: SampledData) -> list[Repetition]:
    """One repetition per point in time, its components are the channels."""
    samples = ["" if sample == _GAP else sample for sample in value.data.split(" ")]
    width = value.dimensions
    return [tuple(samples[n : n + width]) for n in range(0, len(samples), width)]


def _quantity(value: Value) -> Quantity | None:
    """What carries the unit."""
    match value:
        case Quantity():
            return value
        case Range():
            return value.low or value.high
        case Ratio():
            return value.numerator
        case SampledData():
            return value.unit
        case _:
            return None


def _unit(quantity: Quantity | None) -> Repetition:
    """The UCUM code with the unit as reported for its words; without a code, the unit as reported."""
    if quantity is None or not (quantity.unit or quantity.code):
        return ""
    if quantity.code is None:
        return (quantity.unit or "",)
    return (quantity.code, quantity.unit or quantity.code, "UCUM")


def _as_text(value: Value) -> str:
    match value:
        case Quantity():
            return f"{value.comparator or ''}{value.value or ''}"
        case Concept():
            first = next(iter(value.codings), Coding(display="-"))
            return value.text or first.display or first.code or ""
        case Moment() | TimeOfDay():
            return value.text
        case str():
            return datatypes.words(value)
        case _:
            return show(value)


def show(value: Value) -> str:
    """A value with its unit as a person reads it, for reports that are text."""
    match value:
        case Quantity():
            return " ".join(part for part in (_as_text(value), value.unit or value.code) if part)
        case Range():
            low, high = (show(each) if each else "" for each in (value.low, value.high))
            return f"{low} - {high}".strip()
        case Ratio():
            return f"{_as_text(value.numerator)}:{show(value.denominator)}"
        case SampledData():
            return f"{len(value.data.split())} samples"
        case Period():
            return " - ".join(str(each) for each in (value.start, value.end) if each)
        case str():
            return value
        case _:
            return _as_text(value)
