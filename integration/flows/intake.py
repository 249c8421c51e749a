"""One durable door for every transport: look at the envelope, commit, and only then answer.

Nothing clinical is judged here. Every check at the door, in this order:

| check | answer | ERR-3 (table 0357) |
|---|---|---|
| no MSH that starts a line | AE | 100 |
| more than one message in the frame, or a batch | AE | 100 |
| MSH-9 empty | AE | 101 |
| MSH-12 is no version 2 | AR | 203 |
| MSH-11 is not accepted on this channel | AR | 202 |
| bytes do not decode in the character set of MSH-18 | AE | 102 |
| longer than the listener allows | AE | 207 |
| sent before, same content but for MSH-7 | the earlier answer again | |
| MSH-10 sent before with other content | AE, or processed: the channel says which | 207 |
| the store takes no writes | no answer, connection closed: the sender keeps it | |
| anything else | AA | |

AE: sending it again unchanged will not help. AR: this endpoint is the wrong one, or later is better.
A refused message is kept like any other; the NACK too goes out only after its commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from integration.errors import StoreUnavailable
from integration.store.inbox import Inbox
from integration.store.records import Arrival, Receipt, SameId
from mappers.domain.acknowledgement import Ack, Verdict
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.domain.times import Moment
from mappers.hl7v2 import ack, tokens

PROCESSING_IDS = frozenset({"P", "T", "D"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What one channel accepts at the door.

    Attributes:
        processing_ids: MSH-11 values; an empty MSH-11 is forgiven.
        same_id: what to do with a known MSH-10 and other content.
    """

    channel: Channel
    processing_ids: frozenset[str] = field(default=PROCESSING_IDS)
    same_id: SameId = SameId.REFUSE


class Intake:
    """The door.

    Args:
        inbox: where messages are committed.
        terms: by channel name.
        clock: aware now.
    """

    def __init__(self, inbox: Inbox, terms: Mapping[str, Terms], *, clock: Callable[[], datetime]) -> None:
        self._inbox = inbox
        self._terms = terms
        self._clock = clock
        self._second = ("", Moment("2000"))

    def receive(self, raw: bytes, *, channel: str, peer: str) -> tuple[Receipt, bytes]:
        """Commit a message and say what was decided, with the acknowledgement to send.

        Raises:
            StoreUnavailable: nothing was committed; do not answer.
        """
        now = self._clock()
        peek, arrival = self._look(raw, self._terms[channel], peer, now)
        receipt = self._inbox.submit(arrival).result()
        return receipt, self._acknowledge(peek, receipt, now)

    async def answer(self, raw: bytes, *, channel: str, peer: str) -> bytes | None:
        """The acknowledgement of a message once it is committed; None when the store takes no writes."""
        now = self._clock()
        peek, arrival = self._look(raw, self._terms[channel], peer, now)
        try:
            receipt = await self._inbox.submit_async(arrival, asyncio.get_running_loop())
        except StoreUnavailable:
            return None
        return self._acknowledge(peek, receipt, now)

    def refuse_oversize(self, head: bytes, *, limit: int) -> bytes:
        """The answer to a message too long to be held, made from its first bytes alone.

        The one answer that no commit stands behind: its bytes were never here.
        """
        text = f"the message is longer than the {limit} bytes that this listener accepts; send it in parts"
        issue = Issue(Severity.FATAL, IssueCode.TOO_LONG, "", text, "207")
        try:
            peek = tokens.peek(head)
        except Refused:
            peek = None
        now = self._clock()
        # No message id can name this answer; its second does.
        answer = Ack(Verdict.ERROR, f"WW{now:%Y%m%d%H%M%S%f}"[:20], (issue,))
        return ack.write(peek, answer, now=self._moment(now))

    def _look(self, raw: bytes, terms: Terms, peer: str, now: datetime) -> tuple[tokens.Peek | None, Arrival]:
        try:
            peek = tokens.peek(raw)
        except Refused as refusal:
            arrival = Arrival(
                channel=terms.channel.name,
                peer=peer,
                raw=raw,
                received_at=now,
                verdict=Verdict.ERROR,
                issues=(refusal.issue,),
                same_id=terms.same_id,
            )
            return None, arrival
        verdict, issues = judge(raw, peek, terms)
        component = peek.delimiters.component or "^"
        return peek, Arrival(
            channel=terms.channel.name,
            peer=peer,
            raw=raw,
            received_at=now,
            control_id=peek.control_id,
            sender=f"{peek.sending_application}|{peek.sending_facility}",
            trigger=peek.message_type,
            version=peek.version.split(component, 1)[0],
            processing_id=peek.processing_id.split(component, 1)[0],
            order_key=order_key(peek, terms.channel.name),
            unstable=peek.time_span,
            verdict=verdict,
            issues=issues,
            same_id=terms.same_id,
        )

    def _acknowledge(self, peek: tokens.Peek | None, receipt: Receipt, now: datetime) -> bytes:
        # MSH-10 holds 20 characters before 2.7; the first 20 of a UUIDv7 are its time and 26 random bits.
        control_id = receipt.message_id.replace("-", "")[:20]
        errors = receipt.issues if receipt.verdict is not Verdict.ACCEPTED else ()
        return ack.write(peek, Ack(receipt.verdict, control_id, errors), now=self._moment(now))

    def _moment(self, now: datetime) -> Moment:
        text = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self._second[0] != text:
            self._second = (text, Moment(text))
        return self._second[1]


def judge(raw: bytes, peek: tokens.Peek, terms: Terms) -> tuple[Verdict, tuple[Issue, ...]]:
    """The table of this module, as far as the message alone decides."""
    component = peek.delimiters.component or "^"
    if peek.start and raw[: peek.start].strip(b"\xef\xbb\xbf \t\r\n\x00"):
        return _refusal("MSH[1]", "the frame does not start with MSH; send one message per frame", "100")
    if raw.find(b"\rMSH" + raw[peek.start + 3 : peek.start + 4], peek.start) >= 0:
        return _refusal("MSH[2]", "a second MSH in one frame; send one message per frame", "100")
    if not peek.message_type:
        return _refusal("MSH[1]-9", "MSH-9 is empty; it must name the message type", "101")
    version = peek.version.split(component, 1)[0].strip()
    if version and version != "2" and not version.startswith("2."):
        return _refusal("MSH[1]-12", "MSH-12 names no version 2 of HL7", "203", verdict=Verdict.REJECTED)
    processing_id = peek.processing_id.split(component, 1)[0].strip()
    if processing_id and processing_id not in terms.processing_ids:
        text = f"channel {terms.channel.name} accepts MSH-11 {', '.join(sorted(terms.processing_ids))} only"
        return _refusal("MSH[1]-11", text, "202", verdict=Verdict.REJECTED)
    if not raw.isascii():
        try:
            tokens.parse(raw, channel=terms.channel)
        except Refused as refusal:
            return Verdict.ERROR, (refusal.issue,)
    return Verdict.ACCEPTED, ()


def _refusal(
    location: str, text: str, hl7_error: str, *, verdict: Verdict = Verdict.ERROR
) -> tuple[Verdict, tuple[Issue, ...]]:
    return verdict, (Issue(Severity.FATAL, IssueCode.STRUCTURE, location, text, hl7_error),)


def order_key(peek: tokens.Peek, channel: str) -> str:
    """What keeps its order: the patient, else the order, else the channel.

    Only the patient joins an order with its result (ORM knows the placer number, ORU the filler number).
    """
    if peek.patient:
        parts = peek.patient.split(peek.delimiters.component or "^")
        assigner = parts[3] if len(parts) > 3 else ""  # noqa: PLR2004 - CX.4
        return f"{channel}|patient|{assigner}|{parts[0]}"
    order = peek.placer_order_number or peek.filler_order_number or peek.accession_number
    return f"{channel}|order|{order}" if order else channel
