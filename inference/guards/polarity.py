"""What a sentence says of something it names: that it is there, that it is not, or that nobody knows.

Rules over words in the manner of NegEx: what denies, what doubts, and where their reach ends. They compare,
they never write: where they cannot tell they say nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from mappers.domain.findings import Presence, Side

_SENTENCE: Final = re.compile(r"\.(?!\d)|[;!?\n]")
#: Where the reach of a word ends.
_BREAK: Final = re.compile(
    r"(?i)\b(?:but|however|although|though|except|apart from|aside from|whereas|yet|there (?:is|are)"
    r"|aber)\b|:"
)
_DENIES: Final = re.compile(
    r"(?i)\b(?:no|not|non|nor|neither|never|without|absence of|negative for|free of|clear of|denies|ruled out"
    r"|excluded|resolution of|resolved|kein\w*|ohne)\b|n't\b"
)
_DENIES_AFTER: Final = re.compile(
    r"(?i)\A[^,;:.]{0,30}?\b(?:(?:is|are|was|were|has been|have been)\s+)?"
    r"(?:(?:not|no longer)\s+(?:\w+\s+)?"
    r"(?:seen|identified|present|visible|visuali[sz]ed|demonstrated|evident|detected)"
    r"|absent|excluded|ruled out|resolved|negative)\b"
)
_DOUBTS: Final = re.compile(
    r"(?i)\b(?:possibl[ey]|may|might|could|suspect\w*|suspicious|suggest\w*|concerning|questionable"
    r"|question of|equivocal|probabl[ey]|likely|unlikely|differential|versus|vs|indeterminate|rule out"
    r"|verdacht)\b|\?"
    r"|cannot (?:be )?(?:exclude|rule)|can not (?:be )?(?:exclude|rule)|not (?:be )?(?:excluded|ruled out)"
)
#: Denies a change, not the thing.
_NO_CHANGE: Final = re.compile(
    r"(?i)\b(?:no|without|not)\s+(?:\w+\s+){0,2}(?:change|increase|decrease|worsening|improvement|progression|longer)\b"
)
#: After a comma these begin something new, or go on with what is denied: nobody can tell.
_NEW: Final = re.compile(
    r"(?i)\A\s*(?:an?\s+)?(?:small|tiny|trace|minimal|mild|moderate|large|severe|stable|unchanged|persistent|new"
    r"|increas\w+|decreas\w+|worse\w*|improv\w+)\b"
)
_LEFT: Final = re.compile(r"(?i)\bleft\b")
_RIGHT: Final = re.compile(r"(?i)\bright\b")
_BOTH: Final = re.compile(r"(?i)\b(?:bilateral(?:ly)?|both)\b")


def presence(text: str, start: int, end: int) -> Presence | None:
    """What the sentence around `text[start:end]` says of it; None where the rules cannot tell."""
    first, last = sentence(text, start, end)
    before, after = text[first:start], text[end:last]
    before = before[max((match.end() for match in _BREAK.finditer(before)), default=0) :]
    stop = _BREAK.search(after)
    after = after[: stop.start()] if stop else after
    if _NO_CHANGE.search(before):
        return None
    if _DOUBTS.search(before) or _DOUBTS.search(after):
        return Presence.UNCERTAIN
    if _DENIES_AFTER.search(after):
        return None if _DENIES.search(before) else Presence.ABSENT
    if _DENIES.search(before):
        return None if _NEW.search(before.rpartition(",")[2]) and "," in before else Presence.ABSENT
    return Presence.PRESENT


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The range of the sentence that `text[start:end]` stands in."""
    first = max((match.end() for match in _SENTENCE.finditer(text, 0, start)), default=0)
    stop = _SENTENCE.search(text, end)
    return first, stop.start() if stop else len(text)


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text, each with its mark, without the space around them."""
    cuts = [0, *(match.end() for match in _SENTENCE.finditer(text)), len(text)]
    parts = (text[first:last].strip() for first, last in pairwise(cuts))
    return tuple(part for part in parts if part)


def side(text: str, start: int, end: int) -> Side | None:
    """The side that a sentence names; None when it names none, or more than one."""
    first, last = sentence(text, start, end)
    words = text[first:last]
    named = {
        which
        for which, pattern in ((Side.LEFT, _LEFT), (Side.RIGHT, _RIGHT), (Side.BILATERAL, _BOTH))
        if pattern.search(words)
    }
    return named.pop() if len(named) == 1 else None


def negated(term: str, source: str) -> bool | None:
    """Whether a source denies a term: the answer of the sentences that hold it.

    Args:
        term: a finding's word, "pneumothorax".
        source: the text.

    Returns:
        True or False when all sentences agree; None when the term does not occur, is in doubt, or they
        disagree.
    """
    found = {
        presence(source, match.start(), match.end())
        for match in re.finditer(re.escape(term), source, re.IGNORECASE)
    }
    if found == {Presence.ABSENT}:
        return True
    return False if found == {Presence.PRESENT} else None
