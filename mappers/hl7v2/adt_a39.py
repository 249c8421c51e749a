"""ADT^A40 (chapter 3.3.40): patients who are one. Accepted for its links alone.

Of PID nothing is read but PID-3, of MRG nothing but MRG-1: who stays and who went. All else is kept. Other
ADT events are refused as unsupported, which keeps them.
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
    code="ADT",
    events=frozenset({"A40"}),
    default=None,
    rules=Rules(merges=True),
    needs="no PID",
)


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a message of this structure; see `structures.read`."""
    return structures.read(message, channel=channel, source=source, structure=STRUCTURE)
