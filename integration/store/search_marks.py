"""What the search index holds instead of what people, orders and results are called: keyed marks.

A token or a text is stored as HMAC-SHA-256 of its type, parameter and value, cut to 128 bits: equal values
have equal marks, and without the key nothing can be read from one. So a search finds whole codes, numbers and
words, and no beginnings of them. What is searched by range, or joined, stays as it is: dates of results and
orders, references, and the systems that numbers and codes are of.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from integration.store.keys import Key, Keys
from integration.store.search_parameters import PARAMETERS, Kind
from integration.store.search_query import ChainMatch, Criterion, Match, Search, TextMatch, TokenMatch
from integration.store.search_values import IndexRow, index_rows

_BYTES: Final = 16
#: Columns of the version itself, which hold no mark.
_OF_VERSION: Final = frozenset({"_id", "_lastUpdated"})
_IDENTIFIER: Final = ":identifier"


class Marks:
    """Makes marks of what is stored and of what is asked for.

    Args:
        keys: new marks are made with the current digest key; a search asks for the marks of all of them.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys.digest.keys

    def rows(self, resource: Mapping[str, Any]) -> Iterator[IndexRow]:
        """The index rows of a resource."""
        kind = resource["resourceType"]
        for row in index_rows(resource):
            if row.value is None or not _is_marked(kind, row.parameter):
                yield row
            else:
                yield replace(row, value=_mark(self._keys[0], kind, row.parameter, row.value))

    def of(self, kind: str, parameter: str, value: str) -> tuple[str, ...]:
        """The marks that a value may have, one for each key."""
        return tuple(_mark(key, kind, parameter, value) for key in self._keys)

    def asked(self, search: Search) -> Search:
        """The same search, for marks."""
        return replace(search, criteria=tuple(self._criterion(search.kind, each) for each in search.criteria))

    def _criterion(self, kind: str, criterion: Criterion) -> Criterion:
        if criterion.parameter in _OF_VERSION:
            return criterion
        alternatives = tuple(
            marked
            for each in criterion.alternatives
            for marked in self._match(kind, criterion.parameter, each)
        )
        return replace(criterion, alternatives=alternatives)

    def _match(self, kind: str, parameter: str, match: Match) -> Iterator[Match]:
        match match:
            case TokenMatch(system, code) if code is not None:
                yield from (TokenMatch(system, mark) for mark in self.of(kind, parameter, code))
            case TextMatch(words):
                yield from (TokenMatch(None, mark) for mark in self.of(kind, parameter, words))
            case ChainMatch(through):
                yield ChainMatch(tuple((inner, self._criterion(inner, each)) for inner, each in through))
            case _:
                yield match


def _is_marked(kind: str, parameter: str) -> bool:
    """Whether the values of a parameter are marks: all but references and dates that compare as intervals."""
    if parameter.endswith(_IDENTIFIER):
        return True
    return PARAMETERS[kind][parameter].kind is not Kind.REFERENCE


def _mark(key: Key, kind: str, parameter: str, value: str) -> str:
    content = f"search\0{kind}\0{parameter}\0{value}".encode(errors="surrogatepass")
    return base64.urlsafe_b64encode(hmac.digest(key.secret, content, "sha256")[:_BYTES]).decode().rstrip("=")
