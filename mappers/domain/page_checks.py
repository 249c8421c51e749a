"""Whether a page speaks of the patient and the order of the message that carried it.

A document filed under the wrong patient is worse than one not read: where the page contradicts the message
nothing of it may be written. Compares what a page prints with what a message says; judges no result.

| printed | against the message | means |
|---|---|---|
| birth date, readable in one way only | another day | another patient |
| name | neither family nor given name is in it | another patient |
| name | only the family or the given name is in it | another patient, unless number or birth date agree |
| patient number | none of the message's | another patient, unless name and birth date agree |
| order or accession number | none of the message's | another order |
| nothing that can be compared | | said, a person looks |
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mappers.domain.extraction import ExtractedReport, Printed, PrintedKind
from mappers.domain.identifiers import Identifier
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.people import Patient

_WORD: Final = re.compile(r"[^\W\d_]+")
_NO_NUMBER: Final = re.compile(r"[^0-9A-Za-z]+")
_DAY: Final = len("2026-11-22")
#: So many equal characters after letters of a system are the number.
_TELLING: Final = 6
_PARTICLE: Final = 3


@dataclass(frozen=True, slots=True)
class PageCheck:
    """What a page says against its message.

    Attributes:
        mismatches: why nothing may be written.
        doubts: what a person should look at.
        unchecked: what the page does not say: "patient", "order".
    """

    mismatches: tuple[Issue, ...] = field(default=())
    doubts: tuple[Issue, ...] = field(default=())
    unchecked: tuple[str, ...] = field(default=())


def check(report: ExtractedReport, *, patient: Patient | None, numbers: Iterable[Identifier]) -> PageCheck:
    """Compare what is printed about patient and order with the message.

    Args:
        report: what was read off the document.
        patient: of the message; None when it names none.
        numbers: all numbers of the message's orders, reports and specimens.
    """
    wrong, doubts, unchecked = _patient(report, patient)
    printed = (*report.facts(PrintedKind.ORDER_NUMBER), *report.facts(PrintedKind.ACCESSION))
    known = {_bare(number.value) for number in numbers} - {""}
    if not printed or not known:
        unchecked.append("order")
    elif not any(_is_one_of(_bare(fact.text), known) for fact in printed):
        wrong.append(
            _issue(Severity.ERROR, printed[0], "the order's number on the page is none of the message's")
        )
    return PageCheck(tuple(wrong), tuple(doubts), tuple(unchecked))


def _patient(report: ExtractedReport, patient: Patient | None) -> tuple[list[Issue], list[Issue], list[str]]:
    wrong: list[Issue] = []
    doubts: list[Issue] = []
    if patient is None:
        return wrong, doubts, ["patient"]
    born = [(fact, _born(fact, patient)) for fact in report.facts(PrintedKind.BIRTH_DATE)]
    named = [(fact, _named(fact, patient)) for fact in report.facts(PrintedKind.PATIENT_NAME)]
    numbered = [(fact, _numbered(fact, patient)) for fact in report.facts(PrintedKind.PATIENT_ID)]
    same_birth = any(verdict is True for _, verdict in born)
    same_name = any(verdict == 1 for _, verdict in named)
    same_number = any(verdict is True for _, verdict in numbered)
    for fact, agrees in born:
        if agrees is False:
            wrong.append(_issue(Severity.ERROR, fact, "the birth date on the page is not the patient's"))
    for fact, degree in named:
        if degree == 0 and not same_name:
            wrong.append(_issue(Severity.ERROR, fact, "the name on the page is not the patient's"))
        elif degree is not None and 0 < degree < 1 and not same_name:
            text = "the name on the page is the patient's in part only"
            sure = same_birth or same_number
            (doubts if sure else wrong).append(
                _issue(Severity.WARNING if sure else Severity.ERROR, fact, text)
            )
    if numbered and not same_number and any(verdict is False for _, verdict in numbered):
        text = "the patient's number on the page is none of the message's"
        sure = same_birth and same_name
        severity = Severity.WARNING if sure else Severity.ERROR
        (doubts if sure else wrong).append(_issue(severity, numbered[0][0], text))
    compared = same_birth or same_name or same_number or wrong or doubts
    return wrong, doubts, [] if compared else ["patient"]


def _born(fact: Printed, patient: Patient) -> bool | None:
    """Whether it is the patient's birth date; None where that cannot be said."""
    if fact.moment is None or not patient.birth_date:
        return None
    length = min(len(fact.moment.text), len(patient.birth_date), _DAY)
    return fact.moment.text[:length] == patient.birth_date[:length]


def _named(fact: Printed, patient: Patient) -> float | None:
    """1: family and given name, or the one that is known, are in it; 0: neither; between: one of the two."""
    printed = _words(fact.text)
    best: float | None = None
    for name in patient.names:
        families = _telling(_words(name.family or name.text or ""))
        givens = _words(" ".join(name.given))
        if not printed or not (families or givens):
            continue
        family = bool(families & printed) if families else None
        given = _first_of(givens, printed) if givens else None
        known = [part for part in (family, given) if part is not None]
        degree = sum(known) / len(known)
        best = degree if best is None else max(best, degree)
    return best


def _telling(words: set[str]) -> set[str]:
    """Without particles ("van", "de"), unless there is nothing else."""
    return {word for word in words if len(word) > _PARTICLE} or words


def _first_of(givens: set[str], printed: set[str]) -> bool:
    """Whether a given name, or its initial, is printed."""
    initials = {word for word in printed if len(word) == 1}
    return bool(givens & printed) or any(given[0] in initials for given in givens)


def _numbered(fact: Printed, patient: Patient) -> bool | None:
    known = {
        _bare(each.value) for each in (*patient.identifiers, *([patient.account] if patient.account else []))
    }
    printed = _bare(fact.text)
    return _is_one_of(printed, known - {""}) if printed and known - {""} else None


def _is_one_of(printed: str, known: set[str]) -> bool:
    return any(
        printed == number or _prefixed(printed, number) or _prefixed(number, printed) for number in known
    )


def _prefixed(longer: str, number: str) -> bool:
    """Whether it is the number with letters before it: "LAB" and 2026001."""
    return len(number) >= _TELLING and longer.endswith(number) and longer.removesuffix(number).isalpha()


def _bare(number: str) -> str:
    """A number without punctuation, case and leading zeros."""
    return _NO_NUMBER.sub("", number).upper().lstrip("0")


def _words(text: str) -> set[str]:
    """The words of a name, without accents and case."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return set(_WORD.findall("".join(mark for mark in plain if not unicodedata.combining(mark))))


def _issue(severity: Severity, fact: Printed, text: str) -> Issue:
    return Issue(severity, IssueCode.CONFLICT, f"page {fact.span.page}", text)
