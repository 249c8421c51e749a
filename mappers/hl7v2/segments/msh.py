"""MSH: who sent the message and what names it."""

from __future__ import annotations

from dataclasses import replace

from mappers.domain.attribution import MessageSource
from mappers.domain.channels import Channel
from mappers.domain.coding import Coding
from mappers.hl7v2.datatypes import times
from mappers.hl7v2.elements import Context, Element, SegmentReader
from mappers.hl7v2.tokens import Message, Syntax


def source(message: Message, *, channel: Channel, sha256: str, size: int) -> MessageSource:
    """What MSH says about a message.

    Args:
        message: any message.
        channel: its zone and assigners.
        sha256: hex digest of the bytes as received.
        size: bytes.
    """
    reader = SegmentReader(message.header, context_of(message, channel))
    return replace(read(reader), sha256=sha256, size=size)


def context_of(message: Message, channel: Channel) -> Context:
    """What the reading of this message shares: MSH-7 gives the offset of times that have none."""
    sent_at = message.header.get(7, component=1)
    offset = times.offset_of(sent_at, channel.time_zone)
    return Context(channel, Syntax(message.delimiters, message.codec), offset)


def read(msh: SegmentReader) -> MessageSource:
    """MSH without digest and size, which only the bytes know."""
    security = msh.text(8)
    kind = msh.first(9)
    return MessageSource(
        control_id=msh.text(10) or "",
        trigger="^".join(text for n in (1, 2, 3) if (text := kind.text(n))),
        version=msh.text(12, 1) or "",
        sent_at=times.dtm(msh.first(7)),
        sha256="",
        size=0,
        sending_application=_designation(msh.first(3)),
        sending_facility=_designation(msh.first(4)),
        receiving_application=_designation(msh.first(5)),
        receiving_facility=_designation(msh.first(6)),
        processing_id=msh.text(11, 1),
        security=(Coding(security),) if security else (),
        origin=msh.label,
    )


def _designation(element: Element) -> str | None:
    """The name of an application or facility (HD), else its universal id."""
    return element.text(1) or element.text(2)
