"""The frames of one connection on their way to the door, and their answers on the way back, in order.

Owns what is in hand: how many at once, at what pace, what weighs how much, what is sent for which outcome:

| the door's answer | release 1              | release 2                              |
|-------------------|------------------------|----------------------------------------|
| bytes             | the answer             | positive commit block, then the answer |
| `Silence`         | nothing                | positive commit block                  |
| None, or an error | nothing; closes        | negative commit block; stays           |
| frame refused     | the refusal, or closes | negative commit block; stays           |

Must not know the transport: what is to be sent goes out by a call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from integration.transports.mllp.admission import Pace
from integration.transports.mllp.desk import Desk
from integration.transports.mllp.framing import (
    ACK,
    COMMITTED,
    NAK,
    NOT_COMMITTED,
    Frame,
    Oversize,
    PayloadUnframeable,
    encode,
)
from integration.transports.mllp.terms import Peer, Refusal, Release, Silence


class _InHand(NamedTuple):
    """A frame that the door has, or a payload of our own on its way out.

    Attributes:
        weight: bytes in memory.
        asked: it answers a frame.
    """

    future: asyncio.Future[bytes | Silence | None]
    weight: int
    asked: bool = True


class Lane:
    """One for each connection.

    Args:
        desk: of the listener.
        send: puts bytes on the wire.
        moved: is called after answers went out or more was begun.
    """

    __slots__ = (
        "_desk", "_in_hand", "_most_bytes", "_moved", "_pace", "_peer", "_queue", "_resting", "_send",
        "held_back", "mute",
    )  # fmt: skip

    def __init__(
        self, desk: Desk, peer: Peer, *, send: Callable[[bytes], None], moved: Callable[[], None]
    ) -> None:
        self._desk = desk
        self._peer = peer
        self._send = send
        self._moved = moved
        self._in_hand: deque[_InHand] = deque()
        self._queue: deque[Frame | Oversize] = deque()  # whole, but beyond the depth or the pace
        self._pace: Pace | None = None
        self._most_bytes = desk.limits.max_message_bytes
        self._resting = False
        self.held_back = False  # the peer does not read: begin nothing more
        self.mute = False  # answer nothing more

    def greet(self, peer: Peer, *, pace: Pace | None, most_bytes: int) -> None:
        """The peer is known now, and what it may do."""
        self._peer, self._pace, self._most_bytes = peer, pace, most_bytes

    @property
    def empty(self) -> bool:
        """Whether nothing is owed to the peer."""
        return not (self._in_hand or self._queue)

    @property
    def busy(self) -> bool:
        """Whether the door has something."""
        return bool(self._in_hand)

    @property
    def full(self) -> bool:
        """Whether reading on would only make the queue longer."""
        return bool(self._queue) or len(self._in_hand) >= self._desk.limits.pipeline_depth

    def take(self, event: Frame | Oversize) -> None:
        """A whole block came in."""
        counters = self._desk.counters
        if isinstance(event, Frame):
            if self._desk.release is Release.TWO and event.payload in (ACK, NAK):
                counters.commits += 1  # of an answer of ours; without it the peer asks again by a resend
                return
            counters.frames += 1
        else:
            counters.refused_budget += event.shed
            counters.refused_oversize += not event.shed
            self._desk.tell("refused", peer=self._peer, reason=_reason(event), bytes=event.size)
        counters.in_hand += 1
        counters.held_bytes += _weight(event)
        self._queue.append(event)
        self.advance()

    def advance(self) -> None:
        """Begin what may be begun."""
        depth = self._desk.limits.pipeline_depth
        while self._queue and not self.held_back and len(self._in_hand) < depth and self._may_begin():
            self._begin(self._queue.popleft())

    def post(self, payload: bytes) -> bool:
        """Send a payload of our own behind the answers to all that was begun; False if it cannot be."""
        if self.mute:
            return False
        future = self._desk.loop.create_future()
        future.set_result(payload)
        self._desk.counters.in_hand += 1
        self._in_hand.append(_InHand(future, 0, asked=False))
        self._settle()
        return True

    def drop_queue(self) -> None:
        """Forget what was not begun."""
        counters = self._desk.counters
        for event in self._queue:
            counters.in_hand -= 1
            counters.held_bytes -= _weight(event)
            counters.unanswered += 1
        self._queue.clear()

    def _may_begin(self) -> bool:
        """Whether the pace allows one more now; if not, it is begun when it does."""
        if self._pace is None:
            return True
        if self._resting:
            return False
        pause = self._pace.take(self._desk.loop.time())
        if not pause:
            return True
        self._resting = True
        self._desk.counters.throttled += 1
        self._desk.loop.call_later(pause, self._rested)
        return False

    def _rested(self) -> None:
        self._resting = False
        self.advance()
        self._moved()

    def _begin(self, event: Frame | Oversize) -> None:
        desk = self._desk
        future: asyncio.Future[bytes | Silence | None]
        if isinstance(event, Frame):
            future = asyncio.ensure_future(desk.answer(event.payload, self._peer), loop=desk.loop)
        else:
            future = desk.loop.create_future()
            refuses = desk.release is Release.ONE
            future.set_result(desk.refuse(event.head, _reason(event), self._most_bytes) if refuses else None)
        self._in_hand.append(_InHand(future, _weight(event)))
        future.add_done_callback(self._settle)

    def _settle(self, _: object = None) -> None:
        """Send the answers that are ready and whose turn it is."""
        counters, in_hand = self._desk.counters, self._in_hand
        blocks: list[bytes] = []
        while in_hand and in_hand[0].future.done():
            future, weight, asked = in_hand.popleft()
            counters.in_hand -= 1
            counters.held_bytes -= weight
            answer = self._outcome(future)
            if not self.mute:
                blocks.append(self._block(answer) if asked else self._own(answer))
            elif asked:
                counters.unanswered += 1
        if any(blocks):
            self._send(blocks[0] if len(blocks) == 1 else b"".join(blocks))
        if self.mute:
            self.drop_queue()
        self.advance()
        self._moved()

    def _block(self, answer: bytes | Silence | None) -> bytes:
        """What is sent for the door's answer; without any in release 1, nothing is sent any more."""
        counters, second = self._desk.counters, self._desk.release is Release.TWO
        if answer is None:
            counters.unanswered += 1
            self.mute = not second
            return NOT_COMMITTED if second else b""
        if isinstance(answer, Silence):
            counters.silent += 1
            return COMMITTED if second else b""
        counters.answered += 1
        return COMMITTED + answer if second else answer

    def _own(self, payload: bytes | Silence | None) -> bytes:
        if not isinstance(payload, bytes):
            return b""
        self._desk.counters.posted += 1
        return payload

    def _outcome(self, future: asyncio.Future[bytes | Silence | None]) -> bytes | Silence | None:
        """The framed answer, `Silence`, or None where there is none to send."""
        if future.cancelled():
            return None
        error = future.exception()
        if error is None:
            answer = future.result()
            if not isinstance(answer, bytes):
                return answer
            try:
                return encode(answer)
            except PayloadUnframeable as unframeable:
                error = unframeable
        # Its type only: its text may come from a library that quotes the message.
        self._desk.tell("answer_failed", peer=self._peer, error=type(error).__name__)
        return None


def _weight(event: Frame | Oversize) -> int:
    return len(event.payload if isinstance(event, Frame) else event.head)


def _reason(event: Oversize) -> Refusal:
    return Refusal.BUDGET if event.shed else Refusal.OVERSIZE
