"""NM, SN, CQ, NR, NA: numbers as text, digit for digit. A number never passes through a float.

Standards: v2-to-FHIR 1.0.0 NM[Quantity], SN[Quantity|Range|Ratio], NR[Range], NA[SampledData]; FHIR R4
`decimal`.
"""

from __future__ import annotations

import re
from typing import Final

from mappers.domain.issues import IssueCode
from mappers.domain.results import COMPARATORS, Quantity, Range, Ratio, SampledData
from mappers.hl7v2.datatypes.unit import NO_UNIT, Unit, unit_of
from mappers.hl7v2.elements import Element

_NUMBER: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+)?", re.ASCII)
_COMPARED: Final = re.compile(r"(<=|>=|=<|=>|<|>|≤|≥)\s*(.+)", re.DOTALL)
#: Spellings of comparators that FHIR has (quantity-comparator); "=" is none at all.
_COMPARATORS: Final = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">=", "=": None, "": None} | {
    each: each for each in COMPARATORS
}
_MISSING: Final = "E"


def decimal(text: str) -> str | None:
    """A number as a FHIR decimal, every digit kept; None when the text is no number.

    Only the form changes: `+5` → `5`, `.5` → `0.5`, `5.` → `5`, `007` → `7`. `5,5` and `1 000` are no numbers
    in HL7 v2 and are not guessed at.
    """
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    sign, whole, fraction, exponent = match.groups()
    if not whole and not fraction:
        return None
    number = whole.lstrip("0") or "0"
    if fraction:
        number += f".{fraction}"
    return ("-" if sign == "-" else "") + number + (exponent or "")


def compared(text: str) -> tuple[str | None, str] | None:
    """A number behind a comparator, `<5` or `>= 5.0`, as (comparator, number); None when it is not that."""
    match = _COMPARED.fullmatch(text)
    number = decimal(match[2]) if match else None
    return (_COMPARATORS[match[1]], number) if match and number is not None else None


def nm(element: Element, unit: Unit = NO_UNIT) -> Quantity | None:
    """A number with its unit; None (and nothing taken) when it is no number, which the caller has to say.

    `<5` is not allowed in NM and sent every day: it becomes a quantity with a comparator, and an issue.
    """
    text = element.peek()
    if text is None:
        return None
    number, comparator = decimal(text), None
    if number is None:
        pair = compared(text)
        if pair is None:
            return None
        comparator, number = pair
        element.inform(IssueCode.VALUE, "a comparator stands in a numeric value; SN is the type for it")
    elif number != text:
        element.inform(
            IssueCode.VALUE, "the number was put into the form of a FHIR decimal; its digits are kept"
        )
    element.take()
    return unit.of(number, comparator)


def sn(element: Element, unit: Unit = NO_UNIT) -> Quantity | Range | Ratio | str | None:
    """A structured number.

    | SN.1 | SN.3 | SN.4 | becomes |
    |---|---|---|---|
    | none, `=` `<` `<=` `>` `>=` | none | none | Quantity, with the comparator |
    | the same | `:` `/` | number | Ratio, the comparator on the numerator |
    | none, `=` | `-` | number | Range |
    | a number, `<` and a number | none | none | Quantity, said: it stands in the wrong component |
    | anything else (`<>`, `+`, `-` without SN.4, not numbers) | | | text, with the unit behind it |
    """
    if not element.valued:
        return None
    mark, first, separator, second = (element.peek(n) or "" for n in range(1, 5))
    if mark and not (first or separator or second):
        misplaced = _misplaced(element, mark, unit)
        if misplaced:
            return misplaced
    comparator = _COMPARATORS.get(mark, mark)
    low, high = decimal(first), decimal(second)
    value: Quantity | Range | Ratio | None = None
    if low is not None and (comparator is None or comparator in COMPARATORS):
        if not separator and not second:
            value = unit.of(low, comparator)
        elif high is not None and separator in {":", "/"}:
            value = Ratio(unit.of(low, comparator), unit.of(high))
        elif high is not None and separator == "-" and comparator is None:
            value = Range(unit.of(low), unit.of(high))
    if value is None:
        return _as_text(element, (mark, first, separator, second), unit)
    element.take(1, 2, 3, 4)
    if low != first or (high is not None and high != second):
        element.inform(
            IssueCode.VALUE, "a number was put into the form of a FHIR decimal; its digits are kept"
        )
    return value


def _misplaced(element: Element, text: str, unit: Unit) -> Quantity | None:
    """A number in SN.1, where its comparator belongs; None when it is none."""
    comparator, number = compared(text) or (None, decimal(text))
    if number is None:
        return None
    element.take()
    element.inform(IssueCode.STRUCTURE, "a number stands in the place of its comparator; read as the number")
    return unit.of(number, comparator)


def _as_text(element: Element, parts: tuple[str, str, str, str], unit: Unit) -> str:
    if any(part and decimal(part) is None for part in (parts[1], parts[3])):
        element.error(IssueCode.VALUE, "a structured number holds something that is no number; kept as text")
    element.take()
    # Two numbers with nothing between them are not one: 5 and 6 must not read 56.
    between = (parts[0], parts[1], parts[2] or " ", parts[3]) if parts[1] and parts[3] else parts
    text = "".join(between) if element.count <= len(parts) else element.peek() or ""
    return f"{text} {unit.text}" if unit.text else text


def cq(element: Element) -> Quantity | None:
    """A quantity with its unit in CQ.2; None when CQ.1 is no number."""
    text = element.peek(1)
    number = decimal(text) if text else None
    if number is None:
        return None
    element.take(1)
    return unit_of(element.part(2)).of(number)


def nr(element: Element, unit: Unit = NO_UNIT) -> Range | None:
    """A range; None when neither end is a number or one is something else."""
    ends = [element.peek(n) for n in (1, 2)]
    numbers = [decimal(end) if end else None for end in ends]
    if not any(numbers) or any(end and number is None for end, number in zip(ends, numbers, strict=True)):
        return None
    element.take(1, 2)
    low, high = (unit.of(number) if number is not None else None for number in numbers)
    return Range(low, high)


def na(repetitions: tuple[Element, ...], unit: Unit = NO_UNIT) -> SampledData | None:
    """Samples: one repetition per point in time, its components are the channels; a gap is `E`.

    None when any of them is no number.
    """
    dimensions = max((element.count for element in repetitions), default=0)
    samples: list[str] = []
    for element in repetitions:
        for n in range(1, dimensions + 1):
            text = element.peek(n)
            number = decimal(text) if text else _MISSING
            if number is None or (text and "e" in text.lower()):
                return None  # FHIR SampledData has no exponents
            samples.append(number)
    if not samples or dimensions == 0:
        return None
    for element in repetitions:
        element.take()
    return SampledData(" ".join(samples), dimensions, unit=unit.of(None) if unit.text else None)
