"""Reports that are all text: their sections as one text, and the one that is the conclusion.

A report is a narrative when all its results are text and at least one is TX or FT: a line of words among
numbers is a comment, and showing it alone as the report would mislead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mappers.domain.coding import LOINC, Concept
from mappers.domain.results import Measurement
from mappers.hl7v2 import values
from mappers.hl7v2.datatypes import codes
from mappers.hl7v2.plan import Result

#: Impression of an imaging study; final diagnosis of a pathology report.
_CONCLUSIONS: Final = frozenset({"19005-8", "22637-3"})
#: Observation id suffix (chapter 7.2.4): `&IMP`, diagnostic impression.
_IMPRESSION: Final = "IMP"
_RUNNING: Final = frozenset({"TX", "FT"})
_GONE: Final = frozenset({"cancelled", "entered-in-error"})


def narrative(results: Sequence[Result], measurements: Sequence[Measurement]) -> str | None:
    """The whole text of a report whose results are all text; None for any other."""
    kinds = {values.kind(each.obx) for each in results}
    if not kinds & _RUNNING or kinds - values.TEXTS:
        return None
    shown = [each for each in measurements if each.status not in _GONE]
    return sections([(each.code, each.value) for each in shown if isinstance(each.value, str)])


def conclusion(results: Sequence[Result], measurements: Sequence[Measurement]) -> str | None:
    """The text of the results that are an impression or a final diagnosis."""
    found = [
        each.value
        for result, each in zip(results, measurements, strict=True)
        if isinstance(each.value, str) and each.status not in _GONE and _concludes(result, each)
    ]
    return "\n".join(found) or None


def sections(texts: Sequence[tuple[Concept | None, str]]) -> str | None:
    """Texts one after the other; where there are several kinds, each under its name."""
    several = len({code for code, _ in texts}) > 1
    parts: list[str] = []
    before: Concept | None = None
    for code, text in texts:
        heading = name(code) if several and code != before else None
        parts.append(f"{heading}\n{text}" if heading else text)
        before = code
    return "\n\n".join(parts) or None


def name(code: Concept | None) -> str | None:
    """A code in words."""
    if code is None or code == codes.UNKNOWN:
        return None
    shown = (coding.display or coding.code for coding in code.codings)
    return code.text or next((words for words in shown if words), None)


def _concludes(result: Result, measurement: Measurement) -> bool:
    if result.obx.first(3).part(1).peek(2) == _IMPRESSION:
        return True
    code = measurement.code.code_in(LOINC)
    if code is not None:
        return code in _CONCLUSIONS
    return (name(measurement.code) or "").strip().upper() == "IMPRESSION"
