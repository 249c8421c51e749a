"""A receiver of messages as an EHR has one: it answers as it is told and remembers what came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.support.mllp_peer import Scripted, Wire, framed

#: Connections that a receiver plays at most.
_CONNECTIONS = 200
Answer = Callable[[bytes], bytes | None]


def header(message: bytes, n: int) -> str:
    """MSH-n of a message."""
    return message.split(b"\r")[0].split(message[3:4])[n - 1].decode()


def acknowledge(message: bytes, code: str = "AA", *, error: str = "", control_id: str | None = None) -> bytes:
    """An answer to a message, as raw bytes on the wire; `error` is ERR-3."""
    echoed = header(message, 10) if control_id is None else control_id
    answer = f"MSH|^~\\&|EHR|HOSP|WARDWIRE||20261122||ACK|A1|P|2.5.1\rMSA|{code}|{echoed}\r"
    if error:
        answer += f"ERR||PID^1^3|{error}^Some text about Muñoz|E|||||The patient Muñoz is unknown\r"
    return framed(answer.encode())


@dataclass
class Receiver:
    """Takes every message and answers by the next of `answers`, then AA for ever.

    An answer of None closes the connection without one.

    Attributes:
        messages: every payload that came, in their order.
    """

    answers: list[Answer] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = Scripted(*[[self._play]] * _CONNECTIONS)
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return self._server.address[1]

    @property
    def connections(self) -> int:
        """How many were made to it so far."""
        return len(self._server.wires)

    @property
    def control_ids(self) -> list[str]:
        """MSH-10 of what came."""
        return [header(each, 10) for each in self.messages]

    def _play(self, wire: Wire) -> None:
        answered = 0
        # A receiver is patient: who sends when is the sender's affair.
        wire.socket.settimeout(None)
        while True:
            for message in wire.answers[answered:]:
                answered += 1
                answer = self._take(message)(message)
                if answer is None:
                    return
                wire.socket.sendall(answer)
            if not wire.read():
                return

    def _take(self, message: bytes) -> Answer:
        with self._lock:
            self.messages.append(message)
            return self.answers.pop(0) if self.answers else acknowledge


def refused_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
