"""The terms of service: what a listener bears, who a peer is, why a frame is refused, what is counted.

No socket and no HL7 in here. Nothing told to `Notify` holds a byte of a message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum, auto
from typing import Any

from integration.transports.mllp.framing import DEFAULT_MAX_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one listener bears.

    Attributes:
        max_message_bytes: payload of one frame; a longer one is refused and never held.
        max_held_bytes: all frames in memory over all connections, open or not yet answered.
        max_connections: open at once; one more is accepted and closed at once.
        max_connections_per_host: the same for one address.
        pipeline_depth: frames of one connection in hand at once; answers keep their order.
        idle_seconds: without a frame begun or in hand, before the connection is closed. Feeds sleep at night.
        message_seconds: from the first byte of a frame to its end, and for a peer to read its answers.
        handshake_seconds: for TLS.
        linger_seconds: after our end of the connection is closed, for the peer to close its own.
        keepalive_seconds: of silence before TCP asks whether the peer is still there.
    """

    max_message_bytes: int = DEFAULT_MAX_BYTES
    max_held_bytes: int = 256 * 2**20
    max_connections: int = 1000
    max_connections_per_host: int = 250
    pipeline_depth: int = 32
    idle_seconds: float = 3600.0
    message_seconds: float = 120.0
    handshake_seconds: float = 10.0
    linger_seconds: float = 2.0
    keepalive_seconds: int = 60

    def __post_init__(self) -> None:
        if min(getattr(self, name) for name in self.__slots__) <= 0:
            raise ValueError("every limit must be above zero")
        if self.max_message_bytes > self.max_held_bytes:
            raise ValueError("max_held_bytes must hold at least one message of max_message_bytes")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected.

    Attributes:
        host: its address.
        port: its port.
        tls_subject: subject of the certificate it proved, as in RFC 4514; None without mutual TLS.
        connection: number of this connection of its listener: an address may come again, this does not.
    """

    host: str
    port: int
    tls_subject: str | None = None
    connection: int = field(default=0, compare=False)


class Release(IntEnum):
    """Of the MLLP transport specification. TWO: each block is answered by a commit block of its own."""

    ONE = 1
    TWO = 2


class Refusal(StrEnum):
    """Why a frame never got to the door."""

    OVERSIZE = "oversize"  # longer than max_message_bytes: the same again will not do
    BUDGET = "budget"  # all memory is taken by others: the same later may do


class Silence(Enum):
    """The answer to a message that wants none: it is kept, nothing is sent, the connection stays open."""

    KEPT = auto()


#: Takes a payload. Bytes are sent as its answer; `Silence` sends nothing; None closes the connection without
#: an answer: it is not stored (release 2 says so in a negative commit block instead, and stays).
#: A `Future` is watched as it is; a coroutine becomes a task.
Answer = Callable[[bytes, Peer], Awaitable[bytes | Silence | None]]
#: Takes the head of a refused payload, why, and the most bytes that this peer may send at once. Bytes are
#: sent as its answer, None closes the connection. Release 2 does not ask: a negative commit block says it.
Refuse = Callable[[bytes, Refusal, int], bytes | None]
#: Is told of rare events by name. Runs on its own turn of the loop, so that it cannot break the protocol.
Notify = Callable[..., None]


@dataclass(slots=True)
class Counters:
    """What a listener has seen since it began, and what it holds now.

    Attributes:
        connections_accepted: let in, whether or not a TLS handshake then failed.
        connections_refused: over a limit, not on the list, or without a file descriptor to spare.
        handshakes_failed: TLS.
        frames: whole ones, given to the door.
        answered: answers sent, to whole frames and to refused ones.
        silent: frames that were kept and wanted no answer.
        posted: payloads of our own sent, beside answers.
        commits: commit blocks received (release 2).
        throttled: times that a peer was made to wait for its rate.
        unanswered: neither taken by the door nor refused in words, or the peer had gone.
        refused_oversize: frames longer than max_message_bytes.
        refused_budget: frames dropped because all memory was taken.
        truncated: frames without an end.
        bare_ends: frames whose FS no CR followed.
        junk_bytes: discarded between frames.
        timeouts: connections closed for idleness, a frame that did not end, or answers not read.
        stalls: times that reading stopped because all memory was taken.
        connections: open now.
        in_hand: frames not yet answered now.
        held_bytes: in memory now.
    """

    connections_accepted: int = 0
    connections_refused: int = 0
    handshakes_failed: int = 0
    frames: int = 0
    answered: int = 0
    silent: int = 0
    posted: int = 0
    commits: int = 0
    throttled: int = 0
    unanswered: int = 0
    refused_oversize: int = 0
    refused_budget: int = 0
    truncated: int = 0
    bare_ends: int = 0
    junk_bytes: int = 0
    timeouts: int = 0
    stalls: int = 0
    connections: int = 0
    in_hand: int = 0
    held_bytes: int = 0


def tls_subject(certificate: dict[str, Any] | None) -> str | None:
    """The subject in a dictionary of `ssl.SSLObject.getpeercert`, as an RFC 4514 string, most specific first.

    Special characters are escaped, so that two different subjects never read the same.
    """
    names = (certificate or {}).get("subject", ())
    parts = [
        "+".join(f"{_SHORT.get(name, name)}={_escape(value)}" for name, value in relative)
        for relative in reversed(names)
    ]
    return ",".join(parts) or None


_SHORT = {
    "commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C",
    "localityName": "L", "stateOrProvinceName": "ST", "domainComponent": "DC", "userId": "UID",
}  # fmt: skip


def _escape(value: str) -> str:
    """RFC 4514 §2.4."""
    escaped = "".join(f"\\{character}" if character in '\\",+;<>=' else character for character in value)
    escaped = escaped.replace("\x00", "\\00")
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and len(escaped) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped
