"""FHIR R4 primitive types (§2.24.0.1): which Python values each may hold. Knows no element, no resource."""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

#: Longest string, in characters: 1 MiB by the specification.
MAX_STRING = 1_048_576

# XML cannot carry these and JSON cannot carry a lone surrogate; tab, CR and LF may stand.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CODE = re.compile(r"\S+( \S+)*")
_URI = re.compile(r"\S+")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_YEAR = r"(?!0000)\d{4}"
_DAY = rf"(?P<day>{_YEAR}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_OFFSET = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_DATE = re.compile(rf"{_YEAR}(-(0[1-9]|1[0-2]))?|{_DAY}")
_DATE_TIME = re.compile(rf"{_YEAR}(-(0[1-9]|1[0-2]))?|{_DAY}(T{_CLOCK}{_OFFSET})?")
_INSTANT = re.compile(rf"{_DAY}T{_CLOCK}{_OFFSET}")
_TIME = re.compile(_CLOCK)
_BLANK = re.compile(r"\s+")
_INTEGER_LIMIT = 2**31


def is_string(value: str) -> bool:
    """Something visible, nothing that XML or JSON cannot carry, 1 MiB at most."""
    if value.isprintable():
        return bool(value) and not value.isspace() and len(value) <= MAX_STRING
    return not value.isspace() and len(value) <= MAX_STRING and not _UNWRITABLE.search(value)


def without_unwritable(text: str) -> str:
    """The text with each character that no FHIR format can carry replaced by U+FFFD."""
    return text if text.isprintable() else _UNWRITABLE.sub("\ufffd", text)


def is_id(value: str) -> bool:
    """Letters, digits, `-` and `.`, 64 at most."""
    return _ID.fullmatch(value) is not None


def is_code(value: str) -> bool:
    """No blank at either end, none but single ones inside."""
    return _CODE.fullmatch(value) is not None and is_string(value)


@lru_cache(maxsize=4096)
def is_uri(value: str) -> bool:
    """No white space; `urn:oid:` and `urn:uuid:` in their own form."""
    if value.startswith("urn:oid:"):
        return _OID.fullmatch(value) is not None
    if value.startswith("urn:uuid:"):
        return _UUID.fullmatch(value) is not None
    return _URI.fullmatch(value) is not None and is_string(value)


def is_absolute_uri(value: str) -> bool:
    """A URI with its scheme."""
    return _ABSOLUTE_URI.fullmatch(value) is not None and is_uri(value)


def _is_calendar(pattern: re.Pattern[str], value: str) -> bool:
    match = pattern.fullmatch(value)
    if match is None:
        return False
    day = match["day"]
    if day is None or day[8:] <= "28":
        return True
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def is_date(value: str) -> bool:
    """A day of the calendar, or its month or year alone."""
    return _is_calendar(_DATE, value)


@lru_cache(maxsize=4096)
def is_date_time(value: str) -> bool:
    """A date, or a moment with seconds and offset."""
    return _is_calendar(_DATE_TIME, value)


@lru_cache(maxsize=4096)
def is_instant(value: str) -> bool:
    """A moment with seconds and offset."""
    return _is_calendar(_INSTANT, value)


def is_time(value: str) -> bool:
    """hh:mm:ss with any fraction, no offset."""
    return _TIME.fullmatch(value) is not None


def is_base64(value: str) -> bool:
    """RFC 4648 with padding; white space between is allowed."""
    try:
        binascii.a2b_base64(_BLANK.sub("", value), strict_mode=True)
    except (binascii.Error, ValueError):
        return False
    return bool(value)


def is_decimal(value: Decimal | float) -> bool:
    """A finite number; a boolean is none."""
    if type(value) is bool:
        return False
    return value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)


def _is_whole(value: int, least: int) -> bool:
    return type(value) is int and least <= value < _INTEGER_LIMIT


class Primitive(NamedTuple):
    """How to judge one primitive type: the Python types that may hold it, and the test of its form."""

    types: tuple[type, ...]
    test: Callable[[Any], bool]


PRIMITIVES: dict[str, Primitive] = {
    "base64Binary": Primitive((str,), is_base64),
    "boolean": Primitive((bool,), lambda _: True),
    "canonical": Primitive((str,), is_uri),
    "code": Primitive((str,), is_code),
    "date": Primitive((str,), is_date),
    "dateTime": Primitive((str,), is_date_time),
    "decimal": Primitive((Decimal, int, float), is_decimal),
    "id": Primitive((str,), is_id),
    "instant": Primitive((str,), is_instant),
    "integer": Primitive((int,), lambda value: _is_whole(value, -_INTEGER_LIMIT)),
    "markdown": Primitive((str,), is_string),
    "oid": Primitive((str,), lambda value: _OID.fullmatch(value) is not None),
    "positiveInt": Primitive((int,), lambda value: _is_whole(value, 1)),
    "string": Primitive((str,), is_string),
    "time": Primitive((str,), is_time),
    "unsignedInt": Primitive((int,), lambda value: _is_whole(value, 0)),
    "uri": Primitive((str,), is_uri),
    "url": Primitive((str,), is_uri),
    "uuid": Primitive((str,), lambda value: _UUID.fullmatch(value) is not None),
}
