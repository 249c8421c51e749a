"""Points in time with the precision that their source gave them, and no more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_DATE_TIME = re.compile(
    r"(?!0000)\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])"
    r"(T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00)))?)?)?",
    re.ASCII,
)
_EVERY_MONTH_HAS = "28"


@dataclass(frozen=True, slots=True)
class Moment:
    """A FHIR dateTime as text: `2026`, `2026-11`, `2026-11-22` or with time, seconds and offset.

    Raises:
        ValueError: the text is no FHIR dateTime (R4 §2.24.0.1). The message does not repeat the text.
    """

    text: str

    def __post_init__(self) -> None:
        if not _DATE_TIME.fullmatch(self.text):
            raise ValueError("not a FHIR dateTime")
        if self.text[8:10] > _EVERY_MONTH_HAS:
            _check_calendar(self.text[:10])

    @property
    def date(self) -> str:
        """The date part, at its own precision."""
        return self.text[:10]

    @property
    def is_instant(self) -> bool:
        """Whether seconds and offset are there, as FHIR `instant` requires."""
        return "T" in self.text

    def __str__(self) -> str:
        return self.text


def _check_calendar(day: str) -> None:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise ValueError("not a day of the calendar") from None


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to `end`; either may be unknown, not both."""

    start: Moment | None = None
    end: Moment | None = None

    def __post_init__(self) -> None:
        if self.start is None and self.end is None:
            raise ValueError("a period needs a start or an end")


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A FHIR time, `hh:mm:ss[.fff]`."""

    text: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?", self.text, re.ASCII):
            raise ValueError("not a FHIR time")
