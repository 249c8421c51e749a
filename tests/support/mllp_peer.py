"""Scripted MLLP peers: a client and a server that play any byte story over a real socket.

A script is a sequence of steps, each a function of the `Wire` it plays on:

    play(address, send(b"\\x0bMSH|"), half_close(), to_end())
    with Scripted([receive(1), send(framed(ACK))]) as server: ...

No step sleeps to hope for something: each waits for what it names, and `PATIENCE` seconds at most.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

PATIENCE = 20.0


def framed(payload: bytes) -> bytes:
    """A payload as a well-formed MLLP block."""
    return b"\x0b" + payload + b"\x1c\r"


@dataclass
class Wire:
    """One end of a connection while a script plays on it.

    Attributes:
        received: every byte that came, verbatim.
        answers: the payloads of the whole blocks in it.
        ended: None while the other side is there, then "closed" or "reset".
    """

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    answers: list[bytes] = field(default_factory=list)
    ended: str | None = None
    _cut: int = 0

    def read(self) -> bool:
        """Wait for some bytes; False at the end."""
        try:
            data = self.socket.recv(65_536)
        except (ConnectionError, ssl.SSLError) as error:
            self.ended = "closed" if isinstance(error, ssl.SSLEOFError) else "reset"
            return False
        if not data:
            self.ended = "closed"
            return False
        searched = max(self._cut, len(self.received) - 1)
        self.received += data
        while (end := self.received.find(b"\x1c\r", searched)) >= 0:
            start = self.received.find(b"\x0b", self._cut, end) + 1
            self.answers.append(bytes(self.received[start or self._cut : end]))
            self._cut = searched = end + 2
        return True


Step = Callable[[Wire], None]


def send(data: bytes) -> Step:
    """Send bytes in one go; a connection that the other side closed ends the script."""
    return lambda wire: _send(wire, data)


def trickle(data: bytes, size: int = 1) -> Step:
    """Send bytes in pieces, each in a segment of its own."""

    def step(wire: Wire) -> None:
        for start in range(0, len(data), size):
            _send(wire, data[start : start + size])

    return step


def receive(blocks: int) -> Step:
    """Wait until so many blocks have come in all, or the end."""

    def step(wire: Wire) -> None:
        while len(wire.answers) < blocks and wire.read():
            pass

    return step


def to_end() -> Step:
    """Wait until the other side closes."""

    def step(wire: Wire) -> None:
        while wire.read():
            pass

    return step


def half_close() -> Step:
    """Say that no more will be sent, if anybody is still there to hear it."""

    def step(wire: Wire) -> None:
        with contextlib.suppress(OSError):
            wire.socket.shutdown(socket.SHUT_WR)

    return step


def reset() -> Step:
    """Vanish with a TCP reset."""

    def step(wire: Wire) -> None:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.socket.close()

    return step


def until(event: threading.Event) -> Step:
    """Wait for the test."""

    def step(_: Wire) -> None:
        assert event.wait(PATIENCE), "the test did not go on"

    return step


def reply(answer: Callable[[bytes], bytes]) -> Step:
    """Answer every block until the other side closes: `answer` gets a payload and returns raw bytes."""

    def step(wire: Wire) -> None:
        answered = 0
        while True:
            for block in wire.answers[answered:]:
                _send(wire, answer(block))
                answered += 1
            if not wire.read():
                return

    return step


def _send(wire: Wire, data: bytes) -> None:
    if wire.ended is None:
        try:
            wire.socket.sendall(data)
        except (ConnectionError, ssl.SSLError):
            wire.ended = "reset"


def connect(
    address: tuple[str, int], *, tls: ssl.SSLContext | None = None, server_hostname: str | None = None
) -> Wire:
    """A client's end of a new connection."""
    raw = socket.create_connection(address, timeout=PATIENCE)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is None:
        return Wire(raw)
    return Wire(tls.wrap_socket(raw, server_hostname=server_hostname or address[0]))


def play(
    address: tuple[str, int],
    *script: Step,
    tls: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
) -> Wire:
    """Connect, play the script, close; what came is on the wire returned."""
    wire = connect(address, tls=tls, server_hostname=server_hostname)
    try:
        for step in script:
            step(wire)
    finally:
        wire.socket.close()
    return wire


class Scripted:
    """A server that plays one script for each connection, in their order; further ones are closed at once.

    Attributes:
        wires: one for each connection so far.
    """

    def __init__(self, *scripts: Sequence[Step], tls: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listening.getsockname()
        self.wires: list[Wire] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._spawn(self._serve)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop_listening()
        for wire in self.wires:
            wire.socket.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def stop_listening(self) -> None:
        """Refuse further connections; those that are open go on."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self._listening.close()

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        for index in range(10**6):
            try:
                accepted, _ = self._listening.accept()
            except OSError:
                return
            if index >= len(self._scripts):
                accepted.close()
                continue
            accepted.settimeout(PATIENCE)
            self._spawn(self._play, accepted, self._scripts[index])

    def _play(self, accepted: socket.socket, script: Iterable[Step]) -> None:
        try:
            if self._tls is not None:
                accepted = self._tls.wrap_socket(accepted, server_side=True)
        except OSError:
            accepted.close()
            return
        wire = Wire(accepted)
        self.wires.append(wire)
        try:
            for step in script:
                step(wire)
        except OSError:
            wire.ended = wire.ended or "reset"
        finally:
            wire.socket.close()
