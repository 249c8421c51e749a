"""Sends HL7 v2 messages over MLLP, one at a time, and knows which answer belongs to which.

An answer counts only if its MSA-2 is the MSH-10 that was sent. When none comes in time the connection is
closed, so that a late answer can never be taken for the next message's. Nothing is sent twice from here: who
catches `Unanswered` decides whether the receiver can bear a repeat.

MllpError
├── Unreachable   nothing was sent
├── Unanswered    sent, and perhaps received
└── Unsendable    the message cannot travel by MLLP; nothing was sent
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Self

from integration.errors import WardwireError

_MAX_ANSWER_BYTES = 2**20
#: How long a receiver that wants nothing is given to say so by closing, before a message counts as told.
_TOLD_SECONDS = 0.25
_READ_BYTES = 65_536
#: MSH is the first segment of a message and fits.
_HEADER_BYTES = 4096
#: CR is the standard's; senders of the others exist.
_SEGMENT_ENDS = re.compile(rb"[\r\n]+")
_POSITIVE = frozenset({"AA", "CA"})


class MllpError(WardwireError):
    """A message did not make its way over MLLP."""


class Unreachable(MllpError):
    """Nobody takes messages at that address, or the TLS handshake failed; nothing was sent."""


class Unanswered(MllpError):
    """The message was sent and no acknowledgement of it came; it may have been received."""


class Unsendable(MllpError):
    """The message has no MSH, or holds one of the bytes that MLLP keeps for itself; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What the receiver said.

    Attributes:
        code: MSA-1, table 0008: AA, AE, AR, or CA, CE, CR in enhanced mode.
        control_id: MSA-2.
        raw: the whole answer, verbatim.
        seconds: from the first byte sent to the last one read.
    """

    code: str
    control_id: str
    raw: bytes = field(repr=False)
    seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the receiver took the message."""
        return self.code in _POSITIVE


def frame(message: bytes) -> bytes:
    """A message as an MLLP block.

    Raises:
        Unsendable: it does not start with MSH or holds 0x0B or 0x1C.
    """
    if not message.startswith((b"MSH", b"\xef\xbb\xbfMSH")):
        raise Unsendable("the message does not start with MSH")
    if b"\x0b" in message or b"\x1c" in message:
        raise Unsendable("the message holds 0x0B or 0x1C, which end or begin a block")
    return b"\x0b%b\x1c\r" % message


def control_id(message: bytes) -> str:
    """MSH-10, empty where there is none. Control ids are ASCII; other bytes keep their value as Latin-1."""
    return _field(message[:_HEADER_BYTES], b"MSH", 9)


def is_acknowledgement(message: bytes) -> bool:
    """Whether it answers another message (MSH-9 is ACK), and so is answered by nobody."""
    return re.match(r"ACK([^A-Za-z0-9]|\Z)", _field(message[:_HEADER_BYTES], b"MSH", 8)) is not None


def read_acknowledgement(answer: bytes, *, seconds: float = 0.0) -> Acknowledgement | None:
    """The MSA of an answer; None where it has none and so is no acknowledgement."""
    code = _field(answer, b"MSA", 1)
    return Acknowledgement(code, _field(answer, b"MSA", 2), answer, seconds) if code else None


def answers(acknowledgement: Acknowledgement, sent: str) -> bool:
    """Whether it answers the message with that MSH-10.

    A receiver that could not read MSH-10 has nothing to echo: its refusal counts, its acceptance does not.
    """
    if not sent or acknowledgement.control_id == sent:
        return True
    return not acknowledgement.control_id and not acknowledgement.accepted


def _field(message: bytes, name: bytes, index: int) -> str:
    """A field of the first segment of that name, by its place between separators."""
    header = message.find(b"MSH")
    separator = message[header + 3 : header + 4]
    if header < 0 or not separator:
        return ""
    segments = _SEGMENT_ENDS.split(message[header:])
    segment = next((each for each in segments if each.startswith(name + separator)), b"")
    fields = segment.split(separator, index + 1)
    return fields[index].strip().decode("latin-1") if len(fields) > index else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where messages go.

    Attributes:
        host: name or address.
        port: number.
        tls: a client-side context, with a certificate loaded for mutual TLS; None is plain text.
        server_hostname: the name that the receiver's certificate must bear, where it is not `host`.
        connect_seconds: for connecting, TLS included.
        answer_seconds: from the first byte of a message sent to its acknowledgement.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_hostname: str | None = None
    connect_seconds: float = 10.0
    answer_seconds: float = 30.0

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


class Sender:
    """One connection to one receiver, made when the first message is sent and again when it was lost.

    Not for use by several threads at once.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._socket: socket.socket | None = None
        self._unread = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one. The next message makes a new one."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._unread.clear()

    def send(self, message: bytes) -> Acknowledgement:
        """Send one message and wait for its acknowledgement, whatever it says.

        Raises:
            Unsendable: MLLP cannot carry it.
            Unreachable: no connection.
            Unanswered: no acknowledgement of this message came in time. The connection is closed.
        """
        block, sent = frame(message), control_id(message)
        connection, patience = self._connected(), self._receiver.answer_seconds
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            begun = time.monotonic()
            try:
                connection.settimeout(patience)
                connection.sendall(block)
                while True:
                    answer = self._next_block(connection, begun + patience)
                    acknowledgement = read_acknowledgement(answer, seconds=time.monotonic() - begun)
                    if acknowledgement is not None and answers(acknowledgement, sent):
                        break
            except TimeoutError as error:
                raise Unanswered(f"no acknowledgement within {patience:g} s") from error
            except OSError as error:
                raise Unanswered(f"the connection broke before the answer ({_reason(error)})") from error
            undo.pop_all()
        return acknowledgement

    def tell(self, message: bytes) -> None:
        """Send one message that nobody answers, an acknowledgement; what is said to it is thrown away.

        Raises:
            Unsendable: MLLP cannot carry it.
            Unreachable: no connection.
            Unanswered: the connection broke or was closed while it was sent.
        """
        block, connection = frame(message), self._connected()
        said = b"nothing"
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            try:
                connection.settimeout(self._receiver.answer_seconds)
                connection.sendall(block)
                connection.settimeout(_TOLD_SECONDS)
                with contextlib.suppress(TimeoutError):
                    said = connection.recv(_READ_BYTES)
            except OSError as error:
                raise Unanswered(f"the connection broke while it was sent ({_reason(error)})") from error
            if not said:
                raise Unanswered("closed by the receiver while it was sent")
            undo.pop_all()

    def _connected(self) -> socket.socket:
        """The connection, made anew if the receiver has closed it since."""
        if self._socket is not None and self._is_alive(self._socket):
            return self._socket
        self.close()
        to = self._receiver
        try:
            connection = socket.create_connection((to.host, to.port), timeout=to.connect_seconds)
            with contextlib.ExitStack() as undo:
                undo.callback(connection.close)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                if to.tls is not None:
                    connection = to.tls.wrap_socket(connection, server_hostname=to.server_hostname or to.host)
                undo.pop_all()
        except OSError as error:
            raise Unreachable(f"no connection to {to} ({_reason(error)})") from error
        self._socket = connection
        return connection

    def _is_alive(self, connection: socket.socket) -> bool:
        """Whether the receiver is still there; what it said unasked is thrown away."""
        self._unread.clear()
        connection.settimeout(0)
        try:
            while connection.recv(_READ_BYTES):
                pass
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def _next_block(self, connection: socket.socket, deadline: float) -> bytes:
        """The next block that the receiver sends. Junk between blocks and a missing CR are forgiven.

        Raises:
            OSError: the connection ended or broke, or the answer grows without end.
            TimeoutError: the deadline has passed.
        """
        searched = 0
        while (end := self._unread.find(b"\x1c", searched)) < 0:
            searched = len(self._unread)
            if searched > _MAX_ANSWER_BYTES:
                raise OSError("an answer of more than a megabyte")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            data = connection.recv(_READ_BYTES)
            if not data:
                raise OSError("closed by the receiver")
            self._unread += data
        block = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return block.rpartition(b"\x0b")[2]


def _reason(error: OSError) -> str:
    """What went wrong, in the words of the system or of TLS; never a byte of a message."""
    return getattr(error, "reason", None) or error.strerror or str(error) or type(error).__name__
