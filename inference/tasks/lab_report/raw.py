"""Results as they stand on the page, before their numbers and codes are settled. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field

from inference.tasks.lab_report.cells import Parts
from inference.tasks.lab_report.strips import EMPTY, Strip
from mappers.domain.extraction import Method


@dataclass(frozen=True, slots=True)
class Row:
    """One result on the page.

    Attributes:
        low, high: bounds where the table has a column for each.
        date: when it was taken, as printed in its column or row.
        panel: the heading above it, in the order of the page.
    """

    page: int
    name: Strip
    parts: Parts
    method: Method
    low: Strip = field(default=EMPTY)
    high: Strip = field(default=EMPTY)
    specimen: Strip = field(default=EMPTY)
    code: Strip = field(default=EMPTY)
    date: Strip = field(default=EMPTY)
    panel: str | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that names what follows."""

    page: int
    text: Strip


@dataclass(frozen=True, slots=True)
class Unread:
    """A place that looks like a result and could not be read."""

    page: int
    text: Strip


Event = Row | Heading | Unread
