"""From a row on the page to an extracted fact: numbers, units, ranges, flags, codes, times. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from inference.tasks.lab_report import analytes, dates, numbers, specimens
from inference.tasks.lab_report.analytes import Choice
from inference.tasks.lab_report.cells import COMPARATOR
from inference.tasks.lab_report.numbers import NUMBER, Marks
from inference.tasks.lab_report.raw import Row
from inference.tasks.lab_report.strips import Strip
from inference.tasks.lab_report.vocabulary import FLAGS
from mappers.domain.coding import LOINC, SNOMED_CT, Coding, Concept
from mappers.domain.extraction import Extracted, ExtractedValue, Method, Printed, PrintedKind, Span
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.results import Quantity, Range, Ratio, ReferenceRange
from mappers.domain.times import Moment

INTERPRETATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
#: Below this certainty OCR confuses digits; what it read is shown and not written.
OCR_CERTAINTY: Final = 70.0
_TEXT_LAYER: Final = 100.0

_ONE: Final = re.compile(
    rf"(?P<comparator>{COMPARATOR})?\s*(?P<sign>[-−–])?"
    rf"(?P<number>{NUMBER}|\d{{1,3}}(?: \d{{3}})+)(?P<exponent>[eE][+-]?\d+)?"
)
_TWO: Final = re.compile(rf"(?P<low>{NUMBER})\s?[-–—]\s?(?P<high>{NUMBER})")
_RATIO: Final = re.compile(r"(\d+)\s?:\s?(\d+)")
_BOUNDS: Final = re.compile(
    rf"(?P<low>-?(?:{NUMBER}))\s?(?:-|–|—|−|~|\.\.|to|bis|a|à)\s?(?P<high>{NUMBER})(?P<unit>\s?[A-Za-zµμ%/\[(].*|\sx?10[*^].*)?|"
    rf"(?P<side>{COMPARATOR}|"
    r"(?i:up to|less than|greater than|below|above|under|over|bis|jusqu'à|fino a|hasta))"
    rf"\s?(?P<bound>{NUMBER})(?P<unit2>\s?[A-Za-zµμ%/\[(].*|\sx?10[*^].*)?"
)
#: OCR cannot tell the letters apart that print alike; no unit begins with a small L and a U.
_MISTAKEN_IU: Final = re.compile(r"[l|]U(?=/|$)")
_LOINC: Final = re.compile(r"\d{1,7}-\d")
_COMPARATORS: Final = {"≤": "<=", "≥": ">=", "=<": "<=", "=>": ">="}
_LOWER_SIDE: Final = frozenset({">", ">=", "≥", "=>", "greater than", "above", "over"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What a channel knows of units and codes.

    Attributes:
        ucum: UCUM code of a printed unit, None when it is not certain.
        codes: LOINC code for a local analyte name, as `analytes.normalised` writes it; before our own table.
    """

    ucum: Callable[[str], str | None]
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What all rows of one document share.

    Attributes:
        uncommon: whether the document names a specimen other than blood somewhere.
    """

    sha256: str
    terms: Terms
    marks: Marks
    printed: tuple[Printed, ...]
    uncommon: bool


def settle(row: Row, context: Context) -> Extracted:
    """An extracted fact from a row. What is in doubt becomes an issue and no value."""
    issues: list[Issue] = []
    parts = row.parts
    certain = parts.value.certainty >= OCR_CERTAINTY
    unit, ucum = _unit(row, context)
    value = None
    if parts.absent is None and certain:
        value = _value(parts.value.text, text_result=parts.text, unit=unit, ucum=ucum, context=context)
        if value is None:
            issues.append(_issue(IssueCode.VALUE, "the number could mean two things; it is not written"))
    if not certain:
        issues.append(
            _issue(IssueCode.INCOMPLETE, "OCR is not certain of the digits; the value is not written")
        )
    if unit is not None and ucum is None:
        issues.append(_issue(IssueCode.CODE_INVALID, "the unit has no certain UCUM code"))
    specimen_text, specimen = _specimen(row, context)
    choice = _choice(row, context, specimen, numeric=not parts.text, ucum=ucum, unit=unit)
    code = _code(row, context, choice, issues)
    effective_printed, effective = _effective(row, context)
    return Extracted(
        name=row.name.text,
        key=choice.analyte.key if choice.analyte else None,
        code=code,
        printed=parts.value.text,
        value=value,
        absent_reason=parts.absent,
        unit=unit,
        reference_range=_range(row, context, unit=unit, ucum=ucum),
        flag=parts.flag.text or None,
        interpretation=_interpretation(parts.flag.text),
        specimen=_specimen_concept(specimen_text, specimen, choice.analyte),
        effective=effective,
        effective_printed=effective_printed,
        panel=row.panel,
        method=Method.OCR if parts.value.certainty < _TEXT_LAYER else row.method,
        spans=_spans(row, context.sha256),
        confirmed=certain,
        issues=tuple(issues),
    )


def marks_of(rows: Sequence[Row], *, comma_language: bool) -> Marks:
    """The decimal mark of a document, from its results and ranges."""
    texts = [text for row in rows for text in (row.parts.value.text, row.parts.range.text) if text]
    return numbers.marks(texts, comma_language=comma_language)


def _value(
    text: str, *, text_result: bool = False, unit: str | None, ucum: str | None, context: Context
) -> ExtractedValue | None:
    if text_result:
        return text
    if match := _TWO.fullmatch(text):
        bounds = [numbers.decimal(match[side], marks=context.marks) for side in ("low", "high")]
        low, high = (Quantity(bound, unit=unit, code=ucum) if bound else None for bound in bounds)
        return Range(low, high) if low and high else None
    if match := _RATIO.fullmatch(text):
        return Ratio(Quantity(_plain(match[1])), Quantity(_plain(match[2])))
    match = _ONE.fullmatch(text)
    number = numbers.decimal(match["number"], marks=context.marks) if match else None
    if match is None or number is None:
        return None
    comparator = match["comparator"]
    return Quantity(
        ("-" if match["sign"] else "") + number + (match["exponent"] or ""),
        comparator=_COMPARATORS.get(comparator, comparator) if comparator else None,
        unit=unit,
        code=ucum,
    )


def _plain(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _unit(row: Row, context: Context) -> tuple[str | None, str | None]:
    """The unit as printed, with its UCUM code."""
    text = row.parts.unit.text.strip("()[] ") if row.parts.unit else ""
    if not text and row.parts.range:
        bounds = _BOUNDS.fullmatch(row.parts.range.text.strip("()[] "))
        text = ((bounds["unit"] or bounds["unit2"] or "") if bounds else "").strip()
    if row.parts.unit.certainty < _TEXT_LAYER:
        text = _MISTAKEN_IU.sub("IU", text)
    if not text or row.parts.text:
        return text or None, context.terms.ucum(text) if text else None
    return text, context.terms.ucum(text) or context.terms.ucum(text.replace(" ", ""))


def _specimen(row: Row, context: Context) -> tuple[str | None, str | None]:
    """Words and kind of the specimen: of the row, of its heading, of the document."""
    if row.specimen:
        return row.specimen.text, specimens.kind(row.specimen.text)
    of_panel = specimens.kind(row.panel) if row.panel else None
    if of_panel is not None:
        return None, of_panel
    stated = [fact for fact in context.printed if fact.kind is PrintedKind.SPECIMEN and _before(fact, row)]
    return (stated[-1].text, specimens.kind(stated[-1].text)) if stated else (None, None)


def _before(fact: Printed, row: Row) -> bool:
    here = (row.page, row.parts.value.box[1])
    return (fact.span.page, fact.span.bbox[1]) <= here


def _choice(  # noqa: PLR0913  (a code needs them all)
    row: Row, context: Context, specimen: str | None, *, numeric: bool, ucum: str | None, unit: str | None
) -> Choice:
    absent = row.parts.absent is not None
    choice = analytes.choose(
        row.name.text,
        specimen=specimen,
        others=context.uncommon and row.panel is None,
        numeric=numeric or absent,
        ucum=ucum,
        unit=unit,
    )
    if absent and not choice.coded and choice.analyte is not None and unit is None:
        # A cancelled test has no unit to compare with; its name and specimen named one analyte.
        return Choice(choice.analyte, coded=True)
    return choice


def _code(row: Row, context: Context, choice: Choice, issues: list[Issue]) -> Concept:
    name = row.name.text
    if _LOINC.fullmatch(row.code.text) and _check_digit(row.code.text):
        return Concept((Coding(row.code.text, LOINC, name),), name)
    local = context.terms.codes.get(analytes.normalised(name))
    if local is not None:
        return Concept((Coding(local, LOINC, name),), name)
    if choice.analyte is None or not choice.coded:
        severity = Severity.INFORMATION if choice.analyte is None else Severity.WARNING
        issues.append(Issue(severity, IssueCode.CODE_INVALID, "", f"no LOINC code: {choice.reason}"))
        return Concept(text=name)
    if choice.assumed_specimen:
        text = "the specimen is not printed; the code assumes the usual one"
        issues.append(Issue(Severity.INFORMATION, IssueCode.INFORMATIONAL, "", text))
    return Concept((Coding(choice.analyte.loinc, LOINC, choice.analyte.loinc_name),), name)


def _check_digit(code: str) -> bool:
    """LOINC's check digit is Luhn's, modulus 10, over the digits before the hyphen."""
    number, _, check = code.partition("-")
    total = 0
    for position, digit in enumerate(reversed(number)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return (10 - total % 10) % 10 == int(check)


def _range(row: Row, context: Context, *, unit: str | None, ucum: str | None) -> ReferenceRange | None:
    if row.low or row.high:
        text = f"{row.low.text} - {row.high.text}".strip()
        bounds = [_bound(strip.text, context, unit, ucum) for strip in (row.low, row.high)]
        return ReferenceRange(text, bounds[0], bounds[1])
    text = row.parts.range.text
    if not text:
        return None
    match = _BOUNDS.fullmatch(text.strip("()[] "))
    if match is None:
        return ReferenceRange(text)
    if match["bound"]:
        bound = _bound(match["bound"], context, unit, ucum)
        is_low = match["side"].casefold() in _LOWER_SIDE
        return ReferenceRange(text, bound if is_low else None, None if is_low else bound)
    return ReferenceRange(
        text, _bound(match["low"], context, unit, ucum), _bound(match["high"], context, unit, ucum)
    )


def _bound(text: str, context: Context, unit: str | None, ucum: str | None) -> Quantity | None:
    value = _value(text.strip(), unit=unit, ucum=ucum, context=context) if text.strip() else None
    return value if isinstance(value, Quantity) and value.comparator is None else None


def _interpretation(flag: str) -> Concept | None:
    code = FLAGS.get(flag.strip("()[] ").upper())
    return Concept((Coding(code, INTERPRETATION),), flag) if code else None


def _specimen_concept(text: str | None, kind: str | None, analyte: analytes.Analyte | None) -> Concept | None:
    """What is printed; with a SNOMED CT code where the table's specimen is the printed one."""
    printed = text or (kind if kind != specimens.OTHER else None)
    if printed is None:
        return None
    if analyte and analyte.specimen_snomed and analyte.specimen == kind:
        return Concept((Coding(analyte.specimen_snomed, SNOMED_CT, analyte.specimen_printed),), printed)
    return Concept(text=printed)


def _effective(row: Row, context: Context) -> tuple[str | None, Moment | None]:
    if row.date:
        when = dates.find(row.date.text)
        return row.date.text, when.moment if when else None
    stated = [fact for fact in context.printed if fact.kind is PrintedKind.COLLECTED and _before(fact, row)]
    return (stated[-1].text, stated[-1].moment) if stated else (None, None)


def _spans(row: Row, sha256: str) -> tuple[Span, ...]:
    return tuple(
        _span(strip, row.page, sha256) for strip in (row.parts.value, row.name, row.parts.unit) if strip
    )


def _span(strip: Strip, page: int, sha256: str) -> Span:
    return Span(sha256, page, strip.box, strip.text)


def _issue(code: IssueCode, text: str) -> Issue:
    return Issue(Severity.WARNING, code, "", text)
