"""Tables that stand on their side: analytes are the column heads, each row is a date. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from inference.tasks.lab_report import dates, names
from inference.tasks.lab_report.cells import Grammar, Parts, result
from inference.tasks.lab_report.raw import Event, Row, Unread
from inference.tasks.lab_report.strips import EMPTY, Strip
from inference.tasks.lab_report.vocabulary import Role, role_of
from mappers.domain.extraction import Method

NAME: Final = Role.NAME
OTHER: Final = Role.OTHER
_FEWEST_ANALYTES: Final = 2


def read(rows: Sequence[Sequence[Strip]], *, page: int, grammar: Grammar, method: Method) -> list[Event]:
    """The results of a table whose first row names analytes; none when it does not.

    Args:
        rows: cells, as many in each row.
        page: its number.
        grammar: knows units.
        method: how the words were read.
    """
    if len(rows) < _FEWEST_ANALYTES or not is_head(rows[0], grammar):
        return []
    heads = [names.read(cell, grammar) for cell in rows[0]]
    units = [unit for _, unit in heads]
    ranges = [EMPTY] * len(heads)
    found: list[Event] = []
    for row in rows[1:]:
        label = row[0].text.casefold().strip(" :")
        role = role_of(label)
        others = [cell for cell in row[1:] if cell]
        if role is Role.UNIT or (others and all(grammar.is_unit(cell.text.strip("()[]")) for cell in others)):
            units = [unit or cell for unit, cell in zip(units, row, strict=False)]
        elif role is Role.RANGE:
            ranges = list(row)
        elif dates.find(row[0].text) or role is Role.VALUE:
            for index in range(1, min(len(row), len(heads))):
                found += _cell(
                    Row(page, heads[index][0], Parts(), method, date=row[0] if role is None else EMPTY),
                    row[index], units[index], ranges[index], grammar,
                )  # fmt: skip
    return found


def is_head(row: Sequence[Strip], grammar: Grammar) -> bool:
    """Whether all cells but the first name analytes of the table."""
    cells = [cell for cell in row[1:] if cell]
    known = [cell for cell in cells if names.is_known(names.read(cell, grammar)[0].text)]
    first = row[0].text if row else ""
    return len(known) >= _FEWEST_ANALYTES and len(known) == len(cells) and not names.is_known(first)


def _cell(row: Row, cell: Strip, unit: Strip, reference: Strip, grammar: Grammar) -> list[Event]:
    if not cell or not row.name:
        return []
    parts = result(cell, grammar, cell=True)
    if parts is None:
        return [Unread(row.page, cell)] if any(letter.isdigit() for letter in cell.text) else []
    return [replace(row, parts=replace(parts, unit=parts.unit or unit, range=parts.range or reference))]
