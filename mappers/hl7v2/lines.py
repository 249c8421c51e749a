"""The lines of one message as segments, in one character set.

Owns line ends, segment names, the limits that keep a hostile message from filling memory, and the warnings
about what was forgiven. A line that names no segment continues the field before it (some senders break lines
inside OBX-5): nothing that arrived is dropped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mappers.domain.issues import Issue, IssueCode, Location, Refused, Severity
from mappers.hl7v2.charsets import CharacterSet
from mappers.hl7v2.delimiters import Delimiters
from mappers.hl7v2.escapes import leftovers
from mappers.hl7v2.fields import CONTROL, HEADERS, Segment, Syntax

#: Lines of a message. The largest real ones (waveforms, panels) have some thousands.
MAX_LINES: Final = 100_000
#: Fields of a segment; the standard's longest has about a hundred.
MAX_FIELDS: Final = 10_000
#: Repetitions, components and subcomponents of a segment; a waveform (NA) has one for each sample.
MAX_PARTS: Final = 500_000

_LINE: Final = re.compile(rb"[^\r\n]+")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{2}")
#: A segment without any field; a lower-case word of three letters is text.
_BARE_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")


class UndecodableError(Exception):
    """A byte that the character set does not have; `issue` locates it."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(issue.location)
        self.issue = issue


@dataclass(slots=True)
class _Pending:
    """A segment and the lines that continue it."""

    name: str
    ordinal: int
    lines: list[str]


class SegmentCollector:
    """Collects the segments of one message in one character set."""

    def __init__(self, delimiters: Delimiters, character_set: CharacterSet) -> None:
        self._delimiters = delimiters
        self.character_set = character_set
        self._syntax = Syntax(delimiters, character_set.codec)
        self._counts: Counter[str] = Counter()
        self._pending: list[_Pending] = []
        self._suspicious = character_set.codec in {"iso8859-1", "cp1252"}
        self.issues: list[Issue] = []

    def read(self, raw: bytes, start: int) -> None:
        """Take all lines of `raw` from the offset `start`, where MSH stands.

        Raises:
            UndecodableError: a byte does not decode.
            Refused: a second MSH, or more lines than a message can have.
        """
        view = memoryview(raw)
        for number, (begin, end) in enumerate(_lines(raw, start)):
            if number >= MAX_LINES:
                raise Refused(_too_much("", "the message has too many lines"))
            try:
                text = str(view[begin:end], self.character_set.codec, "strict")
            except UnicodeDecodeError as error:
                raise UndecodableError(self._undecodable(view, begin, error)) from None
            if self._suspicious and not text.isascii():
                self._suspect(view[begin:end])
            self._take(text)

    def segments(self) -> tuple[Segment, ...]:
        """What was collected; adds the warnings about its content to `issues`.

        Raises:
            Refused: a segment has more fields or parts than one can have.
        """
        return tuple(self._segment(pending, index) for index, pending in enumerate(self._pending, start=1))

    def _take(self, text: str) -> None:
        name, stripped = self._name(text)
        if name is None:
            if not text.isspace():
                self._pending[-1].lines.append(text)
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
        self._pending.append(_Pending(name, ordinal, [stripped]))

    def _name(self, text: str) -> tuple[str | None, str]:
        """The name of the segment that a line starts, with the line from there; None for a continued line."""
        separator = self._delimiters.field
        for line in (text, text.lstrip(" \t\x00")):
            if _NAME.match(line) and (line[3:4] == separator or _BARE_NAME.fullmatch(line)):
                return line[:3].upper(), line
        return None, text

    def _suspect(self, line: memoryview) -> None:
        """Say once when a line read as 8859/1 is UTF-8 with all likelihood: the sender's MSH-18 is wrong."""
        try:
            str(line, "utf-8", "strict")
        except UnicodeDecodeError:
            return
        self._suspicious = False
        text = "the bytes are valid UTF-8: if MSH-18 is wrong, set the channel's character_set_override"
        self._warn("MSH[1]-18", text)

    def _segment(self, pending: _Pending, index: int) -> Segment:
        if len(pending.lines) > 1:
            self._continued(pending)
        # HL7 has no line end inside a field; the sender's own is kept as a line feed.
        text = "\n".join(pending.lines)
        segment = Segment(text, name=pending.name, index=index, ordinal=pending.ordinal, syntax=self._syntax)
        if len(text) > MAX_FIELDS:
            self._limit(segment)
        if not text.isprintable() and CONTROL.search(text):
            self._warn(segment.label, "control characters are left out of the values")
        escape = self._delimiters.escape
        if escape and escape in text and segment.name not in HEADERS:
            self._escapes(segment)
        return segment

    def _continued(self, pending: _Pending) -> None:
        """Name the fields that continued lines belong to, each once."""
        field = int(pending.name in HEADERS)
        named: set[int] = set()
        for line in pending.lines[:-1]:
            field += line.count(self._delimiters.field)
            if field not in named:
                named.add(field)
                where = str(Location(pending.name, pending.ordinal, field or None))
                text = "a line that starts with no segment name was read as a part of this field"
                self._warn(where, text)

    def _limit(self, segment: Segment) -> None:
        marks, text = self._delimiters, segment.text
        if text.count(marks.field) > MAX_FIELDS:
            raise Refused(_too_much(segment.label, "the segment has too many fields"))
        parts = (marks.repetition, marks.component, marks.subcomponent)
        if sum(text.count(mark) for mark in parts if mark) > MAX_PARTS:
            raise Refused(_too_much(segment.label, "the segment has too many repetitions or components"))

    def _escapes(self, segment: Segment) -> None:
        """Name the fields with escapes that stay as they are, each once for each reason."""
        field = at = 0
        named: set[tuple[int, str]] = set()
        for position, reason in leftovers(segment.text, self._delimiters, codec=self.character_set.codec):
            field += segment.text.count(self._delimiters.field, at, position)
            at = position
            if (field, reason) not in named:
                named.add((field, reason))
                self._warn(segment.at(field), reason)

    def _undecodable(self, view: memoryview, begin: int, error: UnicodeDecodeError) -> Issue:
        """Where the byte is, for the sender to find: segment, field and offset."""
        offset = begin + error.start
        before = str(view[begin:offset], self.character_set.codec, "replace")
        name, stripped = self._name(before)
        if name is not None:
            ordinal, field = self._counts[name] + 1, stripped.count(self._delimiters.field)
        elif self._pending:
            last = self._pending[-1]
            name, ordinal = last.name, last.ordinal
            field = sum(line.count(self._delimiters.field) for line in (*last.lines, before))
        else:
            name, ordinal, field = "MSH", 1, 0
        field += name in HEADERS
        text = f"byte at offset {offset} does not decode in the character set {self.character_set.name}"
        return _fatal(str(Location(name, ordinal, field or None)), text, "102", code=IssueCode.VALUE)

    def _warn(self, location: str, text: str) -> None:
        self.issues.append(Issue(Severity.WARNING, IssueCode.STRUCTURE, location, text))


def _lines(raw: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Offsets of the lines, blank ones left out, whatever ends them. Bytes are not copied."""
    if raw.find(b"\n", start) >= 0:
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


def _too_much(location: str, text: str) -> Issue:
    return _fatal(location, text, "207", code=IssueCode.TOO_COSTLY)


def _fatal(location: str, text: str, hl7_error: str, *, code: IssueCode = IssueCode.STRUCTURE) -> Issue:
    return Issue(Severity.FATAL, code, location, text, hl7_error)
