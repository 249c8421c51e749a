"""Whether a draft agrees with itself: findings with impression, list with words, left with left.

Compared are only findings that Wardwire's table knows, and only where the words are plain.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from inference import vocabulary
from inference.guards import polarity
from inference.guards.answers import ungrounded
from mappers.domain.findings import Finding, GuardOutcome, GuardVerdict, Presence, Section, Side

CONTRADICTION: Final = "findings-against-impression"
LATERALITY: Final = "laterality"
NUMBERS: Final = "numbers-in-evidence"
_MEASURED: Final = re.compile(
    r"(?i)(?<![\w.])\d+(?:[.,]\d+)?\s*(?:mm|cm|m|ml|cc|l|kg|g|mg|hu|mmhg|bpm|degrees|years?|months?|weeks?|days?)\b"
    r"|(?<![\w.])\d+(?:[.,]\d+)?\s*[%°]|\b\d{4}-\d{2}(?:-\d{2})?\b|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b"
)
_OPPOSITE: Final = {Presence.PRESENT: Presence.ABSENT, Presence.ABSENT: Presence.PRESENT}


def contradictions(findings: Sequence[Finding], sections: Sequence[Section]) -> GuardVerdict:
    """Fails when one part of a draft says that a finding is there and another that it is not."""
    said = [(section.title, _presences(section.text)) for section in sections]
    for title, by_key in said:
        for other, others in said:
            for key in by_key.keys() & others.keys():
                if by_key[key] == {Presence.PRESENT} and others[key] == {Presence.ABSENT}:
                    return _failed(CONTRADICTION, f"{title} affirms what {other} denies: {key}")
    listed: dict[str, set[Presence]] = defaultdict(set)
    for finding in findings:
        listed[finding.key or ""].add(finding.presence)
    for title, by_key in said:
        for key in by_key.keys() & listed.keys():
            # Present on one side and absent on the other is no contradiction: only what is said in one way.
            if len(listed[key]) == 1 and by_key[key] == {_OPPOSITE.get(next(iter(listed[key])))}:
                return _failed(CONTRADICTION, f"the list and {title} disagree on {key}")
    return _passed(CONTRADICTION)


def laterality(findings: Sequence[Finding], sections: Sequence[Section]) -> GuardVerdict:
    """Fails when a finding is on one side in one part of a draft and on another side in another."""
    said = [(section.title, _sides(section.text)) for section in sections]
    for title, by_key in said:
        for other, others in said:
            for key in by_key.keys() & others.keys():
                if not (by_key[key] & others[key]) and Side.BILATERAL not in by_key[key] | others[key]:
                    return _failed(LATERALITY, f"{title} and {other} name different sides: {key}")
    for finding in findings:
        if finding.presence is Presence.ABSENT or finding.side is None:
            continue
        named = polarity.side(finding.name, 0, len(finding.name))
        if named not in {None, finding.side}:
            return _failed(LATERALITY, "the name of a finding has another side than the finding")
        for title, by_key in said:
            sides = by_key.get(finding.key or "", set())
            if sides and finding.side not in sides and not _parts_of_both(finding.side, sides):
                return _failed(LATERALITY, f"the list and {title} name different sides: {finding.key}")
    return _passed(LATERALITY)


def numbers(sections: Sequence[Section], sources: Sequence[str]) -> GuardVerdict:
    """Fails when a draft states a measurement or a date that stands in no text of its evidence.

    A picture as a model gets it has no scale and no date. Levels (T12), ribs and counts are no measurements.
    """
    stated = (match[0] for section in sections for match in _MEASURED.finditer(section.text))
    strange = [each for each in stated if ungrounded(each, sources)]
    if strange:
        return _failed(NUMBERS, f"{len(strange)} measurement(s) or date(s) stand in no text of the evidence")
    return _passed(NUMBERS)


def _parts_of_both(side: Side, sides: set[Side]) -> bool:
    return side is Side.BILATERAL and sides <= {Side.LEFT, Side.RIGHT}


def _presences(text: str) -> Mapping[str, set[Presence]]:
    found: dict[str, set[Presence]] = defaultdict(set)
    for mention in vocabulary.mentions(text):
        # What the rules cannot tell counts as doubt: it agrees with everything.
        told = polarity.presence(text, mention.start, mention.end) or Presence.UNCERTAIN
        found[mention.known.key].add(told)
    return found


def _sides(text: str) -> Mapping[str, set[Side]]:
    found: dict[str, set[Side]] = defaultdict(set)
    for mention in vocabulary.mentions(text):
        told = polarity.side(text, mention.start, mention.end)
        affirmed = polarity.presence(text, mention.start, mention.end) is not Presence.ABSENT
        if told is not None and affirmed:
            found[mention.known.key].add(told)
    return found


def _failed(guard: str, reason: str) -> GuardVerdict:
    return GuardVerdict(guard=guard, outcome=GuardOutcome.FAILED, reason=reason)


def _passed(guard: str) -> GuardVerdict:
    return GuardVerdict(guard=guard, outcome=GuardOutcome.PASSED, reason="")
