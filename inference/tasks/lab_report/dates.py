"""Dates as they are printed. A date that can be read in two ways, or has no zone for its time, says less.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mappers.domain.times import Moment

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier enero gennaio", "feb february februar février febrero febbraio",
            "mar march märz mars marzo", "apr april avril abril aprile", "may mai mayo maggio",
            "jun june juni juin junio giugno", "jul july juli juillet julio luglio",
            "aug august août agosto", "sep sept september septembre septiembre settembre",
            "oct october oktober okt octobre octubre ottobre", "nov november novembre noviembre",
            "dec december dezember dez décembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_NAME: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_TIME: Final = r"(?:[T ,]{1,3}(?:at )?\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?(?:\s?h)?)?"
_PATTERNS: Final = (
    re.compile(rf"(?<!\d)(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})(?!\d){_TIME}"),
    re.compile(rf"(?<!\d)(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?(?P<y>\d{{4}})(?!\d){_TIME}"),
    re.compile(rf"(?<!\d)(?P<one>\d{{1,2}})[/-](?P<two>\d{{1,2}})[/-](?P<y>\d{{4}})(?!\d){_TIME}"),
    re.compile(
        rf"(?i)(?<!\d)(?P<d>\d{{1,2}})[-. ]{{1,2}}(?P<n>{_NAME})\.?[-, ]{{1,2}}(?P<y>\d{{4}})(?!\d){_TIME}"
    ),
    re.compile(rf"(?i)\b(?P<n>{_NAME})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})(?!\d){_TIME}"),
    re.compile(rf"(?<!\d)(?P<short>\d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{2}})(?!\d){_TIME}"),
)
_MONTHS_IN_YEAR: Final = 12


@dataclass(frozen=True, slots=True)
class Date:
    """A date in a text: where it stands, and its meaning if there is only one."""

    start: int
    end: int
    moment: Moment | None


def find(text: str) -> Date | None:
    """The first date in a text."""
    found = [match for pattern in _PATTERNS for match in [pattern.search(text)] if match]
    if not found:
        return None
    # Patterns stand in the order of their certainty.
    match = min(found, key=lambda match: match.start())
    return Date(match.start(), match.end(), _moment(match.groupdict()))


def _moment(parts: dict[str, str | None]) -> Moment | None:
    if parts.get("short"):
        return None
    year, day, month = parts["y"], parts.get("d"), parts.get("m")
    if parts.get("n"):
        month = str(_MONTHS[str(parts["n"]).casefold()])
    if parts.get("one"):
        one, two = str(parts["one"]), str(parts["two"])
        if int(one) > _MONTHS_IN_YEAR or one == two:
            day, month = one, two
        elif int(two) > _MONTHS_IN_YEAR:
            day, month = two, one
        else:
            return None
    try:
        return Moment(f"{year}-{int(str(month)):02d}-{int(str(day)):02d}")
    except ValueError:
        return None
