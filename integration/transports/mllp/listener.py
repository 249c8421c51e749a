"""The MLLP listener: sockets, TLS, admission, time limits, drain. What a message means is the door's affair.

It keeps the accept loop in its own hands, so that a connection over a limit is turned away before it costs a
handshake, and so that running out of file descriptors is an answer (closed at once), not an accident.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections import Counter
from typing import Any

from integration.transports.mllp.admission import Admission
from integration.transports.mllp.connection import Connection
from integration.transports.mllp.desk import Desk
from integration.transports.mllp.terms import Answer, Counters, Limits, Notify, Peer, Refuse, Release

#: Accepted in one turn of the loop; a flood must not keep the connected from being served.
_ACCEPTS_PER_TURN = 64
_BACKLOG = 1024
#: accept(2) errors that mean: this process or this machine has no room for one more socket.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EXHAUSTED_PAUSE_SECONDS = 0.1
_KEEPALIVE_PROBES = 4
_KEEPALIVE_INTERVAL_SECONDS = 15
_LONGEST_SWEEP_SECONDS = 1.0


class Listener:
    """Serves MLLP on any number of addresses with one set of limits. Lives on the running event loop.

    Args:
        answer: the door; see `Answer`. It is called in the order of arrival.
        refuse: answers a frame that never gets to the door; by default the connection is closed instead.
        limits: what it bears.
        admission: who may connect; by default everybody.
        release: of MLLP.
        notify: is told of rare events: connected, disconnected, refused, truncated, timed_out, stalled,
            turned_away, not_admitted, handshake_failed, answer_failed.
    """

    def __init__(  # noqa: PLR0913  # one parameter for each term of the service
        self,
        answer: Answer,
        *,
        refuse: Refuse = lambda _head, _refusal, _limit: None,
        limits: Limits | None = None,
        admission: Admission | None = None,
        release: Release = Release.ONE,
        notify: Notify | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._admission = admission or Admission()
        self._desk = Desk(
            answer,
            refuse=refuse,
            limits=self._limits,
            admission=self._admission,
            release=release,
            notify=notify,
        )
        self._loop = asyncio.get_running_loop()
        self._sockets: list[socket.socket] = []
        self._hosts: Counter[str] = Counter()
        self._greetings: set[asyncio.Task[None]] = set()
        self._spare: int | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._told_refused = 0

    def counters(self) -> Counters:
        """What has happened so far."""
        return self._desk.reading()

    def post(self, peer: Peer, payload: bytes) -> bool:
        """Send a payload of our own on the connection of a peer, behind the answers to all that came before.

        Returns:
            False when that connection is gone or going; another one of the same peer is not used.
        """
        connection = self._desk.connections.get(peer.connection)
        return connection is not None and connection.post(payload)

    async def listen(
        self, host: str | None = "127.0.0.1", port: int = 2575, *, tls: ssl.SSLContext | None = None
    ) -> tuple[tuple[str, int], ...]:
        """Begin to serve on an address and return what was bound; port 0 lets the system choose.

        Args:
            host: name or address; None is every interface, of both families.
            port: IANA assigned 2575 to HL7.
            tls: a server-side context; one that requires client certificates makes it mutual TLS.

        Raises:
            OSError: the address does not resolve or cannot be bound. Nothing is left half open.
        """
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with contextlib.ExitStack() as undo:
            sockets = []
            for family, _, _, _, address in dict.fromkeys(found):
                listening = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
                _bind(listening, address)
                sockets.append(listening)
            undo.pop_all()
        if self._spare is None:
            self._spare = os.open(os.devnull, os.O_RDONLY)
        for listening in sockets:
            self._sockets.append(listening)
            self._loop.add_reader(listening, self._accept, listening, tls)
        if self._sweeper is None:
            self._sweep()
        return tuple(listening.getsockname()[:2] for listening in sockets)

    async def drain(self, *, within: float) -> bool:
        """Stop accepting, answer what is in hand, close every connection; after `within` seconds by force.

        Returns:
            Whether every frame in hand had its answer in time.
        """
        for listening in self._sockets:
            self._loop.remove_reader(listening)
            listening.close()
        self._sockets.clear()
        await asyncio.sleep(0)  # a greeting cancelled before its first step would leave its socket open
        for greeting in self._greetings:
            greeting.cancel()
        for connection in tuple(self._desk.connections.values()):
            connection.leave()
        leaving = [connection.gone for connection in self._desk.connections.values()]
        if leaving:
            await asyncio.wait(leaving, timeout=within)
        answered = not self._desk.counters.in_hand
        for connection in tuple(self._desk.connections.values()):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        await asyncio.sleep(0)  # aborted transports close their sockets on the next turn
        return answered

    # --- admission

    def _accept(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                accepted, address = listening.accept()
            except ConnectionAbortedError:
                continue
            except OSError as error:  # nobody waits any more, or no room
                if error.errno in _EXHAUSTED:
                    self._turn_away(listening, tls)
                return
            if not (self._admits(address[0]) and _tune(accepted, self._limits.keepalive_seconds)):
                self._desk.counters.connections_refused += 1
                accepted.close()
                continue
            self._hosts[address[0]] += 1
            self._desk.counters.connections_accepted += 1
            number = self._desk.counters.connections_accepted
            peer = Peer(address[0], address[1], connection=number)
            greeting = self._loop.create_task(self._greet(accepted, peer, tls))
            self._greetings.add(greeting)
            greeting.add_done_callback(self._greetings.discard)

    def _admits(self, host: str) -> bool:
        return (
            self._admission.may_knock(host)
            and self._hosts.total() < self._limits.max_connections
            and self._hosts[host] < self._limits.max_connections_per_host
        )

    def _turn_away(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """No file descriptor is left: use the spare one to close those who wait, one after the other."""
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        try:
            for _ in range(_ACCEPTS_PER_TURN):
                listening.accept()[0].close()
                self._desk.counters.connections_refused += 1
        except OSError as error:
            if error.errno in _EXHAUSTED:  # not even one: rest, or the loop would spin on the waiting
                self._loop.remove_reader(listening)
                self._loop.call_later(_EXHAUSTED_PAUSE_SECONDS, self._accept_again, listening, tls)
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)

    def _accept_again(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        if listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening, tls)

    async def _greet(self, accepted: socket.socket, peer: Peer, tls: ssl.SSLContext | None) -> None:
        """Turn an accepted socket into a connection; with TLS, after its handshake."""
        connection = Connection(self._desk, peer)
        connection.gone.add_done_callback(lambda _: self._forget(peer.host))
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=tls,
                ssl_handshake_timeout=self._limits.handshake_seconds if tls else None,
                ssl_shutdown_timeout=self._limits.linger_seconds if tls else None,
            )
        except OSError as error:
            self._desk.counters.handshakes_failed += tls is not None
            reason = getattr(error, "reason", None) or type(error).__name__
            self._desk.tell("handshake_failed", peer=peer, reason=reason)
        finally:
            connection.depart_unmade()

    def _forget(self, host: str) -> None:
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]

    def _sweep(self) -> None:
        """Close what has run out of time. One pass for all: a timer for each frame would cost each frame."""
        now = self._loop.time()
        for connection in tuple(self._desk.connections.values()):
            connection.expire(now)
        refused = self._desk.counters.connections_refused
        if refused > self._told_refused:  # one line for a flood, not ten thousand
            self._desk.tell("turned_away", connections=refused - self._told_refused)
            self._told_refused = refused
        limits = self._limits
        shortest = min(limits.idle_seconds, limits.message_seconds, limits.linger_seconds)
        pause = min(_LONGEST_SWEEP_SECONDS, shortest / 4)
        self._sweeper = self._loop.call_later(pause, self._sweep)


def _bind(listening: socket.socket, address: Any) -> None:
    listening.setblocking(False)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listening.family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listening.bind(address)
    listening.listen(_BACKLOG)


def _tune(accepted: socket.socket, silence_seconds: int) -> bool:
    """Make answers leave at once and a peer that vanished without a word be noticed; False if it has."""
    patience = silence_seconds + _KEEPALIVE_PROBES * _KEEPALIVE_INTERVAL_SECONDS
    try:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", silence_seconds),
            ("TCP_KEEPINTVL", _KEEPALIVE_INTERVAL_SECONDS),
            ("TCP_KEEPCNT", _KEEPALIVE_PROBES),
            # The same bound for answers that nobody acknowledges: keepalive does not probe while data waits.
            ("TCP_USER_TIMEOUT", patience * 1000),
        ):
            if hasattr(socket, option):  # not every system has every one
                accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    except OSError:
        return False
    return True
