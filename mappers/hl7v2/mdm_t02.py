"""MDM^T01 to T11 (chapter 9): documents, and what becomes of them.

An even number brings the content, an odd one only speaks of it; T11 cancels. ORC and OBR are the orders that
the document belongs to; discrete OBX beside the text are results.
"""

from __future__ import annotations

from typing import Final

from mappers.domain.attribution import MessageSource
from mappers.domain.channels import Channel
from mappers.domain.issues import Mapped
from mappers.hl7v2 import structures
from mappers.hl7v2.grammar import Rules
from mappers.hl7v2.structures import Reading, Structure
from mappers.hl7v2.tokens import Message

STRUCTURE: Final = Structure(
    code="MDM",
    events=frozenset({f"T{n:02}" for n in range(1, 12)}),
    default=None,
    rules=Rules(documents=True),
    needs="no PID, TXA or OBX",
)


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a message of this structure; see `structures.read`."""
    return structures.read(message, channel=channel, source=source, structure=STRUCTURE)
