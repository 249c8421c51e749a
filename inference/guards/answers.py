"""Whether an answer may be read at all: whole, not empty, no loop, no placeholder, no refusal.

Pure functions over text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from inference.ports import Completion, Ending

_NUMBER: Final = re.compile(r"\d+(?:[.,'\u2019]\d+)*")
_NGRAM: Final = 8
_REPEATS: Final = 4
_TEMPLATES: Final = re.compile(
    r"(?i)\[(?:insert|patient|name|date|value|your)[^\]]*\]|\blorem ipsum\b|<unused\d+>|\bas an ai\b|x{4,}"
)
#: A model that will not, or saw nothing. At the beginning only: a report may well say that one cannot tell.
_REFUSALS: Final = re.compile(
    r"(?i)\A\W*(?:i(?:'m| am)? (?:sorry|apologi[sz]e)|sorry,|unfortunately, i |as an? (?:ai|language model)"
    r"|i (?:cannot|can't|can not|am not able|am unable)|i'm (?:not able|unable)"
    r"|no image (?:was|has been|is) (?:provided|attached))"
)


class Defect(StrEnum):
    """What is wrong with an answer as a whole."""

    TRUNCATED = "the answer was cut off"
    EMPTY = "the answer is empty"
    REPEATED = "the answer repeats itself"
    THOUGHT_ONLY = "the model thought until its tokens ran out and gave no answer"
    TEMPLATE = "the answer holds a placeholder"
    REFUSED = "the model refused to answer"


def defect(completion: Completion) -> Defect | None:
    """The first defect of an answer, None when it may be read."""
    if completion.ending is Ending.LENGTH:
        return Defect.TRUNCATED if completion.text.strip() else Defect.THOUGHT_ONLY
    if not completion.text.strip():
        return Defect.EMPTY
    if repeats(completion.text):
        return Defect.REPEATED
    if _REFUSALS.search(completion.text):
        return Defect.REFUSED
    return Defect.TEMPLATE if _TEMPLATES.search(completion.text) else None


def repeats(text: str) -> bool:
    """Whether some run of words comes again and again, as in a decoding loop.

    The keys of JSON come again by nature: only runs that hold other words count.
    """
    words = re.sub(r'"\w+"\s*:|[{}\[\]",:]|\bnull\b', " ", text).split()
    grams = Counter(tuple(words[index : index + _NGRAM]) for index in range(len(words) - _NGRAM + 1))
    return any(count >= _REPEATS for count in grams.values())


def numbers(text: str) -> tuple[str, ...]:
    """The numbers in a text, as printed."""
    return tuple(_NUMBER.findall(text))


def ungrounded(claim: str, sources: Sequence[str]) -> tuple[str, ...]:
    """The numbers of a claim that stand in no source, digit for digit; 5 does not stand in 5.0 nor in 15."""
    known = {number for source in sources for number in numbers(source)}
    return tuple(number for number in numbers(claim) if number not in known)
