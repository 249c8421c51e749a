"""Tables that are drawn with lines: columns from the lines, rows from the lines where there are any. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from inference.media.pages import Box, Grid, Page, Word
from inference.tasks.lab_report import transposed
from inference.tasks.lab_report.assembly import Table, events
from inference.tasks.lab_report.cells import Grammar
from inference.tasks.lab_report.columns import Head, heads_of
from inference.tasks.lab_report.raw import Event, Heading, Row
from inference.tasks.lab_report.strips import EMPTY, Strip, inside, lines
from mappers.domain.extraction import Method

_HEAD_WITHIN: Final = 4
_HEAD_ABOVE: Final = 32.0
_SAME_EDGE: Final = 6.0
_NUMBER_ALONE: Final = re.compile(r"[<>≤≥]{0,2}=?\s?[\d.,]+\s?[A-Z*]{0,2}")


@dataclass(frozen=True, slots=True)
class Read:
    """What one ruled table gave.

    Attributes:
        heads: for a table on a following page that goes on without any.
        box: the part of the page that needs no other reading.
    """

    events: tuple[Event, ...]
    heads: tuple[Head, ...]
    box: Box


def read(grid: Grid, page: Page, *, grammar: Grammar, method: Method, before: Read | None) -> Read | None:
    """Read a ruled table; None when it is no table of results.

    Args:
        grid: its cells.
        page: with the words.
        grammar: knows units.
        method: how the words were read.
        before: the last ruled table, whose heads may go on here.
    """
    rows = [row for cells in grid.rows for row in _rows(cells, page.words)]
    turned = transposed.read(rows, page=page.number, grammar=grammar, method=method)
    if turned:
        return Read(tuple(turned), (), grid.box)
    heads, start = _heads(rows, grid, page, grammar)
    if heads is None and before is not None and _goes_on(before.heads, rows, grid):
        heads, start = before.heads, 0
    if heads is None:
        return None
    table = Table(page.number, heads, grammar, method, ruled=True)
    found: list[Event] = []
    for row in rows[start:]:
        for event in events(_fitted(row, heads), table):
            found.append(event)
            if isinstance(event, Heading):
                table = replace(table, panel=event.text.text)
    if not any(isinstance(event, Row) for event in found):
        return None
    return Read(tuple(found), heads, grid.box)


def _rows(cells: Sequence[Box | None], words: Sequence[Word]) -> list[list[Strip]]:
    """One drawn row: more than one result when the lines between the rows are not drawn."""
    members = [inside(words, box) if box is not None else [] for box in cells]
    if not any(_is_stack(part) for part in members):
        return [[_strip(part) for part in members]]
    every = lines([word for part in members for word in part])
    chosen = [{id(word) for word in line} for line in every]
    return [[_strip([word for word in part if id(word) in line]) for part in members] for line in chosen]


def _is_stack(words: Sequence[Word]) -> bool:
    """Whether a cell holds one number above the other: several results, not one that was wrapped."""
    rows = [Strip.of(line).text for line in lines(words)]
    return len(rows) > 1 and all(_NUMBER_ALONE.fullmatch(row) for row in rows)


def _strip(words: Sequence[Word]) -> Strip:
    return Strip.of([word for line in lines(words) for word in line])


def _heads(
    rows: Sequence[Sequence[Strip]], grid: Grid, page: Page, grammar: Grammar
) -> tuple[tuple[Head, ...] | None, int]:
    for index, row in enumerate(rows[:_HEAD_WITHIN]):
        found = heads_of(row, grammar)
        if found is not None and len(found) <= len(row):
            return _by_cell(row, found), index + 1
    edges = [cell for cell in grid.rows[0] if cell is not None]
    x0, top, x1, _ = grid.box
    above = inside(page.words, (x0 - _SAME_EDGE, top - _HEAD_ABOVE, x1 + _SAME_EDGE, top))
    for line in reversed(lines(above)):
        strips = [_strip(inside(line, (cell[0], 0, cell[2], page.height))) for cell in edges]
        found = heads_of(strips, grammar)
        if found is not None and len(edges) == len(grid.rows[0]):
            return _by_cell(strips, found), 0
    return None, 0


def _by_cell(row: Sequence[Strip], found: Sequence[Head]) -> tuple[Head, ...]:
    """One head for each cell; a cell without words has a head without a role, the first one is the name."""
    named = any(head.role.value == "name" for head in found)
    heads = []
    for index, strip in enumerate(row):
        own = [head for head in found if strip and strip.box[0] - 1 <= head.middle <= strip.box[2] + 1]
        if own:
            heads.append(own[0])
        else:
            role = transposed.NAME if index == 0 and not named else transposed.OTHER
            heads.append(Head("", role, 0.0, 0.0))
    return tuple(heads)


def _goes_on(heads: Sequence[Head], rows: Sequence[Sequence[Strip]], grid: Grid) -> bool:
    """Whether a table without heads has the columns of the one before it."""
    if not rows or len(rows[0]) != len(heads) or not heads:
        return False
    cells = grid.rows[0]
    placed = [(head, cell) for head, cell in zip(heads, cells, strict=True) if cell and head.x1]
    return all(cell[0] - _SAME_EDGE <= head.middle <= cell[2] + _SAME_EDGE for head, cell in placed)


def _fitted(row: Sequence[Strip], heads: Sequence[Head]) -> list[Strip]:
    return [*row, *[EMPTY] * len(heads)][: len(heads)]
