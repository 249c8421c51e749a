"""OBX-5 by the type in OBX-2, with the unit of OBX-6. No value is lost: what a type cannot say stays text.

Standard: v2-to-FHIR 1.0.0 OBX[Observation], OBX[Observation-Component]; table 0125.

| OBX-2 | value | when it is not that |
|---|---|---|
| NM | Quantity (`<5` with a comparator) | text, error |
| SN | Quantity, Ratio, Range, text (`numbers.sn`) | text, error |
| CE CWE CNE CF IS ID | Concept, both triplets and the original text | text, error |
| ST | text; Quantity where the channel says `text_numbers` | |
| TX FT | text, repetitions are lines | |
| DT DTM TS · TM · DR | Moment · TimeOfDay · Period | text, error |
| NR · NA | Range · SampledData | text, error |
| VR | text `a-b` | |
| ED RP | a document: not read here | |
| empty, EI, any other | text of the field as it came, warning | |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mappers.domain.issues import IssueCode
from mappers.domain.results import Quantity, Range, Ratio, SampledData, Value
from mappers.hl7v2.datatypes import codes, numbers, texts, times
from mappers.hl7v2.datatypes.unit import Unit, unit_of
from mappers.hl7v2.elements import Element, SegmentReader

#: Types whose values are documents.
DOCUMENTS: Final = frozenset({"ED", "RP"})
#: Types of running text, which may go on over several OBX.
TEXTS: Final = frozenset({"TX", "FT", "ST"})
#: Those of them that are lines by their type.
LINES: Final = frozenset({"TX", "FT"})


@dataclass(frozen=True, slots=True)
class Observed:
    """What OBX-5 and OBX-6 say.

    Attributes:
        value: of an OBX-5 that does not repeat.
        components: the values of one that does.
        absent_reason: FHIR data-absent-reason code, when there is no value.
        unit: OBX-6 where no value carries it.
    """

    value: Value | None = None
    components: tuple[Value, ...] = field(default=())
    absent_reason: str | None = None
    unit: Quantity | None = None


def kind(obx: SegmentReader) -> str:
    """The type in OBX-2, in capitals; empty when there is none. Takes nothing."""
    return (obx.first(2).peek(1) or "").upper()


def read(obx: SegmentReader, further: tuple[SegmentReader, ...] = ()) -> Observed:
    """The value of an OBX.

    Args:
        obx: the segment.
        further: segments whose text goes on where this one's ends.
    """
    own = kind(obx)
    unit = unit_of(obx.first(6))
    present = obx.all(5)
    if not present and not further:
        return Observed(absent_reason="unknown", unit=_unit_alone(unit))
    if own in LINES or further:
        text = "\n".join(texts.lines(each, 5) or "" for each in (obx, *further)).strip("\n")
        for each in (obx, *further):
            each.first(2).take()
        return Observed(text or None, absent_reason=None if text else "unknown", unit=_unit_alone(unit))
    samples = numbers.na(present, unit) if own == "NA" else None
    if samples is not None:
        obx.first(2).take()
        return _carrying(unit, Observed(samples))
    values = tuple(_value(obx, own, each, unit) for each in present)
    if len(values) == 1:
        return _carrying(unit, Observed(values[0]))
    return _carrying(unit, Observed(components=values))


def _value(obx: SegmentReader, own: str, element: Element, unit: Unit) -> Value:
    """One repetition of OBX-5; text, said, where it is not what OBX-2 says."""
    reader = _READERS.get(own)
    if reader is None:
        said = "OBX-2 is empty" if not own else "the type in OBX-2 has no value in FHIR"
        element.warn(IssueCode.NOT_SUPPORTED, f"{said}; the value was kept as text")
        return element.text() or element.raw
    before = len(element.context.issues)
    value = reader(element, unit)
    obx.first(2).take()
    if value is not None:
        return value
    if len(element.context.issues) == before:
        element.error(IssueCode.VALUE, f"not a value of type {own}; it was kept as text")
    return element.text() or element.raw


def _text(element: Element, unit: Unit) -> Value | None:
    if element.context.channel.text_numbers and unit.text:
        quantity = numbers.nm(element, unit)
        if quantity is not None:
            return quantity
    return element.text()


def _span(element: Element, _unit: Unit) -> Value | None:
    """VR: `a-b`."""
    low, high = element.text(1), element.text(2)
    return f"{low or ''}-{high}" if high else low


def _samples(_element: Element, _unit: Unit) -> Value | None:
    """NA that `numbers.na` could not read as a whole."""
    return None


def _coded(element: Element, _unit: Unit) -> Value | None:
    return codes.cwe(element)


def _moment(element: Element, _unit: Unit) -> Value | None:
    return times.dtm(element)


def _time(element: Element, _unit: Unit) -> Value | None:
    return times.tm(element)


def _period(element: Element, _unit: Unit) -> Value | None:
    return times.dr(element)


_READERS: Final[Mapping[str, Callable[[Element, Unit], Value | None]]] = MappingProxyType(
    {
        "NM": numbers.nm, "SN": numbers.sn, "NR": numbers.nr, "NA": _samples, "ST": _text, "VR": _span,
        "CE": _coded, "CWE": _coded, "CNE": _coded, "CF": _coded, "IS": _coded, "ID": _coded,
        "DT": _moment, "DTM": _moment, "TS": _moment, "TM": _time, "DR": _period,
    }
)  # fmt: skip


def _carrying(unit: Unit, observed: Observed) -> Observed:
    """The unit beside the value where no value has it within."""
    values = observed.components or (observed.value,)
    measured = any(isinstance(value, Quantity | Range | Ratio | SampledData) for value in values)
    spoken = unit.text is not None and any(
        isinstance(value, str) and value.endswith(f" {unit.text}") for value in values
    )
    if measured or spoken:
        return observed
    return Observed(observed.value, observed.components, observed.absent_reason, _unit_alone(unit))


def _unit_alone(unit: Unit) -> Quantity | None:
    return unit.of(None) if unit.text else None
