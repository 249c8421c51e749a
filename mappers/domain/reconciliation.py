"""What the sender sent beside what we read off its document. The sender's number always outranks.

Nothing is converted, rounded or dropped here: two numbers are compared in a common unit, and where they do
not say the same an issue asks a person to look. Knows nothing of how either was read.

| the same analyte, of the same day as far as both say | then |
|---|---|
| same comparator, and equal at the coarser precision of the two | they agree |
| otherwise, in units of one dimension | an issue: they differ |
| units that cannot be compared, or one of them unknown | an issue: not compared |
| words | compared without regard to case and blanks |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from mappers.domain import units
from mappers.domain.coding import LOINC, Concept
from mappers.domain.extraction import Extracted
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.results import Measurement, Quantity
from mappers.domain.times import Moment, Period

#: Statuses of results that say nothing any more.
_WITHDRAWN: Final = frozenset({"cancelled", "entered-in-error"})
_DAY: Final = len("2026-11-22")
_BLANKS: Final = re.compile(r"[\s_\-,.:;()]+")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How a document's results compare with those that the sender sent.

    Attributes:
        agreeing: how many say what the sender's say.
        issues: where they differ, or could not be compared; located at the sender's segment.
    """

    agreeing: int = 0
    issues: tuple[Issue, ...] = field(default=())


def reconcile(rows: Iterable[Extracted], measurements: Sequence[Measurement]) -> Reconciled:
    """Compare every confirmed result of a document with the sender's results of the same analyte."""
    agreeing, issues = 0, []
    told = [each for each in measurements if each.status not in _WITHDRAWN and each.value is not None]
    for row in rows:
        if not row.confirmed or row.value is None:
            continue
        for measurement in told:
            if not (_same_analyte(row.code, measurement.code) and _same_day(row, measurement)):
                continue
            complaint = _complaint(row, measurement)
            if complaint is None:
                agreeing += 1
            else:
                issues.append(_issue(measurement, row, *complaint))
    return Reconciled(agreeing, tuple(issues))


def _issue(measurement: Measurement, row: Extracted, code: IssueCode, text: str) -> Issue:
    place = next(iter(measurement.origins), "")
    page = f" (page {row.spans[0].page})" if row.spans else ""
    return Issue(Severity.WARNING, code, place, f"{text}{page}; the sender's result stands")


def _same_analyte(one: Concept, other: Concept) -> bool:
    """By LOINC where both have one; else by name."""
    mine, theirs = one.code_in(LOINC), other.code_in(LOINC)
    if mine and theirs:
        return mine == theirs
    return bool(_names(one) & _names(other))


def _names(concept: Concept) -> set[str]:
    names = (concept.text, *(coding.display for coding in concept.codings))
    return {_plain(name) for name in names if name} - {""}


def _plain(text: str) -> str:
    return _BLANKS.sub(" ", text).strip().casefold()


def _same_day(row: Extracted, measurement: Measurement) -> bool:
    """Whether both are of one day, so far as both say."""
    at = measurement.effective.start if isinstance(measurement.effective, Period) else measurement.effective
    return row.effective is None or at is None or _overlap(row.effective, at)


def _overlap(one: Moment, other: Moment) -> bool:
    length = min(len(one.text), len(other.text), _DAY)
    return one.text[:length] == other.text[:length]


def _complaint(row: Extracted, measurement: Measurement) -> tuple[IssueCode, str] | None:
    mine, theirs = row.value, measurement.value
    if isinstance(mine, Quantity) and isinstance(theirs, Quantity):
        return _quantities(mine, theirs)
    if isinstance(mine, str | Concept) and isinstance(theirs, str | Concept):
        if _words(mine) & _words(theirs):
            return None
        return IssueCode.CONFLICT, "the document and the message say different things of one analyte"
    if _spoken(mine) == _spoken(theirs) != "":
        return None
    return (
        IssueCode.INCOMPLETE,
        "the document and the message give one analyte in forms that were not compared",
    )


def _quantities(mine: Quantity, theirs: Quantity) -> tuple[IssueCode, str] | None:
    if mine.value is None or theirs.value is None:
        return IssueCode.INCOMPLETE, "one analyte has a number on one side only"
    factors = _factors(mine, theirs)
    if factors is None:
        return (
            IssueCode.INCOMPLETE,
            "the document and the message give one analyte in units that cannot be compared",
        )
    if mine.comparator == theirs.comparator and _equal(mine.value, theirs.value, *factors):
        return None
    return IssueCode.CONFLICT, "the document and the message differ in the number of one analyte"


def _factors(mine: Quantity, theirs: Quantity) -> tuple[Fraction, Fraction] | None:
    """What brings both to one unit, None where there is no such unit."""
    if mine.code and theirs.code:
        one, other = units.scale(mine.code), units.scale(theirs.code)
        if one and other:
            return (one.factor, other.factor) if one.dimension == other.dimension else None
        return (Fraction(1), Fraction(1)) if mine.code == theirs.code else None
    same = _plain(mine.unit or mine.code or "") == _plain(theirs.unit or theirs.code or "")
    return (Fraction(1), Fraction(1)) if same else None


def _equal(mine: str, theirs: str, factor: Fraction, other: Fraction) -> bool:
    """Equal at the coarser of the two precisions: 5.9 and 5.94 are, 5.90 and 5.94 are not."""
    one, two = Decimal(mine), Decimal(theirs)
    steps = (_step(one) * factor, _step(two) * other)
    distance = abs(Fraction(one) * factor - Fraction(two) * other)
    if steps[0] == steps[1]:
        return distance == 0
    return distance <= max(steps) / 2


def _step(number: Decimal) -> Fraction:
    """One unit in the last place."""
    exponent = number.as_tuple().exponent
    return Fraction(10) ** exponent if isinstance(exponent, int) else Fraction(1)


def _words(value: str | Concept) -> set[str]:
    return (
        {_plain(value)}
        if isinstance(value, str)
        else _names(value) | {_plain(coding.code) for coding in value.codings if coding.code}
    )


def _spoken(value: Any) -> str:
    """A number alone in words, where the other side has text."""
    if isinstance(value, Quantity):
        return f"{value.comparator or ''}{value.value or ''}"
    return _plain(value) if isinstance(value, str) else ""
