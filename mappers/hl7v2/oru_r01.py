"""ORU^R01 (chapter 7.3.1): results; R30, R31, R32 and R40 have the same segments and are read alike."""

from __future__ import annotations

from typing import Final

from mappers.domain.attribution import MessageSource
from mappers.domain.channels import Channel
from mappers.domain.issues import Mapped
from mappers.hl7v2 import structures
from mappers.hl7v2.grammar import RESULTS
from mappers.hl7v2.structures import Reading, Structure
from mappers.hl7v2.tokens import Message

__all__ = ["STRUCTURE", "Reading", "read"]

STRUCTURE: Final = Structure(
    code="ORU",
    events=frozenset({"R01", "R30", "R31", "R32", "R40"}),
    default="R01",
    rules=RESULTS,
    needs="no PID, OBR or OBX",
)


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a message of this structure; see `structures.read`."""
    return structures.read(message, channel=channel, source=source, structure=STRUCTURE)
