"""What the door decided about a message, independent of the dialect that says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mappers.domain.issues import Issue


class Verdict(StrEnum):
    """HL7 table 0008, original mode.

    ACCEPTED: it is ours now. ERROR: do not send it again unchanged. REJECTED: nothing wrong with the
    content that a later attempt could not mend (or MSH-9, 11, 12 are not acceptable here).
    """

    ACCEPTED = "AA"
    ERROR = "AE"
    REJECTED = "AR"


class Level(StrEnum):
    """Who speaks in an answer (HL7 v2 chapter 2, original and enhanced acknowledgment).

    ORIGINAL: the one answer of original mode, AA AE AR. ACCEPT: the accept acknowledgment of enhanced mode,
    CA CE CR: whether the message is in safe storage. APPLICATION: the application acknowledgment of enhanced
    mode, AA AE AR: what became of it.
    """

    ORIGINAL = "original"
    ACCEPT = "accept"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class Ack:
    """An answer to be written in the sender's dialect.

    Attributes:
        control_id: MSH-10 of the answer itself.
        issues: become ERR segments; without values of the message.
        expected_sequence_number: MSA-4, where the sequence number protocol is used.
    """

    verdict: Verdict
    control_id: str
    issues: tuple[Issue, ...] = field(default=())
    level: Level = Level.ORIGINAL
    expected_sequence_number: int | None = None
