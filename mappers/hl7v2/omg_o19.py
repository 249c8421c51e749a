"""OMG^O19 (chapter 4.4.4): a general clinical order, with prior results after a second PID.

The guide maps no OMG: its groups are those of OML^O21 and are read as these (docs/feeds.md).
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
    code="OMG",
    events=frozenset({"O19"}),
    default="O19",
    rules=Rules(orders=True),
    needs="no PID, ORC or OBR",
)


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a message of this structure; see `structures.read`."""
    return structures.read(message, channel=channel, source=source, structure=STRUCTURE)
