"""Files and frames with more than one message: FHS/BHS batches, several MSH, MLLP framing left in.

Splits bytes and checks the counts of BTS-1 and FTS-1 (chapter 2, batch protocol); reads no message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from mappers.domain.issues import Issue, IssueCode, Mapped, Severity
from mappers.hl7v2.delimiters import usable
from mappers.hl7v2.envelope import BOM, HEADER_LIMIT, line_end

#: A header or trailer at the start of a line, blanks and a byte order mark before it.
_MARK: Final = re.compile(rb"(?:\A|[\r\n\x0b\x1c])[ \t\x00\xef\xbb\xbf]*(MSH|[FB]HS|[FB]TS)")
_BATCH: Final = re.compile(rb"[ \t\r\n\x00\xef\xbb\xbf]*[FB]HS")
_LEADING: Final = b" \t\x00" + BOM
_BEFORE: Final = b"\r\n\x0b\x1c"


@dataclass(frozen=True, slots=True)
class BatchedMessage:
    """One message of a file.

    Attributes:
        content: its bytes from MSH on, MLLP framing removed.
        headers: the FHS and BHS segments above it, verbatim.
    """

    content: bytes
    headers: tuple[bytes, ...] = ()


def is_batch(raw: bytes) -> bool:
    """Whether the bytes begin with the header of a file or a batch."""
    return not raw.startswith(b"MSH") and _BATCH.match(raw) is not None


def first_header(raw: bytes) -> bytes:
    """The FHS or BHS that a batch begins with."""
    found = _BATCH.match(raw)
    start = found.end() - len(b"FHS") if found else 0
    return raw[start : line_end(raw, start, start + HEADER_LIMIT)]


def split_batch(raw: bytes, *, most: int | None = None) -> Mapped[tuple[BatchedMessage, ...]]:
    """The messages of a file in order; bytes without any MSH come back as one message for `parse` to refuse.

    Issues are about the file: counts that do not agree (the standard wants such a file rejected as a whole)
    and lines that belong to no message.

    Args:
        raw: the file.
        most: messages, headers and trailers together; beyond it nothing is split, and an issue says so.
            None splits whatever comes: 32 MB can hold eight million headers.
    """
    marks = tuple(islice(_marks(raw), None if most is None else most + 1))
    if most is not None and len(marks) > most:
        text = "the batch holds too many messages; send it in parts"
        return Mapped((BatchedMessage(raw),), (Issue(Severity.FATAL, IssueCode.TOO_COSTLY, "", text, "207"),))
    if not any(name == b"MSH" for _, name in marks):
        return Mapped((BatchedMessage(raw),))
    split = _Split()
    if raw[: marks[0][0]].strip(_LEADING + _BEFORE):
        split.fault("", "lines before the first header segment were left out")
    ends = [start for start, _ in marks[1:]] + [len(raw)]
    for (start, name), end in zip(marks, ends, strict=True):
        split.take(name, raw[start:end])
    return Mapped(tuple(split.messages), tuple(split.issues))


class _Split:
    """The state of a walk through a file."""

    def __init__(self) -> None:
        self.messages: list[BatchedMessage] = []
        self.issues: list[Issue] = []
        self._file: bytes | None = None
        self._batch: bytes | None = None
        self._batches = self._in_file = self._in_batch = self._trailers = 0

    def take(self, name: bytes, piece: bytes) -> None:
        if name == b"MSH":
            headers = tuple(header for header in (self._file, self._batch) if header is not None)
            self.messages.append(BatchedMessage(_unframed(piece), headers))
            self._in_batch += 1
            self._in_file += 1
            return
        line, _, rest = piece.replace(b"\n", b"\r").partition(b"\r")
        if rest.strip(_LEADING + _BEFORE):
            self.fault(name.decode(), "lines that follow it and belong to no message were left out")
        if name == b"FHS":
            self._file, self._batch = line, None
            self._batches = self._in_file = self._in_batch = 0
        elif name == b"BHS":
            self._batch = line
            self._batches += 1
            self._in_batch = 0
        elif name == b"BTS":
            self._trailers += 1
            self._check(f"BTS[{self._trailers}]-1", line, {self._in_batch})
            self._batch, self._in_batch = None, 0
        else:
            # Senders without BHS count messages, or count the file as one batch.
            self._check("FTS[1]-1", line, {self._batches} if self._batches else {1, self._in_file})
            self._file = None

    def fault(self, location: str, text: str) -> None:
        self.issues.append(Issue(Severity.ERROR, IssueCode.STRUCTURE, location, text, "207"))

    def _check(self, location: str, line: bytes, expected: set[int]) -> None:
        stated = line[4:].split(line[3:4])[0].strip() if len(line) > 4 else b""  # noqa: PLR2004 - "BTS|"
        if not stated:
            return
        if not stated.isdigit() or int(stated[:9]) not in expected:
            self.fault(location, "the count does not agree with what the file holds")


def _marks(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Offsets and names of the segments that open or close something, at the start of a line only."""
    for match in _MARK.finditer(raw):
        start, end = match.span(1)
        after = raw[end : end + 1]
        if after in {b"", b"\r", b"\n"} or usable(after.decode("latin-1")):
            yield start, match[1]


def _unframed(piece: bytes) -> bytes:
    bare = piece.rstrip(_BEFORE + b" ")
    tail = piece[len(bare) :]
    return bare + tail.split(b"\x1c", 1)[0] if b"\x1c" in tail else piece.rstrip(b"\x0b")
