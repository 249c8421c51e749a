"""A report's results over all the messages that speak of it: what was listed stays until it is withdrawn.

Laboratories correct a report by sending what changed and nothing else, so a message that lists less takes
nothing away. Of each result the message with the highest standing says whether it is listed:

| the message | the result |
|---|---|
| lists it | is in `DiagnosticReport.result` |
| withdraws it (OBX-11 D or W) | is not, until a message of higher standing lists it again |
| does not speak of it | stays as it was |
| is text, and speaks of the same section (OBX-3) without it | is not: sections are sent whole |

Everything else of a report, its status among it, is that of the one message with the highest standing; a text
made of all its results (`presentedForm`) is shown only while that message speaks of every result there is.
Specimens are those of all messages. Shuffled messages end the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mappers.domain.standing import Standing

Node = dict[str, Any]

_HEAD: Final = ""
_SECTION: Final = "#"
_LISTED: Final = "+"
_WITHDRAWN: Final = "-"
#: Elements that are not the head message's alone.
_OF_ALL: Final = frozenset({"result", "specimen"})
#: A text made of the results of one message.
_WHOLE: Final = "presentedForm"


@dataclass(frozen=True, slots=True)
class Member:
    """What a message says of one result of a report.

    Attributes:
        reference: of the Observation.
        standing: of what is said.
        listed: False when it is withdrawn.
        section: what it is a part of, where the report is text; a digest.
        own: the message that the report's head is from speaks of it.
    """

    reference: str
    standing: Standing
    listed: bool = True
    section: str = ""
    own: bool = True


@dataclass(frozen=True, slots=True)
class Roll:
    """What is known of a report's results.

    Attributes:
        head: standing of the message that the report itself is from.
        members: by reference.
    """

    head: Standing = field(default=Standing(-1))
    members: dict[str, Member] = field(default_factory=dict)

    def encode(self) -> str:
        """One text for a database column; ids and times, nothing that was measured."""
        rows = {
            each.reference: (_LISTED if each.listed else _WITHDRAWN)
            + ("*" if each.own else " ")
            + each.standing.encode()
            + (f"{_SECTION}{each.section}" if each.section else "")
            for each in self.members.values()
        }
        return json.dumps({_HEAD: self.head.encode(), **dict(sorted(rows.items()))}, separators=(",", ":"))


def decode(text: str | None, stored: Node) -> Roll:
    """Read what `encode` wrote; a plain standing, or none, counts for every result that is listed."""
    if text and text.startswith("{"):
        rows = json.loads(text)
        head = Standing.decode(rows.pop(_HEAD))
        return Roll(head, {reference: _member(reference, row) for reference, row in rows.items()})
    head = Standing.decode(text) if text else Standing(0)
    return Roll(head, {each: Member(each, head) for each in _references(stored, "result")})


def head_of(text: str) -> Standing:
    """The standing of a version, whether a roll is kept with it or not."""
    return Standing.decode(json.loads(text)[_HEAD] if text.startswith("{") else text)


def accrue(
    stored: Node, roll: Roll, said: Node, standing: Standing, members: Sequence[Member]
) -> tuple[Node, Roll]:
    """Add what a message says of a report to what is known of it.

    Args:
        stored: the report as known; empty when nothing is.
        roll: of its results.
        said: the report as the message has it.
        standing: of the message's report.
        members: what the message says of results.
    """
    leads = not stored or not standing < roll.head
    spoken = {each.reference: each for each in members}
    known = dict(roll.members)
    for reference, member in spoken.items():
        before = known.get(reference)
        if before is None or not member.standing < before.standing:
            known[reference] = member
    if leads:
        known = {name: replace(each, own=name in spoken) for name, each in known.items()}
    else:
        known = {
            name: replace(each, own=name in roll.members and roll.members[name].own)
            for name, each in known.items()
        }
    current = _current(known.values())
    head = said if leads else stored
    report = {name: value for name, value in head.items() if name not in {*_OF_ALL, _WHOLE}}
    listed = {each.reference for each in current if each.listed}
    report |= _listing("result", _references(head, "result"), listed, known)
    specimens = {*_references(stored, "specimen"), *_references(said, "specimen")}
    report |= _listing("specimen", _references(head, "specimen"), specimens, {})
    if _WHOLE in head and all(each.own for each in current):
        report[_WHOLE] = head[_WHOLE]
    return report, Roll(standing if leads else roll.head, known)


def _member(reference: str, row: str) -> Member:
    standing, _, section = row[2:].partition(_SECTION)
    return Member(reference, Standing.decode(standing), row[0] == _LISTED, section, row[1] == "*")


def _references(report: Node, name: str) -> list[str]:
    return [each["reference"] for each in report.get(name, ())]


def _current(members: Iterable[Member]) -> list[Member]:
    """Those that no later text of the same section leaves out."""
    latest: dict[str, Standing] = {}
    members = list(members)
    for each in members:
        if each.section and (each.section not in latest or latest[each.section] < each.standing):
            latest[each.section] = each.standing
    return [each for each in members if not each.section or not each.standing < latest[each.section]]


def _listing(name: str, order: Sequence[str], wanted: set[str], known: dict[str, Member]) -> Node:
    """An element of references: those of the head in its order, then the others in an order of their own."""
    own = [each for each in order if each in wanted and (not known or known[each].own)]
    others = sorted(wanted.difference(own))
    # Whose order it is would be forgotten with the next message, where nothing says which are its own.
    references = sorted(wanted) if others and not known else [*own, *others]
    return {name: [{"reference": each} for each in references]} if references else {}
