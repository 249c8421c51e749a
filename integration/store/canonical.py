"""Canonical JSON (RFC 8785) for what the store hashes and signs. Pure text; knows no record.

Everything hashed here is made of text, whole numbers, booleans and null under ASCII keys. For those the C
encoder of the standard library already writes the canonical form, several times faster than `rfc8785`, which
stays the reference that the tests compare with.
"""

from __future__ import annotations

from collections.abc import Mapping
from json import JSONEncoder
from json.encoder import encode_basestring
from typing import Any

#: RFC 8785 §3.2.2.3: numbers are IEEE 754 doubles, so whole numbers are exact up to here.
GREATEST = 2**53 - 1

_encode = JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=True
).encode

#: A JSON string, quoted and escaped as RFC 8785 §3.2.2.2 wants it.
quoted = encode_basestring


def canonical(value: Mapping[str, Any]) -> str:
    """The canonical text of an object.

    Raises:
        ValueError: a key is not ASCII, a whole number is too large to be exact, or text is not Unicode.
        TypeError: something in it is neither text, whole number, boolean, null, list nor mapping.
    """
    _check(value)
    text = _encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # The exception of the standard library would repeat the text.
        raise ValueError("text with a lone surrogate has no canonical form") from None
    return text


def _check(value: object) -> None:
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, int):
        if not -GREATEST <= value <= GREATEST:
            raise ValueError("a whole number beyond 2^53 - 1 has no canonical form")
    elif isinstance(value, Mapping):
        for key, member in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise ValueError("keys of a canonical record are ASCII text")
            _check(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            _check(member)
    else:
        raise TypeError(f"{type(value).__name__} has no place in a canonical record")
