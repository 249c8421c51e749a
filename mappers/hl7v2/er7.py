"""Datatype checks of single segments by hl7apy, when a channel or a caller asks; the only importer of hl7apy.

Never on every message (tens of milliseconds) and never for structure: hl7apy drops segments that its groups
do not know. It sees one repetition of one field at a time, so every issue has its place. It is imported
when first used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.hl7v2.delimiters import DEFAULT, Delimiters
from mappers.hl7v2.fields import HEADERS, LARGE, Segment
from mappers.hl7v2.tokens import Message

_NUMBER: Final = re.compile(r"\d+")
#: Base datatypes of OBX-2 that hl7apy can check in OBX-5; the table says "varies" and would let all pass.
_CHECKED_VALUES: Final = frozenset({"NM", "SI", "DT", "TM", "DTM"})


def check_segment(segment: Segment, *, message: Message) -> tuple[Issue, ...]:
    """Warnings about fields that do not meet their datatypes in the version of MSH-12, or the nearest to it.

    Required fields that are missing, repetitions that are too many, values that are none of their datatype.
    No issue repeats a value.
    """
    definitions = _definitions(segment.name, nearest_version(message.header.get(12, component=1)))
    if definitions is None:
        if segment.name.startswith("Z"):
            return ()
        text = "the segment is not defined in this version of HL7"
        return (Issue(Severity.INFORMATION, IssueCode.NOT_SUPPORTED, segment.label, text),)
    return tuple(
        issue
        for n, definition in enumerate(definitions, start=1)
        if n > 2 or segment.name not in HEADERS  # noqa: PLR2004 - MSH-1 and MSH-2 name the delimiters
        for issue in _check_field(segment, n, definition=definition, message=message)
    )


def field_count(name: str, version: str) -> int | None:
    """How many fields a segment has in a version, or the nearest to it; None when it is not defined there."""
    definitions = _definitions(name, nearest_version(version))
    return None if definitions is None else len(definitions)


@lru_cache(maxsize=64)
def nearest_version(version: str) -> str:
    """The version that hl7apy knows and that comes closest: the highest not above it, else the lowest."""
    known = sorted(_versions(), key=_numbers)
    asked = _numbers(version)
    below = [one for one in known if _numbers(one) <= asked]
    return below[-1] if below else known[0]


def _versions() -> list[str]:
    from hl7apy import SUPPORTED_LIBRARIES  # noqa: PLC0415 - the listener stays light

    return list(SUPPORTED_LIBRARIES)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBER.findall(version)[:3]) or (2, 5, 1)


@dataclass(frozen=True, slots=True)
class _Definition:
    """A field in one version; `most` repetitions of -1 are no limit."""

    name: str
    version: str
    least: int
    most: int


@lru_cache(maxsize=512)
def _definitions(name: str, version: str) -> tuple[_Definition, ...] | None:
    """The fields of a segment in order; None for a segment that the version does not define."""
    from hl7apy import load_reference  # noqa: PLC0415 - the listener stays light
    from hl7apy.exceptions import ChildNotFound  # noqa: PLC0415

    try:
        reference: Any = load_reference(name, "Segment", version)
    except ChildNotFound:
        return None
    return tuple(_Definition(child[0], version, *child[2]) for child in reference[1])


def _check_field(segment: Segment, n: int, *, definition: _Definition, message: Message) -> Iterator[Issue]:
    field = segment.field(n)
    if not field.valued:
        if definition.least:
            yield _warning(segment.at(n), IssueCode.REQUIRED, "a required field is empty", "101")
        return
    repetitions = field.repetitions
    if 0 <= definition.most < len(repetitions):
        yield _warning(segment.at(n), IssueCode.STRUCTURE, "more repetitions than this version allows", "198")
    if field.null:
        return
    datatype = segment.get(2) if (segment.name, n) == ("OBX", 5) else ""
    for repetition in repetitions:
        if len(repetition.text) > LARGE:
            continue
        fault = _fault(repetition.text, definition, datatype=datatype, delimiters=message.delimiters)
        if fault is not None:
            yield _warning(repetition.at(), *fault)


def _fault(
    text: str, definition: _Definition, *, datatype: str, delimiters: Delimiters
) -> tuple[IssueCode, str, str] | None:
    """What hl7apy has against one repetition. Its own words quote the value and are not passed on."""
    from hl7apy.consts import VALIDATION_LEVEL  # noqa: PLC0415 - the listener stays light
    from hl7apy.exceptions import HL7apyException, MaxLengthReached  # noqa: PLC0415
    from hl7apy.factories import datatype_factory  # noqa: PLC0415
    from hl7apy.parser import parse_field  # noqa: PLC0415

    try:
        if datatype in _CHECKED_VALUES:
            datatype_factory(datatype, text, definition.version, VALIDATION_LEVEL.STRICT)
        else:
            parse_field(
                text,
                name=definition.name,
                version=definition.version,
                encoding_chars=_characters(delimiters),
                validation_level=VALIDATION_LEVEL.STRICT,
            )
    except MaxLengthReached:
        return IssueCode.TOO_LONG, "longer than this version allows", "104"
    except (HL7apyException, ValueError):
        return IssueCode.VALUE, "does not meet the datatype of this field", "102"
    except TypeError:  # hl7apy has fields without a definition (TQ1-1 in 2.7), which it cannot check
        return None
    return None


def _characters(delimiters: Delimiters) -> dict[str, str]:
    """Delimiters in hl7apy's words; it knows no fifth character and misses none."""
    return {
        "GROUP": "\r",
        "SEGMENT": "\r",
        "FIELD": delimiters.field,
        "COMPONENT": delimiters.component or DEFAULT.component,
        "REPETITION": delimiters.repetition or DEFAULT.repetition,
        "ESCAPE": delimiters.escape or DEFAULT.escape,
        "SUBCOMPONENT": delimiters.subcomponent or DEFAULT.subcomponent,
    }


def _warning(location: str, code: IssueCode, text: str, hl7_error: str) -> Issue:
    return Issue(Severity.WARNING, code, location, text, hl7_error)
