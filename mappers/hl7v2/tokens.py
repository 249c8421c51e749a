"""A message as segments: bytes to `Message`, tolerantly, and saying what was forgiven.

Owns line ends, line names, the order of decoding. A text line that continues a field (some senders break
lines inside OBX-5) stays in that field; nothing that arrived is dropped. Knows no message grammar and no
meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Location, Mapped, Refused, Severity
from mappers.hl7v2.batches import split_batch
from mappers.hl7v2.charsets import Candidate, CharacterSet, candidates
from mappers.hl7v2.delimiters import Delimiters, read_delimiters, usable
from mappers.hl7v2.envelope import BLANK, BOM, Peek, find_header, peek
from mappers.hl7v2.escapes import escape, leftovers, unescape
from mappers.hl7v2.fields import CONTROL, HEADERS, NULL, Field, Repetition, Segment, Syntax

__all__ = [
    "NULL",
    "Delimiters",
    "Field",
    "Message",
    "Peek",
    "Repetition",
    "Segment",
    "Syntax",
    "escape",
    "parse",
    "peek",
    "split_batch",
    "unescape",
]

_LINE: Final = re.compile(rb"[^\r\n]+")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{2}")
#: A segment without any field; a lower-case word of three letters is text.
_BARE_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")


@dataclass(frozen=True, slots=True)
class Message:
    """One message, cut into segments.

    Attributes:
        character_set: the table 0211 name that was used.
        codec: the Python codec of it.
    """

    delimiters: Delimiters
    character_set: str
    segments: tuple[Segment, ...]
    codec: str = "ascii"

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    def named(self, name: str) -> tuple[Segment, ...]:
        """All segments of one name, in order."""
        return tuple(segment for segment in self.segments if segment.name == name)


def parse(raw: bytes, *, channel: Channel) -> Mapped[Message]:
    """Cut a message into segments.

    Returns:
        The message, with a warning for everything that was forgiven: line ends, delimiters, character sets,
        lower-case names, continued lines, escapes left as they are, control characters.

    Raises:
        Refused: no MSH at the start; MSH-1 that cannot delimit; a second MSH (two messages in one frame must
            not become one report); bytes that do not decode, located to segment, field and byte offset.
    """
    start = find_header(raw)
    if raw[:start].strip(BLANK + BOM):
        raise Refused(_fatal("MSH[1]", "the message does not start with MSH", "100"))
    stop = raw.find(b"\r", start)
    header = raw[start : len(raw) if stop < 0 else stop].split(b"\n", 1)[0].decode("latin-1")
    separator = header[3:4]
    if not usable(separator):
        raise Refused(_fatal("MSH[1]-1", "MSH-1 is no character that can delimit fields", "102"))
    fields = header.split(separator)
    delimiters, problems = read_delimiters(separator, fields[1] if len(fields) > 1 else "")
    issues = [_warning("MSH[1]-2", text) for text in problems]
    issues += _line_ends(raw)
    names = fields[17] if len(fields) > 17 else ""  # noqa: PLR2004 - MSH-18
    declared = tuple(
        name.strip() for name in (names.split(delimiters.repetition) if delimiters.repetition else [names])
    )
    reader = _decode(raw, start, candidates(raw, declared, channel), delimiters)
    return Mapped(reader.message(), (*issues, *reader.issues))


def _decode(raw: bytes, start: int, choices: tuple[Candidate, ...], delimiters: Delimiters) -> _Reader:
    """Read with the first character set that decodes every byte.

    Raises:
        Refused: none does; located by what the first of them could not read.
    """
    refusal: Refused | None = None
    for choice in choices:
        reader = _Reader(delimiters, choice.character_set)
        try:
            reader.read(raw, start)
        except _UndecodableError as error:
            refusal = refusal or Refused(error.issue)
            continue
        reader.issues[:0] = choice.issues
        return reader
    assert refusal is not None
    raise refusal


class _UndecodableError(Exception):
    """A byte that the character set does not have."""

    def __init__(self, issue: Issue) -> None:
        super().__init__()
        self.issue = issue


class _Reader:
    """Collects the segments of one message in one character set."""

    def __init__(self, delimiters: Delimiters, character_set: CharacterSet) -> None:
        self._delimiters = delimiters
        self._set = character_set
        self._syntax = Syntax(delimiters, character_set.codec)
        self._counts: Counter[str] = Counter()
        self._lines: list[tuple[str, str, int]] = []
        self.issues: list[Issue] = []
        self._mistaken = character_set.codec in {"iso8859-1", "cp1252"}

    def read(self, raw: bytes, start: int) -> None:
        view = memoryview(raw)
        for begin, end in _lines(raw, start):
            try:
                text = str(view[begin:end], self._set.codec, "strict")
            except UnicodeDecodeError as error:
                raise _UndecodableError(self._undecodable(view, begin, error)) from None
            self._suspect(view[begin:end], text)
            self._take(text)

    def message(self) -> Message:
        segments = tuple(
            Segment(text, name=name, index=index, ordinal=ordinal, syntax=self._syntax)
            for index, (name, text, ordinal) in enumerate(self._lines, start=1)
        )
        for segment in segments:
            self._inspect(segment)
        return Message(self._delimiters, self._set.name, segments, self._set.codec)

    def _take(self, text: str) -> None:
        name, stripped = self._name(text)
        if name is None:
            if text.isspace():
                return
            last, before, ordinal = self._lines[-1]
            # HL7 has no line end inside a field; the sender's own is kept as a line feed.
            self._lines[-1] = (last, f"{before}\n{text}", ordinal)
            field = before.count(self._delimiters.field) + (last in HEADERS)
            where = str(Location(last, ordinal, field or None))
            self._warn(where, "a line that starts with no segment name was read as a part of this field")
            return
        self._counts[name] += 1
        ordinal = self._counts[name]
        label = f"{name}[{ordinal}]"
        if name == "MSH" and ordinal > 1:
            raise Refused(_fatal(label, "a second MSH in one message; send one message per frame", "100"))
        if stripped[:3] != name:
            self._warn(label, "the segment name is not in capitals")
        if stripped is not text:
            self._warn(label, "blanks before the segment name")
        self._lines.append((name, stripped, ordinal))

    def _name(self, text: str) -> tuple[str | None, str]:
        """The name of the segment that a line starts, with the line from there; None for a continued line."""
        separator = self._delimiters.field
        for line in (text, text.lstrip(" \t\x00")):
            if _NAME.match(line) and (line[3:4] == separator or _BARE_NAME.fullmatch(line)):
                return line[:3].upper(), line
        return None, text

    def _suspect(self, line: memoryview, text: str) -> None:
        """Say once when text read as 8859/1 is UTF-8 with all likelihood: the sender's MSH-18 is wrong."""
        if not self._mistaken or text.isascii():
            return
        try:
            str(line, "utf-8", "strict")
        except UnicodeDecodeError:
            return
        self._mistaken = False
        self._warn(
            "MSH[1]-18",
            "the bytes are valid UTF-8: if MSH-18 is wrong, set the channel's character_set_override",
        )

    def _inspect(self, segment: Segment) -> None:
        text = segment.text
        if not text.isprintable() and CONTROL.search(text):
            self._warn(segment.label, "control characters are left out of the values")
        escape_character = self._delimiters.escape
        if escape_character and escape_character in text and segment.name not in HEADERS:
            for position, reason in leftovers(text, self._delimiters, codec=self._set.codec):
                field = text.count(self._delimiters.field, 0, position)
                self._warn(segment.at(field), reason)

    def _undecodable(self, view: memoryview, begin: int, error: UnicodeDecodeError) -> Issue:
        offset = begin + error.start
        before = str(view[begin:offset], self._set.codec, "replace")
        name, stripped = self._name(before)
        if name is None:
            name, ordinal, field = "", 1, None
            if self._lines:
                name, text, ordinal = self._lines[-1]
                field = text.count(self._delimiters.field) + before.count(self._delimiters.field)
        else:
            ordinal = self._counts[name] + 1
            field = stripped.count(self._delimiters.field)
        if field is not None and name in HEADERS:
            field += 1
        where = str(Location(name, ordinal, field or None)) if name else ""
        text = f"byte at offset {offset} does not decode in the character set {self._set.name}"
        return _fatal(where, text, "102", code=IssueCode.VALUE)

    def _warn(self, location: str, text: str) -> None:
        self.issues.append(_warning(location, text))


def _lines(raw: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Offsets of the lines, blank ones left out, whatever ends them. Bytes are not copied."""
    feeds = raw.find(b"\n", start) >= 0
    if feeds:
        for match in _LINE.finditer(raw, start):
            yield match.span()
        return
    size = len(raw)
    while start < size:
        end = raw.find(b"\r", start)
        end = size if end < 0 else end
        if end > start:
            yield start, end
        start = end + 1


def _line_ends(raw: bytes) -> list[Issue]:
    # What follows the last segment is a matter of files, not of the message.
    stop = len(raw)
    while stop and raw[stop - 1] in b"\r\n":
        stop -= 1
    feeds, returns = raw.count(b"\n", 0, stop), raw.count(b"\r", 0, stop)
    if not feeds:
        return []
    if not returns:
        ends = "line feeds"
    elif feeds == returns == raw.count(b"\r\n", 0, stop):
        ends = "carriage return and line feed"
    else:
        ends = "a mixture of carriage returns and line feeds"
    return [_warning("", f"segments end with {ends}; HL7 wants a carriage return")]


def _warning(location: str, text: str) -> Issue:
    return Issue(Severity.WARNING, IssueCode.STRUCTURE, location, text)


def _fatal(location: str, text: str, hl7_error: str, *, code: IssueCode = IssueCode.STRUCTURE) -> Issue:
    return Issue(Severity.FATAL, code, location, text, hl7_error)
