"""The envelope of a message, read in microseconds for the door: MSH and what orders and routes it.

Works on bytes and on the first KiB alone; nothing is decoded but byte for byte (latin-1), so that an answer
can echo a field exactly. Decides nothing and never raises on bytes that hold an MSH.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.hl7v2.delimiters import DEFAULT, ENCODING_LIMIT, Delimiters, read_delimiters, usable

BOM: Final = b"\xef\xbb\xbf"
BLANK: Final = b" \t\r\n\x00"
#: Bytes within which PID, ORC and OBR are looked for; a document in an OBX may follow them for megabytes.
_WINDOW: Final = 1 << 16
#: Bytes within which an MSA is looked for: only MSH, SFT and UAC stand before it.
_HEAD: Final = 1 << 12
#: Longest MSH that is read for what names the message.
HEADER_LIMIT: Final = 1 << 16
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff", b"M\x00S\x00", b"\x00M\x00S")
_ELSEWHERE: Final = re.compile(rb"[\r\n]MSH")


class Peek:
    """The envelope. Texts are raw, one character per byte, empty when absent.

    Attributes:
        delimiters: of the message; the usual ones where MSH-1 cannot delimit.
        start: offset of the MSH in the bytes.
    """

    __slots__ = ("_fields", "_raw", "_segments", "delimiters", "start")

    def __init__(self, raw: bytes, *, start: int, fields: list[str], delimiters: Delimiters) -> None:
        self._raw = raw
        self._fields = fields
        self._segments: dict[bytes, list[bytes]] = {}
        self.start = start
        self.delimiters = delimiters

    def header(self, n: int) -> str:
        """MSH-n."""
        return self._fields[n - 1] if n <= len(self._fields) else ""

    @property
    def encoding_characters(self) -> str:
        """MSH-2 as sent."""
        return self.header(2)

    @property
    def sending_application(self) -> str:
        """MSH-3."""
        return self.header(3)

    @property
    def sending_facility(self) -> str:
        """MSH-4."""
        return self.header(4)

    @property
    def receiving_application(self) -> str:
        """MSH-5."""
        return self.header(5)

    @property
    def receiving_facility(self) -> str:
        """MSH-6."""
        return self.header(6)

    @property
    def time(self) -> str:
        """MSH-7."""
        return self.header(7)

    @property
    def message_type(self) -> str:
        """MSH-9, all components."""
        return self.header(9)

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.header(10)

    @property
    def processing_id(self) -> str:
        """MSH-11, all components."""
        return self.header(11)

    @property
    def version(self) -> str:
        """MSH-12, all components."""
        return self.header(12)

    @property
    def accept_acknowledgement(self) -> str:
        """MSH-15, table 0155."""
        return self.header(15)

    @property
    def application_acknowledgement(self) -> str:
        """MSH-16, table 0155."""
        return self.header(16)

    @property
    def character_set(self) -> str:
        """MSH-18, all repeats."""
        return self.header(18)

    @property
    def patient(self) -> str:
        """The first repetition of PID-3."""
        field = self._first(b"PID", 3)
        repetition = self.delimiters.repetition
        return field.split(repetition, 1)[0] if repetition else field

    @property
    def placer_order_number(self) -> str:
        """ORC-2 of the first ORC, else OBR-2 of the first OBR."""
        return self._first(b"ORC", 2) or self._first(b"OBR", 2)

    @property
    def filler_order_number(self) -> str:
        """ORC-3 of the first ORC, else OBR-3 of the first OBR."""
        return self._first(b"ORC", 3) or self._first(b"OBR", 3)

    @property
    def accession_number(self) -> str:
        """OBR-18 (placer field 1) of the first OBR, where imaging orders carry the accession."""
        return self._first(b"OBR", 18)

    @property
    def sequence_number(self) -> str:
        """MSH-13."""
        return self.header(13)

    @property
    def has_acknowledgement(self) -> bool:
        """Whether an MSA is among the first segments: the message answers another one."""
        stop = self.start + _HEAD
        if self._raw.find(b"MSA", self.start, stop) < 0:
            return False
        separator = self.delimiters.field.encode("ascii")
        if self._raw.find(b"\rMSA" + separator, self.start, stop) >= 0:
            return True
        return self._raw.find(b"\nMSA" + separator, self.start, stop) >= 0

    @property
    def time_span(self) -> tuple[int, int]:
        """Offsets of MSH-7 in the bytes: a resend may carry a new time, so its digest leaves this out."""
        if len(self._fields) < 7:  # noqa: PLR2004 - MSH-7
            return self.start, self.start
        # MSH-1 is the separator itself: "MSH" and MSH-2 to MSH-6, each with a separator behind it.
        before = self.start + 5 + len("|".join(self._fields[1:6]))
        return before, before + len(self._fields[6])

    def _first(self, name: bytes, n: int) -> str:
        """Field n of the first segment with this name, within the window."""
        fields = self._segments.get(name)
        if fields is None:
            fields = self._segments[name] = self._find(name)
        return fields[n].decode("latin-1") if n < len(fields) else ""

    def _find(self, name: bytes) -> list[bytes]:
        separator = self.delimiters.field.encode("ascii")
        stop = self.start + _WINDOW
        at = self._raw.find(b"\r" + name + separator, self.start, stop)
        if at < 0 and self._raw.find(b"\n", self.start, stop) >= 0:
            at = self._raw.find(b"\n" + name + separator, self.start, stop)
        return [] if at < 0 else self._raw[at + 1 : line_end(self._raw, at + 1, stop)].split(separator)


def peek(raw: bytes) -> Peek:
    """Read the envelope of a message, or of its first bytes.

    Raises:
        Refused: the bytes hold no MSH at the start of a line (table 0357: 100).
    """
    start = 0
    if raw[:3] != b"MSH":
        start = find_header(raw)
    line = raw[start : line_end(raw, start, start + HEADER_LIMIT)].decode("latin-1")
    separator = line[3:4]
    if not usable(separator):
        return Peek(raw, start=start, fields=[], delimiters=DEFAULT)
    fields = line.split(separator)
    fields[0] = separator
    encoding = fields[1] if len(fields) > 1 else ""
    return Peek(raw, start=start, fields=fields, delimiters=_delimiters(separator, encoding[:ENCODING_LIMIT]))


def find_header(raw: bytes) -> int:
    """The offset of the first MSH that starts a line.

    Raises:
        Refused: there is none.
    """
    start = len(raw) - len(raw.removeprefix(BOM).lstrip(BLANK))
    if raw.startswith(b"MSH", start):
        return start
    found = _ELSEWHERE.search(raw)
    if found:
        return found.start() + 1
    if raw.startswith(_UTF_16):
        text = "the message is UTF-16, which HL7 v2 does not allow; send UNICODE UTF-8"
        raise Refused(Issue(Severity.FATAL, IssueCode.NOT_SUPPORTED, "MSH[1]-18", text, "102"))
    raise Refused(Issue(Severity.FATAL, IssueCode.STRUCTURE, "MSH[1]", "there is no MSH segment", "100"))


def line_end(raw: bytes, start: int, stop: int) -> int:
    """Where the line that begins at `start` ends: at `stop` or the end of the bytes at the latest."""
    end = raw.find(b"\r", start, stop)
    end = min(stop, len(raw)) if end < 0 else end
    feed = raw.find(b"\n", start, end)
    return end if feed < 0 else feed


@lru_cache(maxsize=256)
def _delimiters(separator: str, encoding: str) -> Delimiters:
    return read_delimiters(separator, encoding)[0]
