"""FHIR JSON as bytes: digits as they came, keys in their order, and no trick survives reading.

Syntax only. A number in a resource is a `Decimal` or an `int`: 5.50 stays 5.50 and 5 stays 5.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import simplejson  # type: ignore[import-untyped]

from mappers.domain.issues import Issue, IssueCode, Refused, Severity

Node = dict[str, Any]

#: Largest document read unless the caller says otherwise, in bytes.
MAX_BYTES = 32 * 1024 * 1024
#: Deepest nesting of objects and arrays; the deepest R4 example has 17 levels.
MAX_DEPTH = 64
# Beyond this many decimal places, exponent notation keeps a number short.
_MAX_PLACES = 40


def encode(resource: Any) -> bytes:
    """Compact UTF-8 JSON, keys in the order in which they were built.

    Raises:
        ValueError: a number is not finite, or an object is neither JSON nor Decimal.
    """
    text: str = simplejson.dumps(
        resource,
        separators=(",", ":"),
        ensure_ascii=False,
        use_decimal=False,
        allow_nan=False,
        default=_raw_number,
    )
    return text.encode()


def _raw_number(value: object) -> simplejson.RawJSON:
    if not isinstance(value, Decimal):
        raise ValueError("not a JSON value")  # noqa: TRY004  the caller catches one exception
    return simplejson.RawJSON(decimal_text(value))


def decimal_text(value: Decimal) -> str:
    """A FHIR decimal with the digits it has: 0.0000001 and 1E+2, never 1E-7 or 100.

    Raises:
        ValueError: the number is not finite.
    """
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError("not a finite number")  # noqa: TRY004
    return format(value, "f") if -_MAX_PLACES <= exponent <= 0 else str(value)


def decode(raw: bytes, *, max_bytes: int = MAX_BYTES) -> Node:
    """Read one JSON object; fractions become Decimal, whole numbers int.

    Args:
        raw: UTF-8, with or without a byte order mark.
        max_bytes: what is longer is refused unread.

    Raises:
        Refused: too long, too deep, not UTF-8, not JSON, a name twice in one object, or no object.
    """
    if len(raw) > max_bytes:
        raise _refused(IssueCode.TOO_LONG, "the document is longer than the limit")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(IssueCode.STRUCTURE, "the document is not UTF-8") from None
    try:
        document = json.loads(
            text,
            parse_float=Decimal,
            parse_int=_whole,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _refused(IssueCode.STRUCTURE, f"the document is not JSON from {where} on") from None
    except ValueError:
        raise _refused(IssueCode.STRUCTURE, "the document holds a number that JSON does not have") from None
    if not isinstance(document, dict):
        raise _refused(IssueCode.STRUCTURE, "a resource is a JSON object")
    if not _within(document, MAX_DEPTH):
        raise _too_deep()
    return document


def _whole(digits: str) -> int | Decimal:
    """An int; minus zero, which int does not have, stays a Decimal."""
    return Decimal(digits) if digits == "-0" else int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> Node:
    node = dict(pairs)
    if len(node) != len(pairs):
        raise _refused(IssueCode.DUPLICATE, "an object has the same name twice")
    return node


def _no_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def _within(document: Node, depth: int) -> bool:
    """Whether nesting ends within this many levels, without recursion."""
    level: list[Any] = [document]
    while level and depth > 0:
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        depth -= 1
    return not level


def _too_deep() -> Refused:
    return _refused(IssueCode.TOO_COSTLY, "the document is nested too deeply")


def _refused(code: IssueCode, text: str) -> Refused:
    return Refused(Issue(Severity.FATAL, code, "", text))
