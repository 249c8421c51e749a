"""OML (chapters 4.4.6 to 4.4.10): laboratory orders, their specimens below (O21, O39) or above (O33, O35)."""

from __future__ import annotations

from typing import Final

from mappers.domain.attribution import MessageSource
from mappers.domain.channels import Channel
from mappers.domain.issues import Mapped
from mappers.hl7v2 import structures
from mappers.hl7v2.grammar import Rules
from mappers.hl7v2.structures import Reading, Structure, kind_of
from mappers.hl7v2.tokens import Message

_NEEDS: Final = "no PID, ORC or OBR"
#: O21 one order after the other; O39 the same with shipments.
BY_ORDER: Final = Structure(
    code="OML", events=frozenset({"O21", "O39"}), default="O21", rules=Rules(orders=True), needs=_NEEDS
)
#: O33 many orders of a specimen, O35 of a container.
BY_SPECIMEN: Final = Structure(
    code="OML", events=frozenset({"O33", "O35"}), rules=Rules(orders=True, specimen_first=True), needs=_NEEDS
)


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a laboratory order; see `structures.read`."""
    led = kind_of(message)[1] in BY_SPECIMEN.events
    structure = BY_SPECIMEN if led else BY_ORDER
    return structures.read(message, channel=channel, source=source, structure=structure)
