"""One durable door for every transport: look at the envelope, commit, and only then answer.

Nothing clinical is judged here. Every check at the door, in this order:

| check | answer | ERR-3 (table 0357) |
|---|---|---|
| a batch whose counts do not agree, with lines outside its messages, or of too many | AE, for all | 207 |
| no MSH that starts a line | AE | 100 |
| more than one message in an MLLP frame, without the headers of a batch | AE | 100 |
| MSH-13 is no sequence number, on a channel that numbers its messages | AE | 101, 102 |
| MSH-9 empty | AE | 101 |
| MSH-12 is no version 2 | AR | 203 |
| MSH-11 is not accepted on this channel, or is P or empty where demonstration models work | AR | 202 |
| bytes do not decode in the character set of MSH-18 | AE | 102 |
| they do, but the charset that HTTP states is another one | AE | 102 |
| longer than the listener allows | AE | 207 |
| sent before, same content but for MSH-7 | the earlier answer again | |
| MSH-13 is not the next number | AR, MSA-4 | 207 |
| MSH-10 sent before with other content | AE, or processed: the channel says which | 207 |
| the store takes no writes | no answer, connection closed: the sender keeps it | |
| anything else | AA | |

AE: sending it again unchanged will not help. AR: this endpoint is the wrong one, or later is better. In
enhanced mode the same verdicts are CA, CE and CR, or nothing (`mappers.hl7v2.ack_mode`). A refused message is
kept like any other; the NACK too goes out only after its commit. An acknowledgement is kept and not answered.
Each message of a batch passes the table on its own, and its answers come back as a batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache

from integration.flows.door import MLLP, WHOLE, Seen, Situation, Terms, Way, look, owing, refuse_whole
from integration.flows.replies import Clerk, Reply, Settled
from integration.store.inbox import Inbox
from integration.store.records import Receipt
from integration.telemetry import Metrics
from mappers.domain.acknowledgement import Ack, Level, Verdict
from mappers.domain.issues import Issue, IssueCode, Mapped, Refused, Severity
from mappers.hl7v2 import ack, tokens
from mappers.hl7v2.batches import BatchedMessage, first_header, is_batch, split_batch

__all__ = ["MLLP", "WHOLE", "Intake", "Reply", "Terms", "Way"]

#: Messages, headers and trailers of one batch: each message becomes a row, whatever it weighs.
MOST_PARTS = 10_000
#: Messages of a batch that the store gets at once: it must neither fill the queue nor hold up others.
_TOGETHER = 64


class Intake:
    """The door.

    Args:
        inbox: where messages are committed.
        terms: by channel name.
        clock: aware now.
        metrics: what is counted and timed; None counts nothing.
    """

    def __init__(
        self,
        inbox: Inbox,
        terms: Mapping[str, Terms],
        *,
        clock: Callable[[], datetime],
        metrics: Metrics | None = None,
    ) -> None:
        self._inbox = inbox
        self._terms = terms
        self._clock = clock
        # Looking up a labelled child costs more than counting with it.
        self._received = cache(metrics.received.labels) if metrics else None
        self._seconds = cache(metrics.receive_seconds.labels) if metrics else None
        self._clerk = Clerk()

    def receive(self, raw: bytes, *, channel: str, peer: str, way: Way = WHOLE) -> Reply:
        """Commit what came and say what goes back.

        Args:
            raw: a message or a batch, verbatim.
            channel: name of a channel.
            peer: who sent it, for the audit trail.
            way: how it came.

        Raises:
            StoreUnavailable: not everything was committed; do not answer. The same may come again.
        """
        at = Situation(self._terms[channel], peer, self._clock(), way)
        opened = _open(raw, way)
        if isinstance(opened, bytes):
            seen = look(opened, at)
            receipt = self._inbox.submit(seen.arrival).result()
            self._count(receipt, at)
            return self._clerk.reply((seen, receipt), at)
        settled: list[Settled] = []
        for part in _parts(raw, opened, at):
            futures = [(seen, self._inbox.submit(seen.arrival)) for seen in part]
            settled += [(seen, future.result()) for seen, future in futures]
        self._count_all(settled, at)
        return self._clerk.reply_to_many(settled, at)

    async def answer(self, raw: bytes, *, channel: str, peer: str, way: Way = MLLP) -> Reply:
        """`receive` for a coroutine, which it never blocks.

        Raises:
            StoreUnavailable: as of `receive`.
        """
        at = Situation(self._terms[channel], peer, self._clock(), way)
        loop = asyncio.get_running_loop()
        opened = _open(raw, way)
        if isinstance(opened, bytes):
            seen = look(opened, at)
            receipt = await self._inbox.submit_async(seen.arrival, loop)
            self._count(receipt, at)
            return self._clerk.reply((seen, receipt), at)
        settled: list[Settled] = []
        for part in _parts(raw, opened, at):
            futures = [self._inbox.submit_async(seen.arrival, loop) for seen in part]
            settled += zip(part, await asyncio.gather(*futures), strict=True)
        self._count_all(settled, at)
        return self._clerk.reply_to_many(settled, at)

    def _count_all(self, settled: Sequence[Settled], at: Situation) -> None:
        for _, receipt in settled:
            self._count(receipt, at)

    def _count(self, receipt: Receipt, at: Situation) -> None:
        if self._received is not None and self._seconds is not None:
            channel = at.terms.channel.name
            self._received(channel, receipt.verdict.value).inc()
            seconds = (self._clock() - at.now).total_seconds()
            self._seconds(channel).observe(seconds)

    def refuse_oversize(self, head: bytes, *, channel: str, limit: int, way: Way = MLLP) -> bytes | None:
        """The answer to a message too long to be held, made from its first bytes alone; None for none.

        The one answer that no commit stands behind: its bytes were never here.
        """
        text = f"the message is longer than the {limit} bytes that are accepted here; send it in parts"
        issue = Issue(Severity.FATAL, IssueCode.TOO_LONG, "", text, "207")
        try:
            peek = tokens.peek(head)
        except Refused:
            peek = None
        level = owing(peek, Verdict.ERROR, self._terms[channel]).now
        if level is None and not way.unasked:
            return None
        now = self._clock()
        # No message id can name this answer; its second does.
        answer = Ack(Verdict.ERROR, f"WW{now:%Y%m%d%H%M%S%f}"[:20], (issue,), level or Level.ORIGINAL)
        return ack.write(peek, answer, now=self._clerk.moment(now))


def _open(raw: bytes, way: Way) -> bytes | Mapped[tuple[BatchedMessage, ...]]:
    """One message, or the messages of a batch with what is wrong with it as a whole."""
    batch = is_batch(raw)
    if not (batch or way.many):
        return raw
    split = split_batch(raw, most=MOST_PARTS)
    if batch or len(split.value) > 1 or any(issue.code is IssueCode.TOO_COSTLY for issue in split.issues):
        return split
    # What surrounds the only message is for the table to refuse; MLLP framing is not.
    return raw if split.issues else split.value[0].content


def _parts(raw: bytes, batch: Mapped[tuple[BatchedMessage, ...]], at: Situation) -> Iterator[list[Seen]]:
    """The messages of a batch at the door, so many at a time; one that stands for all if it is refused."""
    if batch.issues:
        header = first_header(raw) if is_batch(raw) else None
        yield [refuse_whole(raw, at, header=header, issues=batch.issues)]
        return
    for start in range(0, len(batch.value), _TOGETHER):
        part = batch.value[start : start + _TOGETHER]
        yield [look(message.content, at)._replace(headers=message.headers) for message in part]
