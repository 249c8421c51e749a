"""OMI^O23 (chapter 4.4.12): an imaging order; IPC has accession number, StudyInstanceUID and modality.

The guide maps no OMI: its groups are those of OMG^O19 with IPC.
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
    code="OMI",
    events=frozenset({"O23"}),
    default="O23",
    rules=Rules(orders=True),
    needs="no PID, ORC or OBR",
)


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a message of this structure; see `structures.read`."""
    return structures.read(message, channel=channel, source=source, structure=STRUCTURE)
