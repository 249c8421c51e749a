"""SMART system scopes: what a grant allows, in the words of version 1 or 2 (SMART App Launch 2.2, scopes)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SCOPE = re.compile(r"system/([A-Za-z]+|\*)\.([a-z*]+)(?:\?.*)?")
_ALL = "cruds"
_VERSION_1 = {"read": "rs", "write": "cud", "*": _ALL}


def missing(wanted: str, granted: str) -> tuple[str, ...]:
    """The wanted scopes that a grant does not cover, in their order; both are separated by blanks.

    A scope that is none of system/Type.letters is covered only by itself. A granted scope with search
    parameters restricts, so it covers only the same scope word by word.
    """
    words = set(granted.split())
    plain = dict.fromkeys(_pairs(word for word in words if "?" not in word))
    return tuple(scope for scope in wanted.split() if scope not in words and not _covered(scope, plain))


def _covered(scope: str, granted: dict[tuple[str, str], None]) -> bool:
    pairs = list(_pairs(iter((scope,))))
    return bool(pairs) and all(
        (kind, letter) in granted or ("*", letter) in granted for kind, letter in pairs
    )


def _pairs(scopes: Iterator[str]) -> Iterator[tuple[str, str]]:
    """(type, letter) of each."""
    for scope in scopes:
        match = _SCOPE.fullmatch(scope)
        if match is None:
            continue
        letters = _VERSION_1.get(match[2], match[2])
        if set(letters) <= set(_ALL):
            yield from ((match[1], letter) for letter in letters)
