"""A search as a value: what to find, how to order it, which page. Knows neither SQL nor the query string."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum

from integration.store.search_values import Interval

DEFAULT_COUNT = 50
LARGEST_COUNT = 500
_LONGEST_CURSOR = 100
_KEY = re.compile(r"[0-9T:.-]{0,26}")


class Prefix(StrEnum):
    """How a date compares (R4 search §3.1.1.4.5); `ap` has no agreed meaning and is not served."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    SA = "sa"
    EB = "eb"


@dataclass(frozen=True, slots=True)
class TokenMatch:
    """`code`, `system|code`, `|code` (no system) or `system|` (any code of it).

    Attributes:
        system: None means any, "" means none.
        code: None means any.
    """

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class DateMatch:
    """A date in relation to an interval."""

    prefix: Prefix
    interval: Interval


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A text that is this, or has this word; folded."""

    words: str


@dataclass(frozen=True, slots=True)
class ReferenceMatch:
    """A reference that is one of these."""

    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChainMatch:
    """A reference to a resource that itself meets a criterion: one (type, criterion) for each target type."""

    through: tuple[tuple[str, Criterion], ...]


Match = TokenMatch | DateMatch | TextMatch | ReferenceMatch | ChainMatch


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition: any of the alternatives holds; with none, any value at all.

    Attributes:
        parameter: name in the index; `_id` and `_lastUpdated` are the version's own columns.
        negated: the resource must not meet it (`:not`, `:missing=true`).
    """

    parameter: str
    alternatives: tuple[Match, ...] = field(default=())
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """Which referenced or referring resources come along.

    Attributes:
        source: type that holds the reference.
        parameter: its reference parameter; `*` for all.
        target: only targets of this type; None for any.
        iterate: applies to included resources too.
    """

    source: str
    parameter: str
    target: str | None = None
    iterate: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """Order of the result: `_lastUpdated` or a date parameter."""

    parameter: str = "_lastUpdated"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last resource of a page: the next page starts behind it."""

    key: str
    sequence: int

    def encode(self) -> str:
        """Opaque text for a link."""
        return base64.urlsafe_b64encode(json.dumps([self.key, self.sequence]).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor | None:
        """Read what `encode` wrote; None for anything else."""
        if len(text) > _LONGEST_CURSOR:
            return None
        try:
            key, sequence = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, TypeError, binascii.Error):
            return None
        if not (isinstance(key, str) and _KEY.fullmatch(key)):
            return None
        if type(sequence) is not int or not 0 <= sequence < 2**63:
            return None
        return cls(key, sequence)


@dataclass(frozen=True, slots=True)
class Search:
    """One search on one resource type.

    Attributes:
        kind: the resource type.
        criteria: all must hold.
        count: most matches on a page; 0 asks for the total alone.
        total: whether to count all matches.
        includes: by reference from what is found; `revincludes`: what refers to it.
        applied: the (name, value) pairs that were understood, for the self link.
    """

    kind: str
    criteria: tuple[Criterion, ...] = field(default=())
    sort: Sort = field(default=Sort())
    count: int = DEFAULT_COUNT
    cursor: Cursor | None = None
    total: bool = True
    includes: tuple[Include, ...] = field(default=())
    revincludes: tuple[Include, ...] = field(default=())
    applied: tuple[tuple[str, str], ...] = field(default=())
