"""Tables without lines: heads on a line of the page, columns by the white space between the words below.

Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from inference.media.pages import Page, Word
from inference.tasks.lab_report import loose, names, transposed
from inference.tasks.lab_report.assembly import Table, events
from inference.tasks.lab_report.cells import Grammar
from inference.tasks.lab_report.columns import Head, as_strips, heads_of, is_tight, separators, split
from inference.tasks.lab_report.raw import Event, Heading, Row, Unread
from inference.tasks.lab_report.strips import Strip, joined, lines
from inference.tasks.lab_report.vocabulary import Role
from mappers.domain.extraction import Method

_OUTDENT: Final = 40.0
_HANGING: Final = 3.0


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a page below one line of heads.

    Attributes:
        heads: from left to right; none above the first heads of a page.
        x0, x1: the region's edges.
        top: bottom of the heads.
        words: of the line of heads.
    """

    heads: tuple[Head, ...]
    x0: float
    x1: float
    top: float
    borders: tuple[float, ...] = field(default=())
    words: tuple[Word, ...] = field(default=())


def read(
    page: Page, words: Sequence[Word], *, grammar: Grammar, method: Method, before: Region | None
) -> tuple[list[Event], Region | None]:
    """The results of a page's words, and the last region, for a page that goes on without heads.

    Args:
        page: its size and number.
        words: those that no ruled table holds.
        grammar: knows units.
        method: how the words were read.
        before: the last region of the page before.
    """
    regions = _regions(words, grammar)
    if before is not None and before.heads:
        above = replace(before, top=0.0)
    else:
        above = Region((), 0.0, page.width, 0.0)
    shares: dict[int, list[Word]] = {index: [] for index in range(-1, len(regions))}
    heads = {id(word) for region in regions for word in region.words}
    for word in words:
        if id(word) not in heads:
            shares[_owner(word, regions)].append(word)
    found: list[Event] = []
    last = above
    for index, region in ((-1, above), *enumerate(regions)):
        rows = lines(shares[index])
        if region.heads and not region.borders:
            region = replace(region, borders=tuple(separators(region.heads, rows)))  # noqa: PLW2901
        found += _Reader(page, region, grammar, method).read(rows)
        last = region if region.heads else last
    return found, (last if last.heads else None)


def _regions(words: Sequence[Word], grammar: Grammar) -> list[Region]:
    found = []
    for line in lines(words):
        strips = as_strips(line)
        for group in _side_by_side(strips, grammar):
            heads = heads_of(group, grammar)
            if heads is None:
                continue
            if heads[0].role is not Role.NAME and not any(head.role is Role.NAME for head in heads):
                heads = (Head("", Role.NAME, max(0.0, heads[0].x0 - 200), heads[0].x0 - 60), *heads)
            bottom = max(word.box[3] for word in line)
            found.append(Region(heads, heads[0].x0, heads[-1].x1, bottom, words=tuple(line)))
    return found


def _side_by_side(strips: Sequence[Strip], grammar: Grammar) -> list[list[Strip]]:
    """The heads of two tables on one line: each begins with the head of its names."""
    starts = []
    for index, strip in enumerate(strips):
        heads = heads_of([strip, _VALUE_HEAD], grammar)
        if heads is not None and heads[0].role is Role.NAME:
            starts.append(index)
    if len(starts) < 2:  # noqa: PLR2004
        return [list(strips)]
    return [list(strips[start:end]) for start, end in zip(starts, [*starts[1:], len(strips)], strict=True)]


_VALUE_HEAD: Final = Strip.of([Word("Result", (0.0, 0.0, 6.0, 1.0), (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0))])


def _owner(word: Word, regions: Sequence[Region]) -> int:
    """Which region a word belongs to: the closest heads above that reach over it."""
    middle = (word.box[0] + word.box[2]) / 2
    above = [
        (region.top, index) for index, region in enumerate(regions) if region.top <= word.box[1] + _HANGING
    ]
    within = [pair for pair in above if _reaches(regions, pair[1], middle)]
    return max(within, default=(0.0, -1))[1]


def _reaches(regions: Sequence[Region], index: int, x: float) -> bool:
    own = regions[index]
    neighbours = [
        other.x0 for other in regions if other.x0 > own.x1 and abs(other.top - own.top) < _NEIGHBOUR_HEIGHT
    ]
    left = [
        other.x1 for other in regions if other.x1 < own.x0 and abs(other.top - own.top) < _NEIGHBOUR_HEIGHT
    ]
    start = max(own.x0 - _OUTDENT, max(left, default=-1.0)) if left else own.x0 - _OUTDENT
    end = min(neighbours, default=float("inf"))
    return start <= x < end - 1


_NEIGHBOUR_HEIGHT: Final = 150.0


class _Reader:
    """Reads the lines of one region in their order."""

    def __init__(self, page: Page, region: Region, grammar: Grammar, method: Method) -> None:
        self._page = page
        self._region = region
        self._grammar = grammar
        self._method = method
        text = Method.OCR if method is Method.OCR else Method.TEXT
        self._loose_method = text
        self._table = Table(page.number, region.heads, grammar, method, ruled=False)
        self._orphan: Strip | None = None

    def read(self, rows: Sequence[Sequence[Word]]) -> list[Event]:
        """All events of the region."""
        found: list[Event] = []
        sideways = 0
        for index, line in enumerate(rows):
            if index < sideways:
                continue
            turned = self._turned(rows[index:])
            if turned:
                found += turned
                sideways = index + len(rows)
                continue
            for event in self._line(line):
                found.append(event)
                if isinstance(event, Heading):
                    self._table = replace(self._table, panel=event.text.text)
        return found

    def _turned(self, rows: Sequence[Sequence[Word]]) -> list[Event]:
        strips = as_strips(rows[0])
        if not transposed.is_head(strips, self._grammar):
            return []
        heads = [Head(strip.text, Role.OTHER, strip.box[0], strip.box[2]) for strip in strips]
        borders = separators(heads, rows)
        cells = [part for row in rows if (part := split(row, borders)) is not None]
        return transposed.read(
            [[Strip.of(cell) for cell in row] for row in cells],
            page=self._page.number, grammar=self._grammar, method=self._method,
        )  # fmt: skip

    def _line(self, line: Sequence[Word]) -> list[Event]:
        found = self._row(line) if self._region.heads else []
        if any(isinstance(event, Row) for event in found):
            self._orphan = None
            return found
        free = loose.rows(
            as_strips(line), page=self._page.number, grammar=self._grammar, panel=self._table.panel,
            method=self._loose_method,
        )  # fmt: skip
        if free:
            return list(free)
        if self._method is Method.OCR and self._is_lost(line):
            return [Unread(self._page.number, Strip.of(line))]
        return found if self._region.heads else self._heading(line)

    def _is_lost(self, line: Sequence[Word]) -> bool:
        """Whether OCR read a line that begins with an analyte and made no sense of the rest."""
        first = as_strips(line)[0]
        digits = any(letter.isdigit() for word in line for letter in word.text)
        return digits and loose.begins(first, self._grammar)

    def _row(self, line: Sequence[Word]) -> list[Event]:
        columns = split(line, self._region.borders)
        if columns is None or self._runs_on(columns):
            return []
        cells = [Strip.of(words) for words in columns]
        name = next((i for i, head in enumerate(self._region.heads) if head.role is Role.NAME), 0)
        if not cells[name] and self._orphan is not None:
            cells[name] = self._orphan
        found = events(cells, self._table)
        only_name = bool(cells[name]) and not any(cells[:name]) and not any(cells[name + 1 :])
        self._orphan = (
            cells[name]
            if only_name and names.is_known(names.read(cells[name], self._grammar)[0].text)
            else None
        )
        return found

    def _runs_on(self, columns: Sequence[Sequence[Word]]) -> bool:
        """Whether the words of a line go on over a border as a sentence does."""
        heads = self._region.heads
        for index, (left, right) in enumerate(itertools.pairwise(columns)):
            if heads[index].role is Role.NAME and is_tight(left, right):
                name = Strip.of(left)
                follows = joined([Strip.of(part) for part in columns[index + 1 :]])
                numeric = follows.text[:1].isdigit() or follows.text[:1] in "<>≤≥"
                if not (numeric and names.is_known(names.read(name, self._grammar)[0].text)):
                    return True
        return False

    def _heading(self, line: Sequence[Word]) -> list[Event]:
        strips = as_strips(line)
        text = strips[0]
        if len(strips) == 1 and len(text.text.split()) <= 5 and not any(c.isdigit() for c in text.text):  # noqa: PLR2004
            return [Heading(self._page.number, text)]
        return []
