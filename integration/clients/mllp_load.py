"""Puts an MLLP receiver under load and reports honestly what it answered and how fast.

With a rate the load is an open loop: every message has a moment at which it is due, whether or not the
receiver has kept up, and its latency counts from that moment. A receiver that stalls for a second is then
seen to have kept every message of that second waiting, not one (coordinated omission). Without a rate each
connection sends its next message when the last one is answered.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from integration.clients.mllp import (
    Receiver,
    Unreachable,
    Unsendable,
    answers,
    frame,
    read_acknowledgement,
)

#: How often a connection looks at its clock.
_NAP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a load.

    Attributes:
        planned: messages that were to be sent.
        sent: messages that were; fewer when the receiver could not be reached any more.
        codes: how many answers of each MSA-1.
        no_answer: of those sent: time-outs and broken connections. The receiver may have taken some of them.
        seconds: from the start to the last answer.
        latencies: sorted seconds of each answered message, from when it was due (with a rate) or sent.
        open_loop: whether a rate was given.
        most_behind: seconds by which a message was at most late in being sent, because every connection was
            still waiting for an answer. It is part of the latencies.
    """

    planned: int
    sent: int
    codes: Mapping[str, int]
    no_answer: int
    seconds: float
    latencies: array[float]
    open_loop: bool
    most_behind: float

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float | None:
        """The latency in seconds that this share of the answered messages did not exceed (nearest rank)."""
        if not self.latencies:
            return None
        return self.latencies[max(0, math.ceil(share * len(self.latencies)) - 1)]

    def as_dict(self) -> dict[str, object]:
        """For JSON; latencies in milliseconds."""
        in_ms = {name: self.percentile(share) for name, share in _SHARES.items()}
        return {
            "planned": self.planned,
            "sent": self.sent,
            **{code: self.codes.get(code, 0) for code in ("AA", "AE", "AR")},
            **{code: count for code, count in self.codes.items() if code not in {"AA", "AE", "AR"}},
            "no_answer": self.no_answer,
            "seconds": round(self.seconds, 3),
            "per_second": round(self.rate, 1),
            **{name: None if value is None else round(value * 1e3, 3) for name, value in in_ms.items()},
            "loop": "open" if self.open_loop else "closed",
            "most_behind_ms": round(self.most_behind * 1e3, 3),
        }


_SHARES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load to put on one receiver.

    Attributes:
        receiver: where to. A message without an answer after its `answer_seconds` costs its connection.
        messages: sent in turn.
        repeat: how often all of them are sent.
        connections: open at once; each has one message in flight.
        rate: messages due in a second, over all connections; None sends as fast as answers come.
        tag: begins every MSH-10, which is made unique: repeats of one id would measure how fast a receiver
            recognises a repeat. Must be new for every run. None sends the messages as they are.
    """

    receiver: Receiver
    messages: Sequence[bytes]
    repeat: int = 1
    connections: int = 1
    rate: float | None = None
    tag: str | None = None

    async def run(self) -> Report:
        """Send it all.

        Raises:
            Unreachable: not one connection could be made at the start; nothing was sent.
            Unsendable: a message cannot travel by MLLP; nothing was sent.
        """
        return await _Run(self).report()


class _Run:
    """A load under way."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.loop = asyncio.get_running_loop()
        self.now = time.perf_counter  # a loop's own clock may tick in milliseconds only
        self.total = len(load.messages) * load.repeat
        self._blocks = [_cut(message) for message in load.messages]
        self._numbers: Iterator[int] = iter(range(self.total))
        self._due: deque[tuple[int, float]] = deque()
        self._free: list[_Line] = []
        self._done = self.loop.create_future()
        self._codes: Counter[str] = Counter()
        self._latencies: array[float] = array("d")
        self._sent = self._no_answer = 0
        self._most_behind = 0.0

    async def report(self) -> Report:
        lines = [_Line(self) for _ in range(self.load.connections)]
        if not any(await asyncio.gather(*[line.connect() for line in lines])):
            raise Unreachable(f"no connection to {self.load.receiver}")
        begun = self.now()
        keeping = asyncio.gather(*[line.keep() for line in lines])
        pacing = asyncio.create_task(self._pace(begun))
        try:
            if self.total:
                await asyncio.wait([self._done, keeping], return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
        finally:
            for line in lines:
                line.close()
            pacing.cancel()
            keeping.cancel()
            await asyncio.gather(pacing, keeping, return_exceptions=True)
        return Report(
            planned=self.total,
            sent=self._sent,
            codes=dict(self._codes),
            no_answer=self._no_answer,
            seconds=self.now() - begun,
            latencies=array("d", sorted(self._latencies)),
            open_loop=self.load.rate is not None,
            most_behind=self._most_behind,
        )

    async def _pace(self, begun: float) -> None:
        """Declare messages due at their moment, and give them to whoever is free."""
        if self.load.rate is None:
            return
        for number in self._numbers:
            moment = begun + number / self.load.rate
            left = moment - self.now()
            if left > 0:
                await asyncio.sleep(left)
            self._due.append((number, moment))
            if self._free:
                self._free.pop().send_next()

    def next(self, line: _Line) -> tuple[bytes, str, float] | None:
        """The block, MSH-10 and moment of the next message; None puts the line among the free."""
        now = self.now()
        if self._due:
            number, moment = self._due.popleft()
            self._most_behind = max(self._most_behind, now - moment)
        elif self.load.rate is None and (free := next(self._numbers, None)) is not None:
            number, moment = free, now
        else:
            self._free.append(line)
            return None
        self._sent += 1
        before, own_id, after = self._blocks[number % len(self._blocks)]
        sent = own_id if self.load.tag is None else f"{self.load.tag}{number}"
        return before + sent.encode("latin-1") + after, sent, moment

    def leave(self, line: _Line) -> None:
        """The line has no connection for now."""
        if line in self._free:
            self._free.remove(line)

    def answered(self, code: str, moment: float) -> None:
        self._codes[code] += 1
        self._latencies.append(self.now() - moment)
        self._settle()

    def unanswered(self) -> None:
        self._no_answer += 1
        self._settle()

    def _settle(self) -> None:
        if len(self._latencies) + self._no_answer == self.total and not self._done.done():
            self._done.set_result(None)


class _Line(asyncio.Protocol):
    """One connection of a load, with one message in flight."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._in_flight: tuple[str, float] | None = None
        self._deadline = 0.0
        self._unread = bytearray()

    async def connect(self) -> bool:
        to = self._run.load.receiver
        hostname = (to.server_hostname or to.host) if to.tls else None
        connecting = self._run.loop.create_connection(
            lambda: self, to.host, to.port, ssl=to.tls, server_hostname=hostname
        )
        try:
            await asyncio.wait_for(connecting, to.connect_seconds)
        except OSError:  # TimeoutError is one
            return False
        return True

    async def keep(self) -> None:
        """Stay connected and watch the time, until the receiver has not been reachable for too long."""
        patience = self._run.load.receiver.answer_seconds
        unreachable_since: float | None = None
        self.send_next()
        while unreachable_since is None or self._run.now() - unreachable_since < patience:
            await asyncio.sleep(_NAP_SECONDS)
            if self._transport is not None:
                if self._in_flight is not None and self._run.now() > self._deadline:
                    self._transport.abort()
            elif await self.connect():
                unreachable_since = None
                self.send_next()
            else:
                unreachable_since = unreachable_since or self._run.now()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def send_next(self) -> None:
        if self._transport is None or self._in_flight is not None:
            return
        message = self._run.next(self)
        if message is not None:
            block, sent, moment = message
            self._in_flight = (sent, moment)
            self._deadline = self._run.now() + self._run.load.receiver.answer_seconds
            self._transport.write(block)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\x1c")) >= 0:
            answer = read_acknowledgement(bytes(self._unread[:end]))
            del self._unread[: end + 1]
            if answer is not None and self._in_flight is not None and answers(answer, self._in_flight[0]):
                self._run.answered(answer.code, self._in_flight[1])
                self._in_flight = None
                self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the transport's signature
        self._transport = None
        self._unread.clear()
        self._run.leave(self)
        if self._in_flight is not None:
            self._in_flight = None
            self._run.unanswered()


def _cut(message: bytes) -> tuple[bytes, str, bytes]:
    """The framed message around its MSH-10.

    Raises:
        Unsendable: it has no MSH-10 to make unique.
    """
    block = frame(message)
    separator = block[4:5]
    places = [at for at, byte in enumerate(block[:2048]) if byte == separator[0]]
    end = block.find(b"\r")
    inside = list(itertools.takewhile(lambda at: at < end, places))
    if len(inside) < 9:  # noqa: PLR2004 - MSH-10 follows the ninth separator
        raise Unsendable("the message has no MSH-10")
    start = inside[8] + 1
    stop = inside[9] if len(inside) > 9 else end  # noqa: PLR2004
    return block[:start], block[start:stop].decode("latin-1"), block[stop:]
