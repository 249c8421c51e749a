"""MLLP block framing over any byte source: no IO, no clock, no HL7 beyond the three block bytes.

A frame is `VT payload FS CR` (0x0B, 0x1C 0x0D; HL7 v2 Transport Specification: MLLP, release 1). The commit
blocks of release 2 are frames like any other, whose payload is one byte. The grammar is one and has no dead
ends, so no bytes can break a stream:

| state   | byte | what happens                                                        |
|---------|------|---------------------------------------------------------------------|
| between | VT   | a frame opens                                                       |
| between | else | junk: discarded and counted                                         |
| open    | FS   | `Frame` (or `Oversize`), at once: nobody waits for the CR            |
| open    | VT   | `Truncated`, and a new frame opens; right after VT it is one junk byte |
| ended   | CR   | the terminator is whole                                             |
| ended   | else | `BareEnd`; the byte is read as between frames                        |

Errors are split by blame. What the sender did wrong is a value in the list of events, never an exception.
What we do wrong (a payload that cannot be framed) is `PayloadUnframeable`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

START_BLOCK = b"\x0b"
END_BLOCK = b"\x1c"
CARRIAGE_RETURN = b"\r"
_CR = CARRIAGE_RETURN[0]

#: Release 2: what the payload of a commit block says.
ACK, NAK = b"\x06", b"\x15"
COMMITTED, NOT_COMMITTED = b"\x0b\x06\x1c\r", b"\x0b\x15\x1c\r"

#: How much of a frame that is not kept stays readable: MSH is its first segment and fits.
HEAD_BYTES = 4096
DEFAULT_MAX_BYTES = 32 * 2**20


class PayloadUnframeable(ValueError):
    """The payload holds a block character (0x0B or 0x1C), which MLLP has no way to escape."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole block.

    Attributes:
        payload: the bytes between VT and FS, verbatim.
        junk: how many bytes were discarded before its VT, since the last frame.
    """

    payload: bytes = field(repr=False)
    junk: int = 0


@dataclass(frozen=True, slots=True)
class Oversize:
    """A block that ended properly but was not kept.

    Attributes:
        head: its first `HEAD_BYTES`.
        size: bytes of its payload.
        junk: as of a `Frame`.
        shed: it was dropped by `Decoder.shed`, not for its length.
    """

    head: bytes = field(repr=False)
    size: int
    junk: int = 0
    shed: bool = False


@dataclass(frozen=True, slots=True)
class Truncated:
    """A block without an end: the next one began, or the stream closed. Its sender was promised nothing."""

    head: bytes = field(repr=False)
    size: int
    junk: int = 0


@dataclass(frozen=True, slots=True)
class BareEnd:
    """The FS of the frame before was not followed by CR."""


Event = Frame | Oversize | Truncated | BareEnd


class _State(Enum):
    BETWEEN = auto()
    OPEN = auto()
    ENDED = auto()


def encode(payload: bytes) -> bytes:
    """Frame one payload.

    Raises:
        PayloadUnframeable: it holds 0x0B or 0x1C.
    """
    if START_BLOCK in payload or END_BLOCK in payload:
        raise PayloadUnframeable
    return b"\x0b%b\x1c\r" % payload


class Decoder:
    """Cuts a byte stream into frames; the same stream gives the same events however it is chunked.

    Time is linear in the bytes fed. At most `max_bytes` of an open frame are held, and of one that grows
    beyond it only its head.

    Attributes:
        discarded: junk bytes since the decoder was made.
    """

    __slots__ = ("_body", "_max_bytes", "_reported", "_shed", "_size", "_state", "discarded")

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._state = _State.BETWEEN
        self._body = bytearray()
        self._size = 0  # of the open frame, kept or not
        self._shed = False
        self._reported = 0  # of the discarded bytes, those before the frames that are out
        self.discarded = 0

    @property
    def is_open(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._state is _State.OPEN

    @property
    def held(self) -> int:
        """Bytes of the open frame that are in memory."""
        return len(self._body)

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the stream and return what they complete, in order."""
        events: list[Event] = []
        position, size = 0, len(data)
        end_block = -1  # found once per frame, or a chunk of VTs would be searched to its end for each
        while position < size:
            if self._state is _State.OPEN:
                if end_block < position:
                    end_block = data.find(END_BLOCK, position)
                    end_block = size if end_block < 0 else end_block
                position = self._read_body(data, position, end_block, events)
            elif self._state is _State.ENDED:
                self._state = _State.BETWEEN
                if data[position] == _CR:
                    position += 1
                else:
                    events.append(BareEnd())
            else:
                start = data.find(START_BLOCK, position)
                self.discarded += (size if start < 0 else start) - position
                if start < 0:
                    break
                self._state = _State.OPEN
                position = start + 1
        return events

    def close(self) -> list[Event]:
        """The stream is over: report what it left unfinished. The decoder can then take a new stream."""
        state, self._state = self._state, _State.BETWEEN
        if state is _State.OPEN:
            return [self._cut_short()]
        return [BareEnd()] if state is _State.ENDED else []

    def shed(self) -> int:
        """Drop the open frame's bytes except its head; it will end as `Oversize`. Returns bytes freed."""
        before = len(self._body)
        if self._state is _State.OPEN and not self._shed:
            self._shed = True
            del self._body[HEAD_BYTES:]
        return before - len(self._body)

    def _read_body(self, data: bytes, position: int, end_block: int, events: list[Event]) -> int:
        """Read the open frame up to its FS, a VT or the end of `data`; return where to go on."""
        start = data.find(START_BLOCK, position, end_block)
        if start >= 0:
            self._keep(data, position, start)
            if self._size:
                events.append(self._cut_short())
            else:
                self.discarded += 1
            return start + 1
        if end_block == len(data):
            self._keep(data, position, end_block)
            return end_block
        self._state = _State.ENDED
        if not self._size and end_block - position <= self._max_bytes and not self._shed:
            events.append(Frame(data[position:end_block], self._junk()))
        else:
            self._keep(data, position, end_block)
            events.append(self._complete())
        return end_block + 1

    def _keep(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        limit = HEAD_BYTES if self._shed or self._size > self._max_bytes else self._max_bytes
        if len(self._body) > limit:
            del self._body[limit:]
        self._body += data[start : min(end, start + limit - len(self._body))]

    def _complete(self) -> Frame | Oversize:
        body, size, shed = bytes(self._body), self._size, self._shed
        junk = self._forget()
        if size > self._max_bytes:
            return Oversize(body, size, junk)
        return Oversize(body, size, junk, shed=True) if shed else Frame(body, junk)

    def _cut_short(self) -> Truncated:
        head, size = bytes(self._body[:HEAD_BYTES]), self._size
        return Truncated(head, size, self._forget())

    def _forget(self) -> int:
        """Make room for the next frame; return the junk before this one."""
        # A new buffer, not a cleared one: a cleared bytearray may keep the memory of the largest frame.
        self._body, self._size, self._shed = bytearray(), 0, False
        return self._junk()

    def _junk(self) -> int:
        junk, self._reported = self.discarded - self._reported, self.discarded
        return junk
