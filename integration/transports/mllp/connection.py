"""One MLLP connection.

Cuts what comes into frames and gives them to its lane. Owns flow control: reading stops when too much is in
hand here, when the peer does not read its answers, when it sends faster than it may, or when all memory is
taken; and the time limits, and how a connection ends. Knows no HL7 and opens no socket.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

from integration.transports.mllp.desk import Desk
from integration.transports.mllp.framing import BareEnd, Decoder, Event, Frame, Oversize, Truncated
from integration.transports.mllp.lane import Lane
from integration.transports.mllp.terms import Peer, tls_subject

#: Answers that the kernel has not taken, before reading stops: some hundred of them.
_WRITE_BUFFER_BYTES = 64 * 1024


class Connection(asyncio.Protocol):
    """The protocol of one peer."""

    __slots__ = (
        "_clock", "_decoder", "_desk", "_eof", "_lane", "_leaving", "_linger_until", "_lost", "_paused",
        "_peer", "_transport", "_unread_since", "gone", "open_bytes",
    )  # fmt: skip

    def __init__(self, desk: Desk, peer: Peer) -> None:
        self._desk = desk
        self._peer = peer
        self._decoder = Decoder(desk.limits.max_message_bytes)
        self._transport: asyncio.Transport | None = None
        self._lane = Lane(desk, peer, send=self._send, moved=self._rest)
        self._clock = 0.0  # since the open frame began, or else since there was nothing to do
        self._unread_since: float | None = None  # the peer does not read its answers
        self._linger_until: float | None = None
        self._leaving = self._eof = self._paused = self._lost = False
        self.open_bytes = 0
        self.gone: asyncio.Future[None] = desk.loop.create_future()

    # --- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake, if any, is done: begin to read, if the peer may come in."""
        # Not asserted: uvloop's transports are Transports by their methods only.
        self._transport = transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        subject = tls_subject(transport.get_extra_info("peercert"))
        self._peer = replace(self._peer, tls_subject=subject)
        self._clock = self._desk.loop.time()
        self._desk.connections[self._peer.connection] = self
        visit = self._desk.admission.admit(self._peer, now=self._clock)
        if visit is None:
            self._desk.counters.connections_refused += 1
            self._desk.tell("not_admitted", peer=self._peer)
            self._leaving = True
            transport.abort()
            return
        if visit.max_message_bytes is not None:
            self._decoder = Decoder(visit.max_message_bytes)
        most_bytes = visit.max_message_bytes or self._desk.limits.max_message_bytes
        self._lane.greet(self._peer, pace=visit.pace, most_bytes=most_bytes)
        self._desk.tell("connected", peer=self._peer)
        self.steer()

    def data_received(self, data: bytes) -> None:
        """Cut the bytes into frames and give them to the door."""
        if self._leaving:
            return
        desk, counters, decoder = self._desk, self._desk.counters, self._decoder
        discarded, was_open = decoder.discarded, decoder.is_open
        events = decoder.feed(data)
        for event in events:
            self._take(event)
        counters.junk_bytes += decoder.discarded - discarded
        if decoder.is_open and (events or not was_open):
            self._clock = desk.loop.time()
        if was_open or decoder.is_open:
            self._weigh_open_frame()
        if counters.held_bytes > desk.limits.max_held_bytes:
            desk.balance()
        if self._lane.full:
            self.steer()

    def eof_received(self) -> bool:
        """Half-closed by the peer: its answers still go out, but over TLS, which knows no such thing."""
        self._eof = True
        owing = not (self._lane.empty or self._lane.mute)
        self.leave()
        return owing and self._transport is not None and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """The peer does not read its answers: take nothing more from it until it does."""
        self._unread_since = self._desk.loop.time()
        self._lane.held_back = True
        self.steer()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._unread_since = None
        self._lane.held_back = False
        self._lane.advance()
        self.steer()

    def connection_lost(self, exc: Exception | None) -> None:
        """What is in hand is finished by the door; nobody is there to be answered."""
        self._lost = self._leaving = self._lane.mute = True
        self._drop_open_frame()
        self._lane.drop_queue()
        self._desk.tell("disconnected", peer=self._peer, error=type(exc).__name__ if exc else None)
        self._desk.balance()
        self._depart()

    # --- what the listener and the desk call

    def steer(self) -> None:
        """Read or do not read, whichever is right now."""
        if self._eof or self._lost or self._transport is None:
            return
        pause = not self._leaving and (
            self._lane.full or self._unread_since is not None or self._desk.stalled
        )
        if pause is self._paused:
            return
        self._paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
            self._clock = self._desk.loop.time()  # it was us who kept the peer waiting

    def shed(self) -> None:
        """Give up the memory of the open frame; it will be refused when it ends."""
        self._decoder.shed()
        self._weigh_open_frame()

    def leave(self) -> None:
        """Take no more frames, answer those in hand, then close. What comes in meanwhile is discarded."""
        if not self._leaving:
            self._leaving = True
            self._drop_open_frame()
            self._desk.balance()
            self.steer()
        if self._lane.mute or self._lane.empty:
            self._hang_up()

    def post(self, payload: bytes) -> bool:
        """Send a payload of our own, behind the answers to all that came before; False if it cannot be."""
        return not (self._leaving or self._lost) and self._lane.post(payload)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def expire(self, now: float) -> None:
        """Close if a time limit has passed."""
        limits = self._desk.limits
        if self._linger_until is not None:
            if now >= self._linger_until:
                self.abort()
        elif self._unread_since is not None:
            if now - self._unread_since > limits.message_seconds:
                self._time_out("answers not read")
                self.abort()
        elif self._decoder.is_open:
            if not self._paused and now - self._clock > limits.message_seconds:
                self._time_out("frame not ended")
                self.leave()
        elif self._lane.empty and not self._leaving and now - self._clock > limits.idle_seconds:
            self._time_out("idle")
            self.leave()

    # --- frames and answers

    def _take(self, event: Event) -> None:
        if isinstance(event, Frame | Oversize):
            self._lane.take(event)
        else:
            self._note(event)

    def _note(self, event: Truncated | BareEnd) -> None:
        counters = self._desk.counters
        if isinstance(event, BareEnd):
            counters.bare_ends += 1
        else:
            counters.truncated += 1
            self._desk.tell("truncated", peer=self._peer, bytes=event.size)

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _rest(self) -> None:
        """After answers went out: read on, start the idle clock, or leave."""
        desk, lane = self._desk, self._lane
        if lane.mute:
            self.leave()
        if desk.stalled:
            desk.balance()
        if self._paused:
            self.steer()
        if lane.empty:
            if self._leaving:
                self._hang_up()
            elif not self._decoder.is_open:
                self._clock = desk.loop.time()

    # --- the end

    def _hang_up(self) -> None:
        """Close our end first and the connection when the peer closed its own.

        A socket closed with bytes unread resets the connection, and a reset can take answers with it that
        the peer has not read yet.
        """
        if self._lost:
            self._depart()
        elif self._linger_until is None and self._transport is not None:
            self._linger_until = self._desk.loop.time() + self._desk.limits.linger_seconds
            if self._eof or not self._transport.can_write_eof():
                self._transport.close()
            else:
                self._transport.write_eof()

    def depart_unmade(self) -> None:
        """There will be no `connection_made`: the handshake failed."""
        if self._transport is None:
            self._lost = True
            self._depart()

    def _depart(self) -> None:
        """Off the list, once the transport is gone and nothing is in hand."""
        if self._lost and not self._lane.busy and not self.gone.done():
            self._desk.connections.pop(self._peer.connection, None)
            self.gone.set_result(None)

    def _time_out(self, reason: str) -> None:
        self._desk.counters.timeouts += 1
        self._desk.tell("timed_out", peer=self._peer, reason=reason)

    def _weigh_open_frame(self) -> None:
        held = self._decoder.held
        self._desk.counters.held_bytes += held - self.open_bytes
        self.open_bytes = held

    def _drop_open_frame(self) -> None:
        for event in self._decoder.close():
            if isinstance(event, (Truncated, BareEnd)):
                self._note(event)
        self._weigh_open_frame()
