"""Which reader reads which message: one table, by message code (MSH-9.1).

| MSH-9 | module |
|---|---|
| ORU^R01 R30 R31 R32 R40 | oru_r01 |
| OUL^R21 to R24 | oul_r22 |
| ORM^O01 | orm_o01 |
| OMG^O19 | omg_o19 |
| OMI^O23 | omi_o23 |
| OML^O21 O33 O35 O39 | oml_o21 |
| MDM^T01 to T11 | mdm_t02 |
| ADT^A40 | adt_a39 |
| any other | refused: 200 for the type, 201 for the event |
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from mappers.domain.attribution import MessageSource
from mappers.domain.channels import Channel
from mappers.domain.issues import Mapped
from mappers.hl7v2 import adt_a39, mdm_t02, omg_o19, omi_o23, oml_o21, orm_o01, oru_r01, oul_r22
from mappers.hl7v2.structures import Reading, kind_of, unsupported
from mappers.hl7v2.tokens import Message


class Reader(Protocol):
    """Reads one kind of message."""

    def __call__(self, message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
        """What the message says; raises `Refused`."""


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "ORU": oru_r01.read,
        "OUL": oul_r22.read,
        "ORM": orm_o01.read,
        "OMG": omg_o19.read,
        "OMI": omi_o23.read,
        "OML": oml_o21.read,
        "MDM": mdm_t02.read,
        "ADT": adt_a39.read,
    }
)


def read(message: Message, *, channel: Channel, source: MessageSource) -> Mapped[Reading]:
    """Read a message of any kind that is read here.

    Args:
        message: the segments.
        channel: what was agreed about the feed.
        source: from `msh.source`; the segments that were kept are added to it.

    Raises:
        Refused: no reader for its type or event, or nothing to read; located, with a table 0357 code.
    """
    code, _ = kind_of(message)
    reader = READERS.get(code)
    if reader is None:
        raise unsupported(message, code)
    return reader(message, channel=channel, source=source)
