"""multipart/related bodies (RFC 2387) of DICOMweb: bytes in, parts out. Pure.

The parts are binary: nothing here may look at line ends inside them, as parsers for mail do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message

from integration.errors import RemoteUnreadable

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{1,70}")
_MOST_HEADER_BYTES = 2**14


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        headers: names in lower case.
    """

    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def decode(content_type: str, body: bytes, *, most: int = 10_000) -> tuple[Part, ...]:
    """The parts of a body; a body that is no multipart is its only part.

    Raises:
        RemoteUnreadable: no boundary, no end, or more than `most` parts.
    """
    message = Message()
    message["content-type"] = content_type
    if message.get_content_maintype() != "multipart":
        return (Part({"content-type": content_type}, body),)
    boundary = message.get_boundary()
    if not boundary or not _BOUNDARY.fullmatch(boundary):
        raise RemoteUnreadable("the answer is multipart and names no boundary")
    found = []
    for part in _parts(b"\r\n" + body, b"\r\n--" + boundary.encode("ascii")):
        found.append(part)
        if len(found) > most:
            raise RemoteUnreadable(f"the answer has more than {most} parts")
    return tuple(found)


def _parts(body: bytes, delimiter: bytes) -> Iterator[Part]:
    start = body.find(delimiter)
    while start >= 0:
        start += len(delimiter)
        if body[start : start + 2] == b"--":
            return
        end = body.find(delimiter, start)
        if end < 0:
            break
        # Blanks may stand after a delimiter (RFC 2046 5.1.1).
        line = body.find(b"\r\n", start, end + 2)
        yield _part(body, line, end)
        start = end
    raise RemoteUnreadable("the answer ends within its parts")


def _part(body: bytes, start: int, end: int) -> Part:
    if body[start : start + 4] == b"\r\n\r\n":
        return Part({}, body[start + 4 : end])
    head = body.find(b"\r\n\r\n", start, min(end, start + _MOST_HEADER_BYTES))
    if start < 0 or head < 0:
        raise RemoteUnreadable("a part of the answer has no end of its header")
    lines = body[start + 2 : head].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return Part({name.strip().lower(): value.strip() for name, _, value in pairs}, body[head + 4 : end])


def encode(parts: Sequence[bytes], *, boundary: str, media_type: str) -> bytes:
    """A body of these parts; the boundary must occur in none of them."""
    pieces = []
    for part in parts:
        pieces += [f"--{boundary}\r\nContent-Type: {media_type}\r\n\r\n".encode(), part, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])
