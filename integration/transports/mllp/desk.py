"""What the connections of one listener share: the terms, the counters, and the memory they may hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Protocol

from integration.transports.mllp.admission import Admission
from integration.transports.mllp.terms import Answer, Counters, Limits, Notify, Refuse, Release


class Attached(Protocol):
    """A connection, as its desk and its listener see it.

    Attributes:
        open_bytes: memory that its open frame holds.
        gone: done when the connection is lost and nothing of it is in hand.
    """

    open_bytes: int
    gone: asyncio.Future[None]

    def steer(self) -> None:
        """Read or do not read, whichever is right now."""

    def shed(self) -> None:
        """Give up the memory of the open frame; it will be refused when it ends."""

    def post(self, payload: bytes) -> bool:
        """Send a payload of our own, behind the answers to all that came before; False if it cannot be."""

    def leave(self) -> None:
        """Take no more frames, answer those in hand, then close."""

    def abort(self) -> None:
        """Close at once."""

    def expire(self, now: float) -> None:
        """Close if a time limit has passed."""


class Desk:
    """One for each listener; lives on its event loop.

    Attributes:
        connections: by their number.
    """

    def __init__(  # noqa: PLR0913  # one parameter for each term of the service
        self,
        answer: Answer,
        *,
        refuse: Refuse,
        limits: Limits,
        admission: Admission,
        release: Release,
        notify: Notify | None,
    ) -> None:
        self.answer = answer
        self.refuse = refuse
        self.limits = limits
        self.admission = admission
        self.release = release
        self.loop = asyncio.get_running_loop()
        self.counters = Counters()
        self.connections: dict[int, Attached] = {}
        self.stalled = False
        self._notify = notify
        self._enough = limits.max_held_bytes * 3 // 4

    def tell(self, event: str, **fields: object) -> None:
        """Tell the outside, on a later turn of the loop."""
        if self._notify is not None:
            notify = self._notify
            self.loop.call_soon(lambda: notify(event, **fields))

    def reading(self) -> Counters:
        """The counters as they are now."""
        return replace(self.counters, connections=len(self.connections))

    def balance(self) -> None:
        """Stop all reading while too much memory is held, and start it again when enough is free.

        Memory comes free when frames in hand are answered. When none is, all of it belongs to frames still
        being sent, which would wait for each other for ever: the largest lose theirs and are refused.
        """
        counters = self.counters
        if not self.stalled and counters.held_bytes > self.limits.max_held_bytes:
            counters.stalls += 1
            self.tell("stalled", held_bytes=counters.held_bytes)
            self._stall(stalled=True)
        if self.stalled and not counters.in_hand:
            for connection in sorted(
                self.connections.values(), key=lambda each: each.open_bytes, reverse=True
            ):
                if counters.held_bytes <= self._enough:
                    break
                connection.shed()
        if self.stalled and counters.held_bytes <= self._enough:
            self._stall(stalled=False)

    def _stall(self, *, stalled: bool) -> None:
        self.stalled = stalled
        for connection in self.connections.values():
            connection.steer()
