"""How versions of one thing rank against each other, whatever the order in which they arrive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import total_ordering

from mappers.domain.times import Moment


@total_ordering
@dataclass(frozen=True, slots=True)
class Standing:
    """How a version of a result ranks against another: an older or lower one never overwrites.

    Attributes:
        rank: registered 0, partial 1, preliminary 2, final and all that follows it 3, decided by a person 4.
        at: UTC instant text of the version (OBR-22, else MSH-7), "" when unknown.
        order: among versions of one rank and moment: final 0, amended 1, corrected 2, withdrawn 3.
        sent: UTC instant text of the message (MSH-7), which decides where nothing else does.
    """

    rank: int
    at: str = ""
    order: int = 0
    sent: str = ""

    def __lt__(self, other: Standing) -> bool:
        if self.rank != other.rank:
            return self.rank < other.rank
        before = _compared(self.at, other.at)
        if before is not None:
            return before
        if self.order != other.order:
            return self.order < other.order
        return bool(_compared(self.sent, other.sent))

    def encode(self) -> str:
        """One line for a database column."""
        return f"{self.rank}|{self.at}|{self.order}" + (f"|{self.sent}" if self.sent else "")

    @classmethod
    def decode(cls, text: str) -> Standing:
        """Read what `encode` wrote."""
        rank, at, order, *sent = text.split("|")
        return cls(int(rank), at, int(order), *sent)


_RANKS = {
    "registered": (0, 0), "partial": (1, 0), "preliminary": (2, 0),
    "final": (3, 0), "amended": (3, 1), "appended": (3, 1), "corrected": (3, 2),
    "cancelled": (3, 3), "entered-in-error": (3, 3), "unknown": (0, 0),
}  # fmt: skip


def standing(status: str, at: Moment | None, sent: Moment | None = None) -> Standing:
    """The standing of a version with this FHIR status, made at one moment and sent at another."""
    rank, order = _RANKS[status]
    return Standing(rank, utc(at), order, utc(sent))


#: What a named person decided: no draft and no later reading goes before it.
DECIDED = 4


def decided(at: Moment) -> Standing:
    """The standing of what a named person decided at an instant."""
    return Standing(DECIDED, utc(at))


def _compared(mine: str, theirs: str) -> bool | None:
    """Whether a moment is before another, as far as the less precise goes; None when they are equal."""
    precision = min(len(mine), len(theirs))
    mine, theirs = mine[:precision], theirs[:precision]
    return None if mine == theirs else mine < theirs


def utc(at: Moment | None) -> str:
    """A moment as UTC text that sorts; dates without time stay dates."""
    if at is None or not at.is_instant:
        return at.text if at else ""
    try:
        moment = datetime.fromisoformat(at.text.replace(":60", ":59")).astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar, on the other side of UTC
        return at.date
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")
