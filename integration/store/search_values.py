"""What of a resource can be searched for: index rows, and times as intervals. No SQL, no HTTP.

Dates compare as intervals in UTC (R4 search §3.1.1.4.5): `2026-11` is the whole month. A time without an
offset, stored or asked for, is read as UTC.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from integration.store.search_parameters import PARAMETERS, Kind, Parameter

EARLIEST = "0001-01-01T00:00:00.000000"
LATEST = "9999-12-31T23:59:59.999999"
#: Longer values are cut, stored and asked for alike: a PostgreSQL index row holds at most 2,704 bytes.
LONGEST_VALUE = 500

_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)
_TYPED_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?$")


@dataclass(frozen=True, slots=True)
class Interval:
    """All instants from `low` to `high`, both included, as UTC text of fixed width that sorts."""

    low: str
    high: str


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One searchable value of a resource's current version.

    Attributes:
        parameter: its name; `patient:identifier` holds the identifiers inside references of `patient`.
        system: of a token, where it has one.
        value: the token's code, the reference, or the normalised text or a word of it.
        low, high: of a date.
    """

    parameter: str
    system: str | None = None
    value: str | None = None
    low: str | None = None
    high: str | None = None


def index_rows(resource: Mapping[str, Any]) -> frozenset[IndexRow]:
    """All searchable values of a resource; none for a type that is not served."""
    parameters = PARAMETERS.get(resource["resourceType"], {})
    return frozenset(
        row
        for parameter in parameters.values()
        for path in parameter.paths
        for value in _walk(resource, path.split("."))
        for row in _ROWS[parameter.kind](parameter, value)
    )


def _walk(node: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _walk(item, path)
    elif not path:
        if node is not None:
            yield node
    elif isinstance(node, Mapping) and path[0] in node:
        yield from _walk(node[path[0]], path[1:])


def _tokens(parameter: Parameter, value: Any) -> Iterator[IndexRow]:
    if isinstance(value, bool):
        yield IndexRow(parameter.name, value=str(value).lower())
    elif isinstance(value, str):
        yield IndexRow(parameter.name, value=value[:LONGEST_VALUE])
    elif isinstance(value, Mapping):
        for coding in value.get("coding", (value,)):
            code = coding.get("code") or coding.get("value")  # Coding; Identifier
            if isinstance(code, str):
                yield IndexRow(parameter.name, coding.get("system"), code[:LONGEST_VALUE])


def _references(parameter: Parameter, value: Any) -> Iterator[IndexRow]:
    if not isinstance(value, Mapping):
        return
    reference = value.get("reference")
    if isinstance(reference, str) and not reference.startswith("#"):
        kind = reference_type(reference)
        if not parameter.targets or kind is None or kind in parameter.targets:
            yield IndexRow(parameter.name, value=unversioned(reference))
    identifier = value.get("identifier")
    if isinstance(identifier, Mapping) and identifier.get("value"):
        yield IndexRow(
            f"{parameter.name}:identifier", identifier.get("system"), identifier["value"][:LONGEST_VALUE]
        )


def _dates(parameter: Parameter, value: Any) -> Iterator[IndexRow]:
    if parameter.exact:
        if isinstance(value, str):
            yield IndexRow(parameter.name, value=value)
    elif isinstance(value, str):
        if (moment := interval(value)) is not None:
            yield IndexRow(parameter.name, low=moment.low, high=moment.high)
    elif isinstance(value, Mapping) and ("start" in value or "end" in value):
        start = interval(value["start"]) if "start" in value else None
        end = interval(value["end"]) if "end" in value else None
        yield IndexRow(parameter.name, low=start.low if start else EARLIEST, high=end.high if end else LATEST)


def _strings(parameter: Parameter, value: Any) -> Iterator[IndexRow]:
    if isinstance(value, str):
        texts = [value]
    elif isinstance(value, Mapping):  # HumanName: any of its parts
        parts = (value.get(part, ()) for part in ("text", "family", "given", "prefix", "suffix"))
        texts = [text for part in parts for text in ([part] if isinstance(part, str) else part)]
    else:
        return
    for text in texts:
        if folded := fold(text):
            yield from (IndexRow(parameter.name, value=each) for each in {folded, *folded.split(" ")})


_ROWS = {Kind.TOKEN: _tokens, Kind.REFERENCE: _references, Kind.DATE: _dates, Kind.STRING: _strings}


def fold(text: str) -> str:
    """Text as strings compare: without case, accents and surplus blanks (R4 search §3.1.1.4.8)."""
    plain = "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark))
    return " ".join(plain.casefold().split())[:LONGEST_VALUE]


def unversioned(reference: str) -> str:
    """A reference without its version: `Observation/1/_history/2` finds what `Observation/1` finds."""
    return reference.partition("/_history/")[0][:LONGEST_VALUE]


def reference_type(reference: str) -> str | None:
    """The resource type that a relative or absolute reference names, or None (`urn:uuid:…`)."""
    match = _TYPED_REFERENCE.search(reference)
    return match[1] if match else None


def interval(text: str) -> Interval | None:
    """The instants that a FHIR date, dateTime or instant stands for; None when it is none of these.

    Minutes without seconds, which only searches may carry, are read too.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        start = datetime(
            int(year), int(month or 1), int(day or 1),
            int(hour or 0), int(minute or 0), min(int(second or 0), 59),
            int((fraction or "0").ljust(6, "0")[:6]),
            tzinfo=_zone(offset),
        )  # fmt: skip
    except ValueError:
        return None
    if hour is None:
        end_of_day = start.replace(hour=23, minute=59, second=59, microsecond=999_999)
        last_month = int(month or 12)
        last_day = int(day or monthrange(start.year, last_month)[1])
        return Interval(_utc(start), _utc(end_of_day.replace(month=last_month, day=last_day)))
    return Interval(_utc(start), _utc(start + (_precision(second, fraction) - timedelta(microseconds=1))))


def _precision(second: str | None, fraction: str | None) -> timedelta:
    if second is None:
        return timedelta(minutes=1)
    if fraction is None:
        return timedelta(seconds=1)
    return timedelta(microseconds=10 ** max(0, 6 - len(fraction)))


def _zone(offset: str | None) -> timezone:
    if offset in (None, "Z"):
        return UTC
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))


def _utc(moment: datetime) -> str:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:  # an offset at the edge of the calendar
        return EARLIEST if moment.year == 1 else LATEST
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def timestamp(moment: datetime) -> str:
    """An aware moment in the text that intervals compare with, cut to the milliseconds that we show."""
    return _utc(moment.replace(microsecond=moment.microsecond // 1000 * 1000))
