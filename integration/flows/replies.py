"""What goes back to a sender once its messages are committed: one acknowledgement, or a batch of them.

Applies the table of `mappers.hl7v2.ack_mode` to receipts; what is owed later is the affair of `acknowledge`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from integration.flows.door import Seen, Situation, Terms, goes_later, owing
from integration.store.acknowledgements import RETURN
from integration.store.records import Receipt
from mappers.domain.acknowledgement import Ack, Level, Verdict
from mappers.domain.times import Moment
from mappers.hl7v2 import ack, batch_ack
from mappers.hl7v2.ack_mode import Answering, Condition


class Reply(NamedTuple):
    """The answer to a frame, a file or a request.

    Attributes:
        payload: an acknowledgement or a batch of them; None: nobody wants one.
        receipts: of its messages, in their order.
        awaiting: messages of it whose application acknowledgement goes out later by the way they came.
    """

    payload: bytes | None
    receipts: tuple[Receipt, ...] = ()
    awaiting: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether any message of it was refused."""
        return any(receipt.verdict is not Verdict.ACCEPTED for receipt in self.receipts)


Settled = tuple[Seen, Receipt]


class Clerk:
    """Writes replies. Remembers the text of the second that it last wrote."""

    def __init__(self) -> None:
        self._second = (0, Moment("1970-01-01T00:00:00Z"))

    def reply(self, settled: Settled, at: Situation) -> Reply:
        """The answer to one message."""
        seen, receipt = settled
        owed = _owed(seen, receipt, at)
        payload = None if owed.now is None else self._acknowledgement(seen, receipt, owed.now, at.now)
        return Reply(payload, (receipt,), _awaiting(receipt, owed, at.terms))

    def reply_to_many(self, settled: Sequence[Settled], at: Situation) -> Reply:
        """The answer to a batch: those of its messages that want one, between headers that answer its own."""
        replies = [self.reply(each, at) for each in settled]
        receipts = tuple(receipt for _, receipt in settled)
        awaiting = tuple(message_id for reply in replies for message_id in reply.awaiting)
        if not any(reply.payload for reply in replies):
            return Reply(None, receipts, awaiting)
        control_id = "B" + answer_id(receipts[0].message_id, Level.APPLICATION)[:19]
        answered = [(seen.headers, reply.payload) for (seen, _), reply in zip(settled, replies, strict=True)]
        files = groupby(answered, key=lambda each: _header(each[0], b"FHS"))
        parts = [
            batch_ack.write(header, _batches(batch), control_id=control_id, now=self.moment(at.now))
            for header, batch in files
        ]
        return Reply(b"".join(parts), receipts, awaiting)

    def moment(self, now: datetime) -> Moment:
        """Now, to the second, as answers state it."""
        second = int(now.timestamp())
        if self._second[0] != second:
            text = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._second = (second, Moment(text))
        return self._second[1]

    def _acknowledgement(self, seen: Seen, receipt: Receipt, level: Level, now: datetime) -> bytes:
        answer = Ack(
            receipt.verdict,
            answer_id(receipt.message_id, level),
            receipt.issues if receipt.verdict is not Verdict.ACCEPTED else (),
            level,
            receipt.expected_sequence_number,
        )
        return ack.write(seen.peek, answer, now=self.moment(now))


def answer_id(message_id: str, level: Level) -> str:
    """MSH-10 of an answer, always the same for a message and a level.

    It holds 20 characters before v2.7: of a UUIDv7 the first 20 are its time and 26 random bits, the last 20
    its fraction of a millisecond and all its random bits.
    """
    digits = message_id.replace("-", "")
    return digits[12:] if level is Level.APPLICATION else digits[:20]


def _owed(seen: Seen, receipt: Receipt, at: Situation) -> Answering:
    """What is owed, as far as there is a way for it.

    Where an application acknowledgement has no way to go later (a file, a request), one that would be sent
    for success is given at once, in the sense of original mode, unless an accept acknowledgement is.
    """
    owed = seen.owed
    if receipt.verdict is not seen.arrival.verdict:
        owed = owing(seen.peek, receipt.verdict, at.terms)
    if at.way.unasked and owed.now is None and receipt.verdict is not Verdict.ACCEPTED:
        return Answering(Level.ORIGINAL, Condition.NEVER)
    if owed.later is Condition.NEVER or goes_later(at.terms, at.way):
        return owed
    at_once = owed.now
    if at_once is None and at.terms.application_acks == RETURN and owed.later is not Condition.ERROR:
        at_once = Level.APPLICATION
    return Answering(at_once, Condition.NEVER)


def _awaiting(receipt: Receipt, owed: Answering, terms: Terms) -> tuple[str, ...]:
    if owed.later is Condition.NEVER or terms.application_acks != RETURN:
        return ()
    return (receipt.message_id,)


def _batches(answered: Iterable[tuple[tuple[bytes, ...], bytes | None]]) -> list[batch_ack.Answered]:
    return [
        batch_ack.Answered(header, tuple(payload for _, payload in batch if payload is not None))
        for header, batch in groupby(answered, key=lambda each: _header(each[0], b"BHS"))
    ]


def _header(headers: tuple[bytes, ...], name: bytes) -> bytes | None:
    return next((header for header in headers if header[:3] == name), None)
