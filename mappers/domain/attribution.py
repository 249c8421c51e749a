"""Where facts came from: the message that carried them and the software that read them."""

from __future__ import annotations

from dataclasses import dataclass, field

from mappers.domain.coding import Coding
from mappers.domain.times import Moment


@dataclass(frozen=True, slots=True)
class MessageSource:
    """Who sent a message and what names it (MSH).

    Attributes:
        sha256: hex digest of the bytes as received.
        size: bytes.
        security: codings of MSH-8 where given.
        kept: (label, text) of segments kept verbatim on the Provenance: Z segments and others unmapped.
        origin: segment label.
    """

    control_id: str
    trigger: str
    version: str
    sent_at: Moment | None
    sha256: str
    size: int
    sending_application: str | None = None
    sending_facility: str | None = None
    receiving_application: str | None = None
    receiving_facility: str | None = None
    processing_id: str | None = None
    security: tuple[Coding, ...] = field(default=())
    kept: tuple[tuple[str, str], ...] = field(default=())
    origin: str = "MSH[1]"


@dataclass(frozen=True, slots=True)
class Software:
    """The software that wrote a result: Wardwire itself, by name and version."""

    name: str
    version: str
