"""Column heads of a table, and where one column ends and the next begins. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from inference.media.pages import Word
from inference.tasks.lab_report import dates
from inference.tasks.lab_report.analytes import normalised
from inference.tasks.lab_report.cells import Grammar
from inference.tasks.lab_report.strips import Strip, cells, letter_width
from inference.tasks.lab_report.vocabulary import Role, role_of

_BRACKET: Final = re.compile(r"\s*[(\[](?P<inner>[^()\[\]]+)[)\]]\s*$")
_LONGEST_HEAD: Final = 4
_FEWEST_HEADS: Final = 2
_LINES_LOOKED_AT: Final = 60
#: Widths of a letter that words of different columns lie apart, when nothing else tells them apart.
COLUMN_GAP: Final = 1.2


@dataclass(frozen=True, slots=True)
class Head:
    """One column.

    Attributes:
        unit: of all its values, where the head names one.
        date: of all its values, as printed.
    """

    text: str
    role: Role
    x0: float
    x1: float
    unit: Strip | None = None
    date: Strip | None = None

    @property
    def middle(self) -> float:
        """Its middle on the line."""
        return (self.x0 + self.x1) / 2


def heads_of(strips: Sequence[Strip], grammar: Grammar) -> tuple[Head, ...] | None:
    """The heads of a table's first row; None when the strips are no heads.

    Args:
        strips: cells of one row; empty ones allowed.
        grammar: knows units.
    """
    found: list[Head] = []
    strangers = 0
    for strip in strips:
        if not strip:
            continue
        some = _heads(strip, grammar)
        strangers += not some
        found += some or [Head(strip.text, Role.OTHER, strip.box[0], strip.box[2])]
    roles = [head.role for head in found]
    if strangers > len(roles) // 3 or not _makes_table(found):
        return None
    return tuple(_settled(found))


def _makes_table(heads: Sequence[Head]) -> bool:
    roles = {head.role for head in heads}
    if len(heads) < _FEWEST_HEADS or Role.VALUE not in roles:
        return False
    return Role.NAME in roles or bool(roles & {Role.UNIT, Role.RANGE})


def _settled(heads: Sequence[Head]) -> list[Head]:
    """LOW and HIGH mean bounds only together; alone each is a flag."""
    roles = {head.role for head in heads}
    if {Role.LOW, Role.HIGH} <= roles:
        return list(heads)
    return [replace(head, role=Role.OTHER) if head.role in {Role.LOW, Role.HIGH} else head for head in heads]


def _heads(strip: Strip, grammar: Grammar) -> list[Head]:
    whole = _head(strip, grammar)
    if whole is not None:
        return [whole]
    words = [match.span() for match in re.finditer(r"\S+", strip.text)]
    found: list[Head] = []
    index = 0
    while index < len(words):
        for length in range(min(_LONGEST_HEAD, len(words) - index), 0, -1):
            part = strip.cut(words[index][0], words[index + length - 1][1])
            head = _head(part, grammar)
            if head is not None:
                found.append(head)
                index += length
                break
        else:
            return []
    return found


def _head(strip: Strip, grammar: Grammar) -> Head | None:
    text, unit, date = strip.text, None, None
    bracket = _BRACKET.search(text)
    if bracket and grammar.is_unit(bracket["inner"].strip()):
        unit = strip.cut(bracket.start("inner"), bracket.end("inner"))
        text = text[: bracket.start()]
    elif bracket:
        text = text[: bracket.start()]
    when = dates.find(text)
    if when is not None:
        date = strip.cut(when.start, when.end)
        text = f"{text[: when.start]} {text[when.end :]}"
    name = normalised(text).strip("()/| ")
    role = Role.VALUE if date is not None and not name else role_of(name)
    if role is None:
        return None
    x0, _, x1, _ = strip.box
    return Head(name, role, x0, x1, unit, date)


def separators(heads: Sequence[Head], rows: Sequence[Sequence[Word]]) -> list[float]:
    """X between each pair of neighbouring columns: where the fewest words of the rows are cut.

    Args:
        heads: from left to right.
        rows: lines of words under the heads.
    """
    found = []
    rows = rows[:_LINES_LOOKED_AT]
    for left, right in itertools.pairwise(heads):
        start, end = left.middle, max(left.middle + 1, right.middle)
        places = [start + step for step in range(int(end - start) + 1)]
        cuts = [_cuts(x, rows) + 10 * (left.x0 + 1 < x < left.x1 - 1 or right.x0 + 1 < x < right.x1 - 1)
                for x in places]  # fmt: skip
        found.append(_middle_of_longest_run(places, cuts))
    return found


def _cuts(x: float, rows: Sequence[Sequence[Word]]) -> int:
    return sum(word.box[0] < x < word.box[2] for row in rows for word in row)


def _middle_of_longest_run(places: Sequence[float], cuts: Sequence[int]) -> float:
    fewest = min(cuts)
    best, run = (0, 0), None
    for index, cut in enumerate([*cuts, fewest + 1]):
        if cut == fewest:
            run = index if run is None else run
        elif run is not None:
            if index - run > best[1] - best[0]:
                best = (run, index)
            run = None
    return (places[best[0]] + places[best[1] - 1]) / 2


def split(line: Sequence[Word], borders: Sequence[float]) -> list[list[Word]] | None:
    """The words of a line by column; None when a word lies across a border: the line is no row."""
    columns: list[list[Word]] = [[] for _ in range(len(borders) + 1)]
    for word in line:
        x0, _, x1, _ = word.box
        middle = (x0 + x1) / 2
        column = sum(border <= middle for border in borders)
        if any(x0 + 1.5 < border < x1 - 1.5 for border in borders):
            return None
        columns[column].append(word)
    return columns


def is_tight(left: Sequence[Word], right: Sequence[Word]) -> bool:
    """Whether words of two columns stand as close as words of a sentence."""
    if not left or not right:
        return False
    gap = right[0].box[0] - left[-1].box[2]
    return gap < COLUMN_GAP * letter_width([*left, *right])


def as_strips(line: Sequence[Word]) -> list[Strip]:
    """The cells of a line as strips."""
    return [Strip.of(cell) for cell in cells(line)]
