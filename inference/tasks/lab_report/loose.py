"""Results outside of tables: "Hemoglobin ..... 13.5 g/dL (12.0-16.0)". Pure.

Here only analytes that the table knows are read, at the start of a line or cell, and only when nothing is
left over behind them: a sentence that mentions a value is a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from inference.tasks.lab_report import analytes, names
from inference.tasks.lab_report.cells import Grammar, Parts, result
from inference.tasks.lab_report.raw import Row
from inference.tasks.lab_report.strips import Strip, joined
from mappers.domain.extraction import Method

_WORD: Final = re.compile(r"\S+")
_LEADER: Final = re.compile(r"[\s:=_….·-]*(?=[\s<>≤≥]|[A-Za-z]|\d|[*↑↓+])")
_LONGEST_NAME: Final = 8
_LONGEST_ABSENCE: Final = 40


def rows(
    cells: Sequence[Strip], *, page: int, grammar: Grammar, panel: str | None, method: Method
) -> list[Row]:
    """The results of one line; none when any part of it cannot be read.

    Args:
        cells: of the line, from left to right.
        page: its number.
        grammar: knows units.
        panel: the heading above.
        method: how the words were read.
    """
    groups: list[list[Strip]] = []
    for cell in cells:
        if not groups or _name(cell, grammar) is not None:
            groups.append([cell])
        else:
            groups[-1].append(cell)
    found = []
    for group in groups:
        read = _read(joined(group), grammar)
        if read is not None:
            name, parts = read
            found.append(Row(page, name, parts, method, panel=panel))
    return found


def begins(strip: Strip, grammar: Grammar) -> bool:
    """Whether a strip begins with an analyte that the table knows."""
    return _name(strip, grammar) is not None


def _name(strip: Strip, grammar: Grammar) -> tuple[int, Strip, Strip] | None:
    """End of the longest known name that a strip begins with, the name, and a unit in brackets after it."""
    ends = [match.end() for match in _WORD.finditer(strip.text)][:_LONGEST_NAME]
    for end in reversed(ends):
        name, unit = names.read(strip.cut(0, end), grammar)
        if name and names.is_known(name.text):
            return end, name, unit
    return None


def _read(strip: Strip, grammar: Grammar) -> tuple[Strip, Parts] | None:
    found = _name(strip, grammar)
    if found is None:
        return None
    end, name, unit = found
    leader = _LEADER.match(strip.text, end)
    tail = strip.cut(_after(leader, strip.text, end))
    parts = result(tail, grammar, cell=False)
    if parts is None or not parts.value:
        return None
    if unit and not parts.unit:
        parts = Parts(parts.value, parts.flag, unit, parts.range, parts.absent, parts.text)
    return (name, parts) if _is_supported(name, parts) else None


def _after(leader: re.Match[str] | None, text: str, end: int) -> int:
    if leader is None:
        return end
    stop = leader.end()
    # A minus sign that touches its number is a sign, not a leader.
    return stop - 1 if stop > end and text[stop - 1] == "-" and text[stop : stop + 1].isdigit() else stop


def _is_supported(name: Strip, parts: Parts) -> bool:
    if parts.absent is not None:
        return len(parts.value.text) <= _LONGEST_ABSENCE
    if parts.text or parts.unit or parts.range:
        return True
    return any(analyte.ucum.startswith(("{", "[pH]")) for analyte in analytes.candidates(name.text))
