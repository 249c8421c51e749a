"""The answer to a batch: its acknowledgements between the headers and trailers that answer its own.

`[FHS] {BHS {MSH MSA [ERR]} BTS} [FTS]` (chapter 2, acknowledging batches): the sender's delimiters, its names
swapped, FHS-12 and BHS-12 naming what is answered, BTS-1 and FTS-1 counting what is there. Never raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mappers.domain.times import Moment
from mappers.hl7v2.ack import complete, date_time, echo
from mappers.hl7v2.delimiters import DEFAULT, ENCODING_LIMIT, read_delimiters, usable
from mappers.hl7v2.envelope import Peek

_CONTROL_ID: Final = 11
#: Fields that a header and a message header share, MSH-1 to MSH-8.
_SHARED: Final = 8
_HEADER_LIMIT: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class Answered:
    """The acknowledgements of one batch.

    Attributes:
        header: its BHS as sent; None where its messages came without.
        acknowledgements: of its messages that have one, in their order.
    """

    header: bytes | None
    acknowledgements: tuple[bytes, ...]


def envelope(header: bytes) -> Peek:
    """A FHS or BHS as the envelope of a message: its control id (FHS-11, BHS-11) stands for MSH-10."""
    line = header[:_HEADER_LIMIT].decode("latin-1")
    separator = line[3:4]
    if not usable(separator):
        return Peek(b"", start=0, fields=[], delimiters=DEFAULT)
    fields = line.split(separator)
    fields[0] = separator
    delimiters, _ = read_delimiters(separator, fields[1][:ENCODING_LIMIT])
    control_id = fields[_CONTROL_ID - 1] if len(fields) >= _CONTROL_ID else ""
    shared = (fields + [""] * _SHARED)[:_SHARED]
    return Peek(b"", start=0, fields=[*shared, "", control_id], delimiters=delimiters)


def write(file_header: bytes | None, batches: Sequence[Answered], *, control_id: str, now: Moment) -> bytes:
    """The whole answer.

    Args:
        file_header: the FHS as sent, where there was one.
        batches: in the order of the file.
        control_id: FHS-11 and BHS-11 of the answer.
        now: FHS-7 and BHS-7.
    """
    parts: list[bytes] = []
    for batch in batches:
        count = len(batch.acknowledgements)
        parts += [_header("BHS", batch.header, control_id, now), *batch.acknowledgements]
        parts.append(_trailer("BTS", batch.header, count))
    if file_header is not None:
        parts.insert(0, _header("FHS", file_header, control_id, now))
        parts.append(_trailer("FTS", file_header, len(batches)))
    return b"".join(parts)


def _header(name: str, sent: bytes | None, control_id: str, now: Moment) -> bytes:
    peek = envelope(sent or b"")
    delimiters = complete(peek.delimiters)
    fields = (
        name,
        delimiters.encoding_characters,
        echo(peek.receiving_application),
        echo(peek.receiving_facility),
        echo(peek.sending_application),
        echo(peek.sending_facility),
        date_time(now),
        "",
        "",
        "",
        control_id,
        echo(peek.control_id),
    )
    return (delimiters.field.join(fields).rstrip(delimiters.field) + "\r").encode("latin-1", "replace")


def _trailer(name: str, header: bytes | None, count: int) -> bytes:
    return f"{name}{envelope(header or b'').delimiters.field}{count}\r".encode("latin-1")
