"""A claim against the report: its quote must stand there, and say what the claim says.

| the quote | the claim |
|---|---|
| does not stand in the text, word for word | is dropped, with an issue |
| denies what the claim affirms, or the other way round | is dropped, with an issue |
| names the other side | is dropped, with an issue |
| doubts what the claim affirms or denies | is dropped, with an issue |
| does not name the finding in words that the table knows | is kept without a code |
| else | is kept |

White space may differ: lines of a report break where the sender's screen ended.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from inference import vocabulary
from inference.guards import polarity
from inference.tasks import judging
from inference.tasks.report_text.asking import Claim
from mappers.domain.coding import Concept
from mappers.domain.findings import Finding, Presence, Side, TextQuote
from mappers.domain.issues import Issue, IssueCode, Severity

_SIDES: Final = {"left": Side.LEFT, "right": Side.RIGHT, "both": Side.BILATERAL}


@dataclass(frozen=True, slots=True)
class Grounded:
    """A claim with its place, or why it has none."""

    finding: Finding | None
    issue: Issue | None = None


def grounded(claim: Claim, text: str, *, after: int = 0, known: Collection[Finding] = ()) -> Grounded:
    """Hold a claim against its report.

    Args:
        claim: what the model says.
        text: the report.
        after: where to look first: reports repeat themselves, and claims come in the order of the text.
        known: findings that are held already: the same words elsewhere are another place.
    """
    found = places(claim.quote, text)
    ordered = sorted(found, key=lambda place: (place[0] < after, place))
    held = [_at(claim, text, *place) for place in ordered]
    new = [each for each in held if each.finding is not None and each.finding not in known]
    return next(iter((*new, *held)), _dropped("its quote does not stand in the report"))


def _at(claim: Claim, text: str, start: int, end: int) -> Grounded:
    mention = _mention(claim.finding, text, start, end)
    told = _presence(mention, text, start, end)
    if told is not None and told.value != claim.presence:
        return _dropped("its quote says otherwise on whether it is there")
    side = polarity.side(text[start:end], 0, 0) if mention is None else polarity.side(text, *mention)
    if side is not None and claim.side != "none" and _SIDES[claim.side] is not side:
        return _dropped("its quote names another side")
    finding = judging.finding(claim.finding, claim.presence, claim.side)
    if mention is None:
        finding = replace(finding, name=claim.finding, key=None, code=Concept(text=claim.finding))
    quote = TextQuote(
        sha256=hashlib.sha256(text.encode()).hexdigest(), start=start, end=end, quote=text[start:end]
    )
    return Grounded(replace(finding, words=text[start:end], places=(quote,)))


def places(quote: str, text: str) -> tuple[tuple[int, int], ...]:
    """Where a quote stands, as start and end: word for word, whatever the white space."""
    words = quote.split()
    if not words:
        return ()
    pattern = re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)")
    return tuple(match.span() for match in pattern.finditer(text))


def _mention(name: str, text: str, start: int, end: int) -> tuple[int, int] | None:
    """Where the quote names the finding, in any words that the table has for it, or in the model's own."""
    known = vocabulary.finding(name)
    for mention in vocabulary.mentions(text[start:end]):
        if known is not None and mention.known.key == known.key:
            return start + mention.start, start + mention.end
    own = re.search(rf"(?i)\b{re.escape(name)}\b", text[start:end])
    return (start + own.start(), start + own.end()) if own else None


def _presence(mention: tuple[int, int] | None, text: str, start: int, end: int) -> Presence | None:
    return polarity.presence(text, *(mention or (start, end)))


def _dropped(why: str) -> Grounded:
    text = f"a finding that a model listed is left out: {why}"
    return Grounded(None, Issue(Severity.WARNING, IssueCode.CONFLICT, "", text))
