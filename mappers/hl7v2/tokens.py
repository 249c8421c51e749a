"""A message as segments: bytes to `Message`, tolerantly, and saying what was forgiven.

Owns the order of reading: MSH as single bytes, then its delimiters and character set, then the lines. Knows
no message grammar and no meaning. What callers need of the room's other parts is at hand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Mapped, Refused, Severity
from mappers.hl7v2.batches import BatchedMessage, split_batch
from mappers.hl7v2.charsets import Candidate, candidates
from mappers.hl7v2.delimiters import ENCODING_LIMIT, Delimiters, read_delimiters, usable
from mappers.hl7v2.envelope import BLANK, BOM, HEADER_LIMIT, Peek, find_header, line_end, peek
from mappers.hl7v2.escapes import escape, unescape
from mappers.hl7v2.fields import NULL, Field, Repetition, Segment, Syntax
from mappers.hl7v2.lines import SegmentCollector, UndecodableError

__all__ = [
    "NULL",
    "BatchedMessage",
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

_MSH_18: Final = 18


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
            not become one report); bytes that do not decode, located to segment, field and byte offset; more
            lines, fields or parts than a message can have.
    """
    start = find_header(raw)
    if raw[:start].strip(BLANK + BOM):
        raise Refused(_fatal("MSH[1]", "the message does not start with MSH", "100"))
    header = raw[start : line_end(raw, start, start + HEADER_LIMIT)].decode("latin-1")
    separator = header[3:4]
    if not usable(separator):
        raise Refused(_fatal("MSH[1]-1", "MSH-1 is no character that can delimit fields", "102"))
    fields = header.split(separator)
    delimiters, problems = read_delimiters(separator, fields[1][:ENCODING_LIMIT])
    names = fields[_MSH_18 - 1] if len(fields) >= _MSH_18 else ""
    repeats = names.split(delimiters.repetition) if delimiters.repetition else [names]
    choices = candidates(raw, tuple(name.strip() for name in repeats), channel)
    collector = _collect(raw, start, choices, delimiters)
    segments = collector.segments()
    forgiven = [_warning("MSH[1]-2", text) for text in problems] + _line_ends(raw)
    character_set = collector.character_set
    message = Message(delimiters, character_set.name, segments, character_set.codec)
    return Mapped(message, (*forgiven, *collector.issues))


def _collect(
    raw: bytes, start: int, choices: tuple[Candidate, ...], delimiters: Delimiters
) -> SegmentCollector:
    """Read with the first character set that decodes every byte.

    Raises:
        Refused: none does; located by what the first of them could not read.
    """
    refusal: Refused | None = None
    for choice in choices:
        collector = SegmentCollector(delimiters, choice.character_set)
        try:
            collector.read(raw, start)
        except UndecodableError as error:
            refusal = refusal or Refused(error.issue)
            continue
        collector.issues[:0] = choice.issues
        return collector
    assert refusal is not None
    raise refusal


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


def _fatal(location: str, text: str, hl7_error: str) -> Issue:
    return Issue(Severity.FATAL, IssueCode.STRUCTURE, location, text, hl7_error)
