"""OUL (chapters 7.3.5 to 7.3.7): unsolicited results by specimen (R22), container (R23) or order (R24).

ORC, if there is one, comes after its OBR. R21 is withdrawn and has the grammar of R24.
"""

from __future__ import annotations

from typing import Final

from mappers.domain.attribution import MessageSource
from mappers.domain.channels import Channel
from mappers.domain.issues import Mapped
from mappers.hl7v2 import structures
from mappers.hl7v2.grammar import Rules
from mappers.hl7v2.structures import Reading, Structure, kind_of
from mappers.hl7v2.tokens import Message

BY_SPECIMEN: Final = Structure(
    code="OUL", events=frozenset({"R22", "R23"}), rules=Rules(specimen_first=True, orc_follows=True)
)
BY_ORDER: Final = Structure(code="OUL", events=frozenset({"R21", "R24"}), rules=Rules(orc_follows=True))


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read specimen-centred results; see `structures.read`."""
    by_order = kind_of(message)[1] in BY_ORDER.events
    structure = BY_ORDER if by_order else BY_SPECIMEN
    return structures.read(message, channel=channel, source=source, structure=structure)
