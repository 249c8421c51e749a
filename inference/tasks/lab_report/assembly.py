"""The cells of one table row, each under its head, put together to a result. Pure.

A row becomes a result only when something beside the number speaks for it: a unit, a range, a flag, a known
analyte, or the lines of a ruled table. What looks like a result and cannot be read is said to be unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from inference.tasks.lab_report import names
from inference.tasks.lab_report.cells import Grammar, Parts, rest, result
from inference.tasks.lab_report.columns import Head
from inference.tasks.lab_report.raw import Event, Heading, Row, Unread
from inference.tasks.lab_report.strips import EMPTY, Strip, joined
from inference.tasks.lab_report.vocabulary import Role, role_of
from mappers.domain.extraction import Method

_LETTER: Final = re.compile(r"[^\W\d_]")
_DIGIT: Final = re.compile(r"\d")
_LONGEST_TEXT_RESULT: Final = 40
_LONGEST_HEADING: Final = 9
_LONGEST_NAME: Final = 80
_FEWEST_LETTERS: Final = 2


@dataclass(frozen=True, slots=True)
class Table:
    """What the rows of one table share.

    Attributes:
        ruled: whether lines are drawn around its cells.
        panel: the last heading in it.
    """

    page: int
    heads: tuple[Head, ...]
    grammar: Grammar
    method: Method
    ruled: bool
    panel: str | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    """A value column and the columns that speak about it."""

    value: int
    about: tuple[int, ...]


def events(cells: Sequence[Strip], table: Table) -> list[Event]:
    """What one row says: results, a heading, or a place that could not be read.

    Args:
        cells: one strip for each head, empty where the cell is.
        table: the heads and how to read below them.
    """
    name, unit = names.read(joined(_in(cells, table, Role.NAME)), table.grammar)
    rest_of_row = [cell for head, cell in zip(table.heads, cells, strict=True) if head.role is not Role.NAME]
    if not any(rest_of_row):
        return [Heading(table.page, name)] if _is_heading(name) else []
    if len(name.text) > _LONGEST_NAME or not _LETTER.search(name.text) or _is_head_row(cells):
        return []
    row = Row(
        table.page,
        name,
        Parts(),
        table.method,
        low=joined(_in(cells, table, Role.LOW)),
        high=joined(_in(cells, table, Role.HIGH)),
        specimen=joined(_in(cells, table, Role.SPECIMEN)),
        code=joined(_in(cells, table, Role.CODE)),
        panel=table.panel,
    )
    found: list[Event] = []
    for group in _groups(table.heads):
        found += _read(row, cells, group, table, unit)
    filled = [event for event in found if isinstance(event, Row)]
    if len(filled) > 1 and not _told_apart(table.heads):
        return [Unread(table.page, joined(cells))]
    return found


def _in(cells: Sequence[Strip], table: Table, role: Role) -> list[Strip]:
    return [cell for head, cell in zip(table.heads, cells, strict=True) if head.role is role]


def _is_heading(name: Strip) -> bool:
    words = name.text.split(" ")
    return bool(_LETTER.search(name.text)) and len(words) <= _LONGEST_HEADING and not name.text.endswith(".")


def _is_head_row(cells: Sequence[Strip]) -> bool:
    """A head printed again, as on a second page."""
    roles = [role_of(cell.text.casefold().strip(" :")) for cell in cells if cell]
    return len(roles) > 1 and all(role is not None for role in roles)


def _groups(heads: Sequence[Head]) -> Iterator[_Group]:
    values = [index for index, head in enumerate(heads) if head.role is Role.VALUE]
    about = [i for i, head in enumerate(heads) if head.role in {Role.UNIT, Role.RANGE, Role.FLAG}]
    units = [index for index in about if heads[index].role is Role.UNIT]
    for value, following in zip(values, [*values[1:], len(heads)], strict=True):
        own = len(values) > 1 and len(units) >= len(values)
        flags_apart = len(values) > 1 and not own
        chosen = [
            index
            for index in about
            if (not own or value < index < following)
            and (not flags_apart or heads[index].role is not Role.FLAG or value < index < following)
        ]
        yield _Group(value, tuple(chosen))


def _told_apart(heads: Sequence[Head]) -> bool:
    """Whether several results of one row are of different dates or in different units."""
    values = [head for head in heads if head.role is Role.VALUE]
    dates = {head.date.text for head in values if head.date}
    units = {head.unit.text for head in values if head.unit}
    own_units = sum(head.role is Role.UNIT for head in heads) >= len(values)
    return len(values) in (len(dates), len(units)) or own_units


def _read(row: Row, cells: Sequence[Strip], group: _Group, table: Table, unit: Strip) -> list[Event]:
    value = cells[group.value]
    head = table.heads[group.value]
    around = [cells[index] for index in group.about]
    if not value and _is_lost(row, around, table):
        return [Unread(row.page, joined([row.name, *around]))]
    if not value and not any(_DIGIT.search(cell.text) for cell in around):
        return []
    parts = _parts(value, [(table.heads[index].role, cells[index]) for index in group.about], table.grammar)
    if parts is None or not parts.value:
        if not value:
            return []
        suspicious = _DIGIT.search(value.text) and (table.ruled or names.is_known(row.name.text))
        return [Unread(row.page, joined([row.name, value]))] if suspicious else []
    if not parts.unit:
        parts = replace(parts, unit=unit or head.unit or EMPTY)
    row = replace(row, parts=parts, date=head.date or EMPTY)
    return [row] if _is_supported(row, table) else []


def _is_lost(row: Row, around: Sequence[Strip], table: Table) -> bool:
    """Whether OCR saw a row and not its value: unit and range stand there, and nothing was measured."""
    values = sum(head.role is Role.VALUE for head in table.heads)
    seen = sum(bool(cell) for cell in around)
    return table.method is Method.OCR and values == 1 and seen > 1 and names.is_known(row.name.text)


def _parts(value: Strip, about: Sequence[tuple[Role, Strip]], grammar: Grammar) -> Parts | None:
    parts = result(value, grammar, cell=True)
    if parts is None:
        if not value or _DIGIT.search(value.text) or len(value.text) > _LONGEST_TEXT_RESULT:
            return None
        parts = Parts(value=value, text=True)
    for role, cell in about:
        if not cell:
            continue
        if role is Role.FLAG:
            parts = replace(parts, flag=cell)
        elif role is Role.RANGE:
            parts = replace(parts, range=cell)
        else:
            parts = _with_unit(parts, cell, grammar)
    return parts


def _with_unit(parts: Parts, cell: Strip, grammar: Grammar) -> Parts:
    if grammar.is_unit(cell.text):
        return replace(parts, unit=cell)
    read = rest(cell, 0, replace(parts, unit=EMPTY), grammar)
    if read is not None and read.unit:
        return read
    return replace(parts, unit=parts.unit or cell)


def _is_supported(row: Row, table: Table) -> bool:
    parts = row.parts
    known = names.is_known(row.name.text)
    if sum(letter.isalpha() for letter in row.name.text) < _FEWEST_LETTERS and not known:
        return False
    about = bool(parts.unit or parts.range or parts.flag or row.low or row.high)
    return known or about or table.ruled or parts.absent is not None
