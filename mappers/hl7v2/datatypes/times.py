"""DTM, TS, DT, TM, DR: points in time with the precision that was sent, and no offset that was not agreed.

Offset of a time (chapter 2A, DTM; chapter 2, MSH-7): its own; else that of MSH-7, unless the channel's zone
has just that offset at MSH-7; else the channel's zone, daylight saving included; else the time is cut to its
date. The host's zone is never used.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from mappers.domain.issues import IssueCode
from mappers.domain.times import Moment, Period, TimeOfDay
from mappers.hl7v2.elements import Element

_DTM: Final = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)"
    r"(?:(?P<hour>\d\d)(?:(?P<minute>\d\d)(?:(?P<second>\d\d)(?P<fraction>\.\d+)?)?)?)?)?)?"
    r"(?P<offset>[+-]\d{4})?",
    re.ASCII,
)
#: ISO 8601 in its long form, which HL7 v2 does not have and which cannot be misread.
_ISO: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>\.\d+)?)?)?"
    r"(?P<offset>Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_TM: Final = re.compile(
    r"(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)(?P<second>[0-5]\d(?P<fraction>\.\d+)?)?", re.ASCII
)
_OFFSET: Final = re.compile(r"[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00", re.ASCII)
_LAST_HOUR: Final = 23
_LAST_MINUTE: Final = 59
_LEAP_SECOND: Final = 60


def dtm(element: Element) -> Moment | None:
    """A point in time (DTM, DT; TS by its first component); None when absent or when no such day exists."""
    text = element.peek(1)
    if text is None:
        return None
    known = element.context.moments.get(text)
    if known is not None:
        element.take(1)
        return known
    before = len(element.context.issues)
    moment = _moment(element, text)
    if moment is not None:
        element.take(1)
        if len(element.context.issues) == before:
            element.context.moments[text] = moment
    return moment


def offset_of(text: str, zone: tzinfo | None = None) -> str | None:
    """The offset that a DTM text carries, `+01:00`, or None; for MSH-7.

    None too where `zone` has that offset at that time: then the two agree, and the zone knows what the offset
    does not, that a specimen taken before the clocks changed was taken under another one.
    """
    match = _DTM.fullmatch(text)
    if not match or not match["hour"] or not match["offset"]:
        return None
    offset = _offset(match["offset"])
    return None if zone and offset and _is_of(zone, match, offset) else offset


def _is_of(zone: tzinfo, match: re.Match[str], offset: str) -> bool:
    """Whether a zone has this offset at the local time of a DTM, on either side of a change of clocks."""
    year, month, day, hour, minute = (
        int(match[part] or 0) for part in ("year", "month", "day", "hour", "minute")
    )
    try:
        local = datetime(year, month, day, hour, minute, tzinfo=zone)
    except ValueError:
        return False
    offsets = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
    return any(each is not None and _written(each) == offset for each in offsets)


def tm(element: Element) -> TimeOfDay | None:
    """A time of day; None when it is none, or says what a FHIR time cannot: hours alone, or an offset."""
    text = element.peek(1)
    match = _TM.fullmatch(text) if text else None
    if not match:
        return None
    element.take(1)
    return TimeOfDay(f"{match['hour']}:{match['minute']}:{match['second'] or '00'}")


def dr(element: Element) -> Period | None:
    """A period; None when neither end can be read."""
    start, end = dtm(element.part(1)), dtm(element.part(2))
    return Period(start, end) if start or end else None


def _moment(element: Element, text: str) -> Moment | None:
    match = _DTM.fullmatch(text)
    if match is None:
        match = _ISO.fullmatch(text)
        if match is None:
            element.error(IssueCode.VALUE, "not a date or time; it was left out")
            return None
        element.warn(IssueCode.VALUE, "the time is written in the long form of ISO 8601; it was read as that")
    date = _date(element, match)
    if date is None:
        return None
    if match["hour"] is None or len(date) < len("YYYY-MM-DD"):
        return Moment(date)
    time = _time(element, match)
    if time is None:
        return Moment(date)
    offset = _own_offset(element, match) if match["offset"] else _agreed_offset(element, f"{date}T{time}")
    return Moment(f"{date}T{time}{offset}") if offset else Moment(date)


def _date(element: Element, match: re.Match[str]) -> str | None:
    """The date at its precision, cut where the sender wrote 00 for a part that they do not know."""
    year, month, day = match["year"], match["month"], match["day"]
    if "00" in (month, day) and year != "0000":
        element.warn(IssueCode.VALUE, "00 stands for an unknown month or day; the date was cut before it")
        day = None
        month = None if month == "00" else month
    try:
        datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    except ValueError:
        element.error(IssueCode.VALUE, "there is no such day; the date was left out")
        return None
    return "-".join(part for part in (year, month, day) if part)


def _time(element: Element, match: re.Match[str]) -> str | None:
    """`hh:mm:ss` with its fraction; None, said, when the value is cut to its date."""
    hour, minute, second = match["hour"], match["minute"], match["second"]
    if minute is None:
        element.inform(IssueCode.VALUE, "an hour without minutes cannot be said in FHIR; cut to the date")
        return None
    if int(hour) > _LAST_HOUR or int(minute) > _LAST_MINUTE or int(second or 0) > _LEAP_SECOND:
        element.warn(IssueCode.VALUE, "there is no such time of day; cut to the date")
        return None
    # FHIR R4 dateTime: seconds must be there, and may be zero-filled.
    return f"{hour}:{minute}:{second or '00'}{match['fraction'] or ''}"


def _own_offset(element: Element, match: re.Match[str]) -> str | None:
    offset = _offset(match["offset"])
    if offset is None:
        element.warn(IssueCode.VALUE, "there is no such offset from UTC; cut to the date")
    return offset


def _offset(text: str) -> str | None:
    offset = "+00:00" if text == "Z" else f"{text[:3]}:{text[-2:]}"
    return offset if _OFFSET.fullmatch(offset) else None


def _agreed_offset(element: Element, local: str) -> str | None:
    context = element.context
    if context.offset:
        return context.offset
    if context.channel.time_zone is None:
        if not context.zoneless:
            # Once a message: it is about the feed, not about this field.
            context.zoneless = True
            element.warn(
                IssueCode.INCOMPLETE,
                "no offset from UTC here or in MSH-7, and the channel names no time zone:"
                " this and all such times of the message were cut to their dates",
            )
        return None
    return _zone_offset(element, local, context.channel.time_zone)


def _zone_offset(element: Element, local: str, zone: tzinfo) -> str | None:
    """The offset of a local time in a zone; None, said, in the hour that daylight saving skips."""
    naive = datetime.fromisoformat(local.replace(":60", ":59"))
    first, second = naive.replace(tzinfo=zone), naive.replace(tzinfo=zone, fold=1)
    offsets = first.utcoffset(), second.utcoffset()
    if offsets[0] is None:
        return None
    if offsets[0] != offsets[1]:
        if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
            text = "daylight saving skips this time in the channel's zone; cut to the date"
            element.warn(IssueCode.VALUE, text)
            return None
        text = "this time occurs twice when daylight saving ends; read as the first of them"
        element.warn(IssueCode.VALUE, text)
    written = _written(offsets[0])
    if not _OFFSET.fullmatch(written):
        # Local mean times before zones were agreed: Manila was 15:56 behind Greenwich until 1844.
        element.warn(
            IssueCode.VALUE, "the zone's offset at this time cannot be said in FHIR; cut to the date"
        )
        return None
    return written


def _written(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
