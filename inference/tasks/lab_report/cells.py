"""The small grammar of a result: value, flag, unit and range, in the orders in which they are printed. Pure.

It consumes a strip from the left. What is left over makes the reading fail: half a result is no result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from inference.tasks.lab_report.numbers import NUMBER
from inference.tasks.lab_report.strips import EMPTY, Strip
from inference.tasks.lab_report.vocabulary import INLINE_FLAG, QUALITATIVE, absent_reason

COMPARATOR: Final = r"<=|>=|=<|=>|<|>|≤|≥"
#: A raised footnote mark after a number; a raised number after 10 is a power.
_NOTED: Final = re.compile(
    rf"(?P<value>(?:{COMPARATOR})?\s?(?!10\^)(?:{NUMBER}))\^(?:\d{{1,2}}|[a-z*†‡])(?=\s|$)"
)
_VALUE: Final = re.compile(
    rf"(?P<comparator>{COMPARATOR})?\s*(?P<sign>[-−–])?(?P<number>{NUMBER})(?P<exponent>[eE][+-]?\d+)?"
    r"(?![\w.,/:^]|\s?[-–—−]\s?\d)"
)
#: The same where a flag or unit follows without a blank: 15.1H, 13.5g/dL, 45%.
_VALUE_TIGHT: Final = re.compile(
    rf"(?P<comparator>{COMPARATOR})?\s*(?P<sign>[-−–])?(?P<number>{NUMBER})(?P<exponent>)(?=[A-Za-zµμ%*↑↓(])"
)
_LETTERS: Final = re.compile(r"[A-Za-zµμ%*↑↓(\[]")
_RATIO: Final = re.compile(r"(?P<one>\d+)\s?:\s?(?P<many>\d+)(?![\d.,:])")
_SPAN: Final = re.compile(rf"(?P<low>{NUMBER})\s?[-–—]\s?(?P<high>{NUMBER})")
_SPACED_THOUSANDS: Final = re.compile(r"\d{1,3}(?: \d{3})+(?:[.,]\d+)?")
_QUALITATIVE_RANGE: Final = (
    r"(?i:negative|non[- ]?reactive|not detected|normal|none|absent|clear|yellow|negativ)"
)
_RANGE: Final = re.compile(
    r"(?P<label>(?i:ref(?:erence)?(?:\.|\s)*(?:range|interval|values?)?|normal(?: range)?|range|nl|norm)"
    r"\s?[:=]\s?)?"
    r"(?P<open>[(\[{])?\s?"
    rf"(?:(?:{NUMBER})\s?(?:-|–|—|−|~|\.\.|\bto\b|\bbis\b|\ba\b|\bà\b)\s?(?:{NUMBER})|"
    rf"(?:{COMPARATOR}|(?i:up to|less than|greater than|below|above|under|over|bis|jusqu'à|fino a|hasta))"
    rf"\s?(?:{NUMBER})|{_QUALITATIVE_RANGE}(?=\s?[)\]}}]|$))"
)
#: + and - at the end of a numeric result; elsewhere they are results or dashes.
_SIGN_FLAG: Final = re.compile(r"(?<=\s)(?P<flag>\+{1,2}|-{1,2})\s*$")
_WORD: Final = re.compile(r"\S+")

#: Units that are one plain word.
_PLAIN_UNITS: Final = frozenset(
    [
        "%",
        "‰",
        "fl",
        "pg",
        "s",
        "sec",
        "secs",
        "seconds",
        "mm",
        "g",
        "mg",
        "µg",
        "ug",
        "ng",
        "mmhg",
        "kpa",
        "ratio",
        "index",
        "inr",
        "ph",
        "u",
        "iu",
        "meq",
        "mol",
        "mmol",
        "mosm",
        "um3",
        "µm³",
        "titer",
        "units",
        "cells",
        "sec.",
        "s.",
        "ppm",
        "rel.",
    ]
)
_SLASHED: Final = re.compile(
    r"(?:[x×*·]?\s?10\s?(?:\^|\*{1,2}|[eE])?\s?\(?\+?\d{1,2}\)?\s?)?"
    r"(?:[A-Za-zµμ%°\[\]{}()'.*0-9³²^]*[A-Za-zµμ%\]})])?\s?/\s?"
    r"[A-Za-zµμ0-9\[\]{}(._][A-Za-zµμ0-9\[\]{}()²³^*._,]*"
    r"(?:\s?/\s?[A-Za-zµμ0-9\[\]{}()²³^*._,]+)*"
)
#: A second word that belongs to a unit: ng/mL FEU, mg/g creat, mL/min/1.73 m2.
_UNIT_TAIL: Final = re.compile(
    r"(?i)feu|ddu|creat\w*\.?|cr|krea|hb|wbcs?|rbcs?|m2|m²|m\^2|sq\.?m|bce|protein"
)


@dataclass(frozen=True, slots=True)
class Grammar:
    """How cells are read in one document.

    Attributes:
        ucum: UCUM code of a printed unit, None when it is not certain.
    """

    ucum: Callable[[str], str | None]

    def is_unit(self, text: str) -> bool:
        """Whether a text can only be a unit."""
        if text.casefold() in _PLAIN_UNITS:
            return True
        if _SLASHED.fullmatch(text):
            return bool(_LETTERS.search(text)) and not _SPAN.fullmatch(text)
        return not text.isdigit() and len(text) > 1 and self.ucum(text) is not None and not text.isalpha()


@dataclass(frozen=True, slots=True)
class Parts:
    """A result in its printed parts; parts that are not there are empty.

    Attributes:
        value: the characters of the result, comparator included.
        absent: FHIR data-absent-reason where the value's words say that there is none.
        text: whether the value is words.
    """

    value: Strip = field(default=EMPTY)
    flag: Strip = field(default=EMPTY)
    unit: Strip = field(default=EMPTY)
    range: Strip = field(default=EMPTY)
    absent: str | None = None
    text: bool = False


def result(strip: Strip, grammar: Grammar, *, cell: bool) -> Parts | None:
    """Read a result and all that follows it.

    Args:
        strip: begins with the result, or with a flag before it.
        grammar: of the document.
        cell: whether the strip is one cell of a table, where a range or spaced thousands are a result too.

    Returns:
        The parts, or None when something is left over that is none of them.
    """
    if not strip:
        return None
    reason = absent_reason(strip.text)
    if reason is not None:
        return Parts(value=strip, absent=reason, text=True)
    if cell and (_SPAN.fullmatch(strip.text) or _SPACED_THOUSANDS.fullmatch(strip.text)):
        return Parts(value=strip)
    if QUALITATIVE.fullmatch(strip.text):
        return Parts(value=strip, text=True)
    parts, position = _leading(strip)
    found = _value(strip, position)
    if found is None:
        return None
    value, end, is_text = found
    return rest(strip, end, replace(parts, value=value, text=is_text), grammar)


def _leading(strip: Strip) -> tuple[Parts, int]:
    """A flag before the value: "H 15.1", "*98"."""
    match = re.match(r"(?P<flag>HH|LL|H|L|A|C|\*{1,3}|[↑↓▲▼])\s?(?=[<>≤≥\d.])", strip.text)
    if match is None:
        return Parts(), 0
    return Parts(flag=strip.cut(match.start("flag"), match.end("flag"))), match.end()


def _value(strip: Strip, position: int) -> tuple[Strip, int, bool] | None:
    for pattern in (_RATIO, _VALUE, _VALUE_TIGHT):
        match = pattern.match(strip.text, position)
        if match is not None:
            return strip.cut(match.start(), match.end()), match.end(), False
    if match := _NOTED.match(strip.text, position):
        return strip.cut(match.start(), match.end("value")), match.end(), False
    if match := QUALITATIVE.match(strip.text, position):
        return strip.cut(match.start(), match.end()), match.end(), True
    return None


def rest(strip: Strip, position: int, parts: Parts, grammar: Grammar) -> Parts | None:
    """Read flag, unit and range in any order, each at most once, to the end of the strip."""
    text = strip.text
    while position < len(text):
        if text[position] in " ,;|":
            position += 1
            continue
        step = _flag(strip, position, parts) or _range(strip, position, parts, grammar)
        step = step or _unit(strip, position, parts, grammar)
        if step is None:
            return None
        parts, position = step
    return parts


def _flag(strip: Strip, position: int, parts: Parts) -> tuple[Parts, int] | None:
    match = INLINE_FLAG.match(strip.text, position)
    if match is None and parts.value and not parts.text:
        match = _SIGN_FLAG.match(strip.text, position)
    if parts.flag or match is None:
        return None
    return replace(parts, flag=strip.cut(match.start("flag"), match.end("flag"))), match.end()


def _range(strip: Strip, position: int, parts: Parts, grammar: Grammar) -> tuple[Parts, int] | None:
    match = _RANGE.match(strip.text, position)
    if parts.range or match is None:
        return None
    start = match.end("label") if match["label"] else match.start()
    end = match.end()
    unit = _unit_at(strip, end, grammar)
    if unit is not None and (match["open"] or parts.unit):
        end = unit
    if match["open"]:
        closing = re.match(r"\s?[)\]}]", strip.text[end:])
        if closing is None:
            return None
        start = match.end("open")
        inner = strip.cut(start, end)
        return replace(parts, range=inner), end + closing.end()
    if end < len(strip.text) and strip.text[end] not in " ,;|":
        return None
    return replace(parts, range=strip.cut(start, end)), end


def _unit(strip: Strip, position: int, parts: Parts, grammar: Grammar) -> tuple[Parts, int] | None:
    end = _unit_at(strip, position, grammar)
    if parts.unit or end is None:
        return None
    text = strip.text[position:end]
    opened = text.startswith(("(", "[")) and text.endswith((")", "]")) and grammar.is_unit(text[1:-1])
    return replace(parts, unit=strip.cut(position + opened, end - opened)), end


def _unit_at(strip: Strip, position: int, grammar: Grammar) -> int | None:
    """Where a unit that begins at `position` ends; the longest reading wins."""
    while position < len(strip.text) and strip.text[position] == " ":
        position += 1
    ends = [match.end() for match in _WORD.finditer(strip.text, position)][:3]
    # ")" of a range in brackets is not part of the unit in it.
    ends += [end - 1 for end in ends if strip.text[end - 1] in ")],;"]
    for end in sorted(set(ends), reverse=True):
        text = strip.text[position:end]
        bare = text[1:-1] if text.startswith(("(", "[")) and text.endswith((")", "]")) else text
        first, _, tail = bare.rpartition(" ")
        if grammar.is_unit(bare) or (first and _UNIT_TAIL.fullmatch(tail) and grammar.is_unit(first)):
            return end
    return None
