"""One MLLP connection.

Frames of a connection are given to the door as they come, up to a depth, and answered in their order. Owns
flow control: reading stops when too much is in hand here, when the peer does not read its answers, or when
all memory is taken. Knows no HL7 and opens no socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import cast

from integration.transports.mllp.desk import Desk
from integration.transports.mllp.framing import (
    BareEnd,
    Decoder,
    Event,
    Frame,
    Oversize,
    PayloadUnframeable,
    Truncated,
    encode,
)
from integration.transports.mllp.terms import Peer, Refusal, tls_subject

#: Answers that the kernel has not taken, before reading stops: some hundred of them.
_WRITE_BUFFER_BYTES = 64 * 1024


class Connection(asyncio.Protocol):
    """The protocol of one peer."""

    __slots__ = (
        "_clock", "_decoder", "_desk", "_eof", "_in_hand", "_leaving", "_linger_until", "_lost", "_mute",
        "_paused", "_peer", "_queue", "_transport", "_unread_since", "gone", "open_bytes",
    )  # fmt: skip

    def __init__(self, desk: Desk, peer: Peer) -> None:
        self._desk = desk
        self._peer = peer
        self._decoder = Decoder(desk.limits.max_message_bytes)
        self._transport: asyncio.Transport | None = None
        self._in_hand: deque[tuple[asyncio.Future[bytes | None], int]] = deque()
        self._queue: deque[Frame | Oversize] = deque()  # whole, but beyond the depth
        self._clock = 0.0  # since the open frame began, or else since there was nothing to do
        self._unread_since: float | None = None  # the peer does not read its answers
        self._linger_until: float | None = None
        self._leaving = self._mute = self._eof = self._paused = self._lost = False
        self.open_bytes = 0
        self.gone: asyncio.Future[None] = desk.loop.create_future()

    # --- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake, if any, is done: begin to read."""
        # Not asserted: uvloop's transports are Transports by their methods only.
        self._transport = transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        subject = tls_subject(transport.get_extra_info("peercert"))
        self._peer = replace(self._peer, tls_subject=subject)
        self._clock = self._desk.loop.time()
        self._desk.connections.add(self)
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
        if self._queue or len(self._in_hand) >= desk.limits.pipeline_depth:
            self.steer()

    def eof_received(self) -> bool:
        """Half-closed by the peer: its answers still go out, but over TLS, which knows no such thing."""
        self._eof = True
        owing = bool(self._in_hand or self._queue) and not self._mute
        self.leave()
        return owing and self._transport is not None and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """The peer does not read its answers: take nothing more from it until it does."""
        self._unread_since = self._desk.loop.time()
        self.steer()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._unread_since = None
        self._begin_queued()
        self.steer()

    def connection_lost(self, exc: Exception | None) -> None:
        """What is in hand is finished by the door; nobody is there to be answered."""
        self._lost = self._leaving = self._mute = True
        self._drop_open_frame()
        self._drop_queue()
        self._desk.tell("disconnected", peer=self._peer, error=type(exc).__name__ if exc else None)
        self._desk.balance()
        self._depart()

    # --- what the listener and the desk call

    def steer(self) -> None:
        """Read or do not read, whichever is right now."""
        if self._eof or self._lost or self._transport is None:
            return
        pause = not self._leaving and (
            len(self._in_hand) >= self._desk.limits.pipeline_depth
            or bool(self._queue)
            or self._unread_since is not None
            or self._desk.stalled
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
        if self._mute or not (self._in_hand or self._queue):
            self._hang_up()

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
        elif not self._in_hand and not self._leaving and now - self._clock > limits.idle_seconds:
            self._time_out("idle")
            self.leave()

    # --- frames and answers

    def _take(self, event: Event) -> None:
        counters = self._desk.counters
        if isinstance(event, Frame):
            counters.frames += 1
        elif isinstance(event, Oversize):
            counters.refused_budget += event.shed
            counters.refused_oversize += not event.shed
            self._desk.tell("refused", peer=self._peer, reason=_reason(event), size=event.size)
        else:
            self._note(event)
            return
        counters.in_hand += 1
        counters.held_bytes += _weight(event)
        self._queue.append(event)
        self._begin_queued()

    def _note(self, event: Truncated | BareEnd) -> None:
        counters = self._desk.counters
        if isinstance(event, BareEnd):
            counters.bare_ends += 1
        else:
            counters.truncated += 1
            self._desk.tell("truncated", peer=self._peer, size=event.size)

    def _begin(self, event: Frame | Oversize) -> None:
        desk = self._desk
        future: asyncio.Future[bytes | None]
        if isinstance(event, Frame):
            future = asyncio.ensure_future(desk.answer(event.payload, self._peer), loop=desk.loop)
        else:
            future = desk.loop.create_future()
            future.set_result(desk.refuse(event.head, _reason(event)))
        self._in_hand.append((future, _weight(event)))
        future.add_done_callback(self._answered)

    def _begin_queued(self) -> None:
        depth = self._desk.limits.pipeline_depth
        while self._queue and self._unread_since is None and len(self._in_hand) < depth:
            self._begin(self._queue.popleft())

    def _answered(self, _: asyncio.Future[bytes | None]) -> None:
        """Send the answers that are ready and whose turn it is."""
        counters, in_hand = self._desk.counters, self._in_hand
        blocks: list[bytes] = []
        while in_hand and in_hand[0][0].done():
            future, weight = in_hand.popleft()
            counters.in_hand -= 1
            counters.held_bytes -= weight
            block = self._block(future)
            if block is None or self._mute:
                counters.unanswered += 1
                self._mute = True
            else:
                blocks.append(block)
        if blocks and self._transport is not None:
            counters.answered += len(blocks)
            self._transport.write(blocks[0] if len(blocks) == 1 else b"".join(blocks))
        if self._mute:
            self._drop_queue()
            self.leave()
        self._begin_queued()
        self._rest()

    def _rest(self) -> None:
        """After answers went out: read on, start the idle clock, or leave."""
        desk = self._desk
        if desk.stalled:
            desk.balance()
        if self._paused:
            self.steer()
        if not self._in_hand and not self._queue:
            if self._leaving:
                self._hang_up()
            elif not self._decoder.is_open:
                self._clock = desk.loop.time()

    def _block(self, future: asyncio.Future[bytes | None]) -> bytes | None:
        """The framed answer, or None where there is none to send."""
        if future.cancelled():
            return None
        error = future.exception()
        if error is None:
            answer = future.result()
            if answer is None:
                return None
            try:
                return encode(answer)
            except PayloadUnframeable as unframeable:
                error = unframeable
        # Its type only: its text may come from a library that quotes the message.
        self._desk.tell("answer_failed", peer=self._peer, error=type(error).__name__)
        return None

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
        if self._lost and not self._in_hand and not self.gone.done():
            self._desk.connections.discard(self)
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

    def _drop_queue(self) -> None:
        for event in self._queue:
            self._desk.counters.in_hand -= 1
            self._desk.counters.held_bytes -= _weight(event)
            self._desk.counters.unanswered += 1
        self._queue.clear()


def _weight(event: Frame | Oversize) -> int:
    return len(event.payload if isinstance(event, Frame) else event.head)


def _reason(event: Oversize) -> Refusal:
    return Refusal.BUDGET if event.shed else Refusal.OVERSIZE
