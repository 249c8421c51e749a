"""What the door sees of a message, and what it says about it: from bytes to an arrival, without a store.

The table of all checks and answers stands in `intake`; here is the part of it that the message alone decides.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from integration.store.acknowledgements import RETURN
from integration.store.records import Arrival, Owed, SameId
from integration.store.sequences import START
from mappers.domain.acknowledgement import Level, Verdict
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.hl7v2 import ack, batch_ack, tokens
from mappers.hl7v2.ack_mode import Answering, Condition, answering, is_acknowledgement

PROCESSING_IDS = frozenset({"P", "T", "D"})
#: `Terms.application_acks` of a channel that sends none.
NEVER = "never"
#: MSH-11 of production; what says nothing is taken for it.
_PRODUCTION = frozenset({"", "P"})
_SEQUENCE_NUMBER = re.compile(r"-1|\d{1,15}")
#: Codecs of which one is taken for the other without harm (charsets reads 8859/1 as the wider set).
_SAME = {"cp1252": "iso8859-1"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What one channel accepts at the door, and how it answers.

    Attributes:
        processing_ids: MSH-11 values; an empty MSH-11 is forgiven.
        same_id: what to do with a known MSH-10 and other content.
        original_mode: answer in original mode whatever MSH-15 and MSH-16 say.
        application_acks: where the application acknowledgements of enhanced mode go: "return" is the
            connection that the message came by, "never" is nowhere, else the name of a destination.
        sequence_numbers: whether messages are numbered in MSH-13 (`store.sequences`).
        demonstration: demonstration models are at work: nothing of production may come in.
    """

    channel: Channel
    processing_ids: frozenset[str] = field(default=PROCESSING_IDS)
    same_id: SameId = SameId.REFUSE
    original_mode: bool = False
    application_acks: str = RETURN
    sequence_numbers: bool = False
    demonstration: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """How a transport carries messages.

    Attributes:
        returns: something can be sent later by the way that the message came.
        many: messages may come together without the headers of a batch, as in files.
        charset: Python codec that the transport says the bytes are in; None says nothing.
        unasked: a refusal is told even where MSH-15 and MSH-16 ask for silence: a person reads it.
    """

    returns: bool = False
    many: bool = True
    charset: str | None = None
    unasked: bool = False


#: One message or one batch in a block, over a connection that lasts.
MLLP = Way(returns=True, many=False)
#: Whatever a file or a request holds, answered once.
WHOLE = Way()


class Situation(NamedTuple):
    """Under which terms, from whom, when and by which way something comes."""

    terms: Terms
    peer: str
    now: datetime
    way: Way


class Seen(NamedTuple):
    """A message at the door.

    Attributes:
        peek: its envelope; None when it has none.
        owed: to its sender, if the store decides no other than the door.
        headers: FHS and BHS above it.
    """

    peek: tokens.Peek | None
    arrival: Arrival
    owed: Answering
    headers: tuple[bytes, ...] = ()


def look(raw: bytes, at: Situation) -> Seen:
    """Read the envelope of a message and judge it."""
    terms = at.terms
    try:
        peek = tokens.peek(raw)
    except Refused as refusal:
        return _refused(raw, at, None, (refusal.issue,))
    verdict, issues = judge(raw, peek, terms, charset=at.way.charset)
    owed = owing(peek, verdict, terms)
    component = peek.delimiters.component or "^"
    return Seen(
        peek,
        Arrival(
            channel=terms.channel.name,
            peer=at.peer,
            raw=raw,
            received_at=at.now,
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
            owed=_later(peek, owed, at),
            sequence_number=_number(peek) if terms.sequence_numbers else None,
        ),
        owed,
    )


def refuse_whole(raw: bytes, at: Situation, *, header: bytes | None, issues: tuple[Issue, ...]) -> Seen:
    """A file or batch that is refused before any message of it is looked at; kept as one.

    Args:
        raw: all of it.
        at: how it came.
        header: its first FHS or BHS, whose names and control id the answer uses.
        issues: why.
    """
    if header is None:
        return _refused(raw, at, None, issues)
    seen = _refused(raw, at, batch_ack.envelope(header), issues)
    return seen._replace(headers=(header,))


def judge(
    raw: bytes, peek: tokens.Peek, terms: Terms, *, charset: str | None = None
) -> tuple[Verdict, tuple[Issue, ...]]:
    """The table of `intake`, as far as the message alone decides."""
    component = peek.delimiters.component or "^"
    if peek.start and raw[: peek.start].strip(b"\xef\xbb\xbf \t\r\n\x00"):
        return _refusal("MSH[1]", "the message does not start with MSH; send one message per frame", "100")
    if raw.find(b"\rMSH" + raw[peek.start + 3 : peek.start + 4], peek.start) >= 0:
        return _refusal("MSH[2]", "a second MSH in one frame; send one message per frame", "100")
    if terms.sequence_numbers and not is_acknowledgement(peek) and _number(peek) is None:
        text = "this channel wants a sequence number in MSH-13: 0, -1 or the next one"
        return _refusal("MSH[1]-13", text, "102" if peek.sequence_number else "101")
    if not peek.message_type and not (terms.sequence_numbers and (_number(peek) or START) <= START):
        return _refusal("MSH[1]-9", "MSH-9 is empty; it must name the message type", "101")
    version = peek.version.split(component, 1)[0].strip()
    if version and version != "2" and not version.startswith("2."):
        return _refusal("MSH[1]-12", "MSH-12 names no version 2 of HL7", "203", verdict=Verdict.REJECTED)
    processing_id = peek.processing_id.split(component, 1)[0].strip()
    if processing_id and processing_id not in terms.processing_ids:
        text = f"channel {terms.channel.name} accepts MSH-11 {', '.join(sorted(terms.processing_ids))} only"
        return _refusal("MSH[1]-11", text, "202", verdict=Verdict.REJECTED)
    if terms.demonstration and processing_id in _PRODUCTION:
        text = "a demonstration takes no messages of production; send MSH-11 T or D"
        return _refusal("MSH[1]-11", text, "202", verdict=Verdict.REJECTED)
    return (Verdict.ACCEPTED, ()) if raw.isascii() else _decodes(raw, terms, charset)


def _decodes(raw: bytes, terms: Terms, charset: str | None) -> tuple[Verdict, tuple[Issue, ...]]:
    try:
        message = tokens.parse(raw, channel=terms.channel).value
    except Refused as refusal:
        return Verdict.ERROR, (refusal.issue,)
    if charset is not None and _codec(charset) != _codec(message.codec):
        text = f"is read as {message.character_set}, but the transport says otherwise; let both say the same"
        return _refusal("MSH[1]-18", f"the message {text}", "102")
    return Verdict.ACCEPTED, ()


def _codec(name: str) -> str:
    found = codecs.lookup(name).name
    return _SAME.get(found, found)


def order_key(peek: tokens.Peek, channel: str) -> str:
    """What keeps its order: the patient, else the order, else the channel.

    Only the patient joins an order with its result (ORM knows the placer number, ORU the filler number).
    """
    patient = peek.patient
    if patient:
        parts = patient.split(peek.delimiters.component or "^")
        assigner = parts[3] if len(parts) > 3 else ""  # noqa: PLR2004 - CX.4
        return f"{channel}|patient|{assigner}|{parts[0]}"
    order = peek.placer_order_number or peek.filler_order_number or peek.accession_number
    return f"{channel}|order|{order}" if order else channel


def _number(peek: tokens.Peek) -> int | None:
    """MSH-13 where it can be one of the protocol."""
    text = peek.sequence_number.strip()
    return int(text) if _SEQUENCE_NUMBER.fullmatch(text) else None


def _later(peek: tokens.Peek, owed: Answering, at: Situation) -> Owed | None:
    """The application acknowledgement to remember."""
    if owed.later is Condition.NEVER or not goes_later(at.terms, at.way):
        return None
    return Owed(owed.later.value, at.terms.application_acks, ack.address(peek))


def owing(peek: tokens.Peek | None, verdict: Verdict, terms: Terms) -> Answering:
    """What the sender of this envelope is owed under the terms of its channel."""
    owed = answering(peek, verdict)
    if terms.original_mode and not (peek is not None and is_acknowledgement(peek)):
        return Answering(Level.ORIGINAL, Condition.NEVER)
    return owed


def goes_later(terms: Terms, way: Way) -> bool:
    """Whether an application acknowledgement has a way to go after the message was processed."""
    if terms.application_acks == RETURN:
        return way.returns
    return terms.application_acks != NEVER


def _refused(raw: bytes, at: Situation, peek: tokens.Peek | None, issues: tuple[Issue, ...]) -> Seen:
    """What is refused without a look at a message."""
    control_id = sender = ""
    if peek is not None:
        control_id, sender = peek.control_id, f"{peek.sending_application}|{peek.sending_facility}"
    return Seen(
        peek,
        Arrival(
            channel=at.terms.channel.name,
            peer=at.peer,
            raw=raw,
            received_at=at.now,
            control_id=control_id,
            sender=sender,
            verdict=Verdict.ERROR,
            issues=issues,
            same_id=at.terms.same_id,
        ),
        owing(peek, Verdict.ERROR, at.terms),
    )


def _refusal(
    location: str, text: str, hl7_error: str, *, verdict: Verdict = Verdict.ERROR
) -> tuple[Verdict, tuple[Issue, ...]]:
    return verdict, (Issue(Severity.FATAL, IssueCode.STRUCTURE, location, text, hl7_error),)
