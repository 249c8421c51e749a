"""The same message spelled otherwise: delimiters, line ends, character sets, version. Says the same, so reads the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mappers.domain.channels import Channel
from mappers.hl7v2.escapes import escape, unescape
from mappers.hl7v2.tokens import Delimiters, Message, parse

ODD = Delimiters("!", "@", "$", "%", "*")
TRUNCATING = Delimiters("|", "^", "~", "\\", "&", "#")
#: Table 0211 and the codec of each; the strange one has other bytes for nearly all letters outside ASCII.
CHARACTER_SETS = {
    "ASCII": "ascii", "UNICODE UTF-8": "utf-8", "8859/1": "latin-1", "8859/15": "iso8859-15", "8859/2": "iso8859-2",
    "8859/5": "iso8859-5", "8859/7": "iso8859-7", "8859/9": "iso8859-9", "GB 18030-2000": "gb18030", "BIG-5": "big5",
}  # fmt: skip
_HEADER = 12
_CHARACTER_SET = 18


def lines(message: Message, new: Delimiters, fields: dict[int, str]) -> list[str]:
    """The segments in other delimiters, with these fields of MSH replaced."""
    header, old = message.header, message.delimiters
    count = max(header.count, *fields, _HEADER)
    values = [fields.get(n, spelled(header.raw(n), old, new)) for n in range(3, count + 1)]
    found = [new.field.join([f"MSH{new.field}{new.encoding_characters}", *values])]
    for each in message.segments[1:]:
        own = [spelled(each.raw(n), old, new) for n in range(1, each.count + 1)]
        found.append(new.field.join([each.name, *own]))
    return found


def spelled(text: str, old: Delimiters, new: Delimiters) -> str:
    """A field in other delimiters, each text in it unescaped and escaped again."""
    if old == new:
        return text
    marks = "".join(mark for mark in (old.component, old.repetition, old.subcomponent) if mark)
    names = {old.component: new.component, old.repetition: new.repetition, old.subcomponent: new.subcomponent}
    pieces = re.split(f"([{re.escape(marks)}])", text) if marks else [text]
    return "".join(names.get(piece) or escape(unescape(piece, old), new) for piece in pieces)


def rewrites(raw: bytes, channel: Channel) -> Iterator[tuple[str, bytes]]:
    """Every rewrite of a message that can carry it, named."""
    message = parse(raw, channel=channel).value
    own = message.delimiters
    codec = message.codec

    def encoded(new: Delimiters, end: str, fields: dict[int, str] | None = None, into: str = codec) -> bytes:
        text = end.join(lines(message, new, fields or {})) + end
        return text.encode(into)

    yield "CR", encoded(own, "\r")
    yield "LF", encoded(own, "\n")
    yield "CRLF", encoded(own, "\r\n")
    plain = not any(mark in raw.decode(codec, "replace") for mark in "%") and all(
        "\n" not in each.text for each in message.segments
    )
    if plain and own.escape:
        yield "other delimiters", encoded(ODD, "\r")
        if own != TRUNCATING:
            yield "truncation character", encoded(TRUNCATING, "\r")
    # Bytes within \X..\ are in the character set of the message.
    if "\\X" not in raw.decode(codec, "replace").upper():
        for name, into in CHARACTER_SETS.items():
            try:
                yield f"MSH-18 {name}", encoded(own, "\r", {_CHARACTER_SET: name}, into)
            except UnicodeEncodeError:
                continue
    if message.header.get(_HEADER, component=1) in {"2.4", "2.5", "2.5.1", "2.6"}:
        yield "version 2.3", encoded(own, "\r", {_HEADER: "2.3"})
