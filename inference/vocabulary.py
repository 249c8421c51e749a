"""Wardwire's closed tables of findings and body sites: the only road from a model's word to a code.

A name that the tables know gets their coding; any other stays words. SNOMED CT codes are of the Global
Patient Set, others of DICOM (CID 6102); a row without a code is a name that guards know and nobody codes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from mappers.domain.coding import Coding, Concept

#: Words of side that models put into a name; the side has a field of its own.
_SIDES: Final = re.compile(r"(?i)\b(?:left|right|bilateral|both|unilateral)\b(?:-sided)?\s*")


@dataclass(frozen=True, slots=True)
class Known:
    """A row of a table.

    Attributes:
        key: for programs; stable.
        name: for people.
        coding: None where no code may be shipped or none exists.
    """

    key: str
    name: str
    coding: Coding | None

    def concept(self, text: str) -> Concept:
        """The concept under the words that were used for it."""
        return Concept((self.coding,) if self.coding else (), text)


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a text speaks of something that a table knows: `text[start:end]`."""

    known: Known
    start: int
    end: int


def finding(name: str) -> Known | None:
    """The row of a finding by its name or a synonym, whatever side the name has in it."""
    return _index("findings.csv").get(_flat(_SIDES.sub("", name)))


def finding_of(key: str) -> Known | None:
    """The row of a finding by its key."""
    return next((known for known in _index("findings.csv").values() if known.key == key), None)


def body_site(name: str) -> Known | None:
    """The row of a body site."""
    return _index("body_sites.csv").get(_flat(_SIDES.sub("", name)))


def mentions(text: str) -> Iterator[Mention]:
    """The findings that a text speaks of, affirmed or denied, in its order; the longest name counts."""
    index = _index("findings.csv")
    for match in _pattern().finditer(text):
        yield Mention(index[_flat(match[0])], match.start(), match.end())


@cache
def _pattern() -> re.Pattern[str]:
    names = sorted(_index("findings.csv"), key=len, reverse=True)
    spelled = ("[\\s-]+".join(map(re.escape, name.split())) for name in names)
    return re.compile(rf"(?i)\b(?:{'|'.join(spelled)})\b")


@cache
def _index(table: str) -> dict[str, Known]:
    text = resources.files(__package__).joinpath(table).read_text(encoding="utf-8")
    index: dict[str, Known] = {}
    for row in csv.DictReader(text.splitlines()):
        coding = Coding(row["code"], row["system"], row["display"]) if row["code"] else None
        known = Known(row["key"], row["name"], coding)
        for name in (row["name"], *filter(None, row["synonyms"].split("|"))):
            if index.setdefault(_flat(name), known) is not known:
                raise ValueError(f"{table} names {name!r} twice")
    return index


def _flat(name: str) -> str:
    return " ".join(name.casefold().replace("-", " ").split())
