"""Numbers as laboratories print them, and what decimal and thousands marks mean in one document. Pure.

"1,234" is more than a thousand in one report and little more than one in another: the report's other numbers
decide, then the language of its column heads. Where both marks occur, three digits after one stay undecided.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

#: Digits with at most one kind of group mark and a decimal mark; blanks only where they cannot part cells.
NUMBER: Final = (
    r"\d{1,3}(?:['\u2019\u00a0\u202f\u2009]\d{3})+(?:[.,]\d+)?|"
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|"
    r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|"
    r"\d+(?:[.,]\d+)?|"
    r"[.,]\d+"
)
_GROUP: Final = re.compile(r"['’\u00a0\u202f\u2009 ]")
_SINGLE: Final = re.compile(r"\d+([.,])(\d+)")
_THOUSAND: Final = 3


class Marks(StrEnum):
    """What parts whole and fraction in a document."""

    POINT = "."
    COMMA = ","
    MIXED = "mixed"


_NUMBERS: Final = re.compile(rf"(?<![\d.,/:-])(?:{NUMBER})(?![\d.,/:]|-\d+-)")


def marks(texts: Iterable[str], *, comma_language: bool) -> Marks:
    """The marks of a document, from the results and ranges in it.

    Args:
        texts: cells of results and ranges.
        comma_language: whether its column heads are in a language that writes a decimal comma.
    """
    seen: set[str] = set()
    for text in texts:
        for number in _NUMBERS.findall(text):
            match = _SINGLE.fullmatch(number)
            if match and len(match[2]) != _THOUSAND:
                seen.add(match[1])
            elif match is None and "," in number and "." in number:
                seen.add(max(",.", key=number.rfind))
    if seen == {".", ","}:
        return Marks.MIXED
    if seen:
        return Marks(seen.pop())
    return Marks.COMMA if comma_language else Marks.POINT


def decimal(number: str, *, marks: Marks) -> str | None:
    """A printed number as a FHIR decimal with the same digits; None when its marks could mean two things.

    Args:
        number: matches NUMBER.
        marks: of the document.
    """
    plain = _GROUP.sub("", number)
    if "," in plain and "." in plain:
        point = max(",.", key=plain.rfind)
        plain = plain.replace("," if point == "." else ".", "").replace(point, ".")
    elif plain.count(",") > 1 or plain.count(".") > 1:
        plain = plain.replace(",", "").replace(".", "")
    else:
        decided = _one_mark(plain, marks)
        if decided is None:
            return None
        plain = decided
    whole, point, fraction = plain.partition(".")
    return (whole.lstrip("0") or "0") + point + fraction


def _one_mark(plain: str, marks: Marks) -> str | None:
    match = _SINGLE.fullmatch(plain)
    if match is None or len(match[2]) != _THOUSAND or plain.startswith("0"):
        return plain.replace(",", ".")
    if marks is Marks.MIXED:
        return None
    return plain.replace(",", ".") if match[1] == marks.value else plain.replace(match[1], "")
