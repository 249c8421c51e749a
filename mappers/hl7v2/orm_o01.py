"""ORM^O01 (chapter 4.4.1; withdrawn in v2.7 and sent everywhere): an order of any kind.

Orders with an OBR become orders. RXO, ODS, RQD and what else ORM can order have no place here: kept.
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
    code="ORM",
    events=frozenset({"O01"}),
    default="O01",
    rules=Rules(orders=True),
    needs="no PID, ORC or OBR",
)


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a message of this structure; see `structures.read`."""
    return structures.read(message, channel=channel, source=source, structure=STRUCTURE)
