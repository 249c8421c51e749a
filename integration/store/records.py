"""What the store takes and hands out: frozen records. No database type leaves or enters through them.

Those that every message makes anew at the door are tuples: they cost a third of a dataclass.

Knows the domain and the states; nothing of SQL, keys or files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from integration.states import MessageState
from mappers.domain.acknowledgement import Verdict
from mappers.domain.attribution import AuditEvent
from mappers.domain.issues import Issue


class SameId(StrEnum):
    """What a channel wants done with a message whose control id was used before for other content.

    REFUSE keeps it and answers AE; PROCESS keeps it and processes it as a message of its own. Both raise
    the alarm in the audit trail.
    """

    REFUSE = "refuse"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Owed:
    """An application acknowledgement that a message wants, in a message of its own, once it was processed.

    Attributes:
        condition: MSH-16, table 0155: "AL", "ER" or "SU".
        route: "return" is the connection that the message came by; else the name of a destination.
        header: its MSH, as far as an answer echoes it.
    """

    condition: str
    route: str
    header: str


class Arrival(NamedTuple):
    """A message as it stands before the store, with what the door decided about it.

    Attributes:
        channel: name of the configured way in.
        peer: who connected, e.g. "10.1.2.3:50123" or the subject of its certificate.
        raw: the bytes as received, verbatim.
        received_at: aware; kept as UTC.
        control_id: MSH-10; empty when the message has none, then its digest stands in.
        sender: "MSH-3|MSH-4" as sent.
        trigger: MSH-9 as sent.
        version: MSH-12.1.
        processing_id: MSH-11.1.
        order_key: messages of one key are processed in the order of their commits.
        unstable: (start, end) byte offsets in `raw` that a resend may change (MSH-7), left out of the
            resend digest; None when nothing is left out.
        verdict: what the door decided; anything but ACCEPTED is kept as refused and never processed.
        issues: why, and what was forgiven; without values of the message.
        same_id: what the channel wants done when this control id was used before for other content.
        owed: the application acknowledgement to remember, if it is accepted.
        sequence_number: MSH-13, where the channel uses the sequence number protocol.
    """

    channel: str
    peer: str
    raw: bytes
    received_at: datetime
    control_id: str = ""
    sender: str = ""
    trigger: str = ""
    version: str = ""
    processing_id: str = ""
    order_key: str = ""
    unstable: tuple[int, int] | None = None
    verdict: Verdict = Verdict.ACCEPTED
    issues: tuple[Issue, ...] = ()
    same_id: SameId = SameId.REFUSE
    owed: Owed | None = None
    sequence_number: int | None = None


class Receipt(NamedTuple):
    """What the door promises once it is on disk.

    Attributes:
        message_id: of the stored message; of the earlier one when this is a resend.
        verdict: the answer; of the earlier message when this is a resend.
        issues: become ERR segments.
        duplicate: this was a resend, nothing new was stored but its audit record.
        expected_sequence_number: MSA-4, where the sequence number protocol is used.
    """

    message_id: str
    verdict: Verdict
    issues: tuple[Issue, ...] = ()
    duplicate: bool = False
    expected_sequence_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message as the store has it.

    Attributes:
        id: UUIDv7 text; sorts by time of arrival.
        seq: of the audit record that admitted it: its place in the order of all commits, monotone.
        received_at: UTC, RFC 3339 text with microseconds; so are the other times.
        size: of the bytes as received.
        digest: keyed digest that vouches for every byte as received, "key id:hex" (`preparation`).
        order_key: keyed mark of the arrival's order key (which may name a patient); empty when that was.
        reason: code of why it is in its state, e.g. "same-id-other-content"; never text of the message.
        attempts: how often a worker took it since it arrived or was replayed.
        replays: how often it was put back to RECEIVED; makes each run's workflow id its own.
        dispatched_at: when it was handed to the engine; None while it is not.
        parent_id: the earlier message with the same control id and other content.
        raw: the bytes as received; None in listings, which never decrypt.
    """

    id: str
    seq: int
    channel: str
    peer: str
    sender: str
    control_id: str
    trigger: str
    version: str
    processing_id: str
    received_at: str
    size: int
    digest: str
    order_key: str
    state: MessageState
    verdict: Verdict
    issues: tuple[Issue, ...]
    reason: str | None
    attempts: int
    replays: int
    dispatched_at: str | None
    finished_at: str | None
    parent_id: str | None
    raw: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages to list; what is None does not restrict.

    Attributes:
        since: received at or after this moment; aware.
        until: received before this moment; aware.
        before: only messages with a smaller id: the cursor of the next page.
        limit: how many at most, newest first.
    """

    state: MessageState | None = None
    channel: str | None = None
    control_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something to what is stored.

    Attributes:
        at: UTC text (`ids.utc_text`).
        actor: "worker", "user:ada".
        reason: a code, never text of a message.
        issues: why, for a sender that wants to be told; without values of the message.
    """

    at: str
    actor: str
    reason: str | None = None
    issues: tuple[Issue, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Undispatched:
    """A committed message that the engine has not been handed yet, oldest first.

    Attributes:
        seq: monotone; serves as the priority that keeps the order within `order_key`.
        replays: part of the workflow id, so that a replay is a run of its own.
    """

    message_id: str
    seq: int
    order_key: str
    channel: str
    trigger: str
    replays: int


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record of the audit chain.

    Attributes:
        seq: its place, from 1 without gaps.
        prev: hash of the record before, hex.
        hash: its own.
    """

    seq: int
    event: AuditEvent
    prev: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCheckpoint:
    """How the audit chain stood at a moment.

    Attributes:
        count: how many records it had.
        last_seq: of the last of them.
        key_id: names the Ed25519 key of `signature` (base64).
    """

    at: str
    count: int
    last_seq: int
    last_hash: str
    key_id: str
    signature: str


class BreakReason(StrEnum):
    """How a record of the audit chain fails.

    ALTERED: its content is not what its hash says. REMOVED: it is missing before a later one. REORDERED: it
    does not follow the record before it. TRUNCATED: a checkpoint knows of it, the chain ends before it.
    REWRITTEN: a checkpoint knows it with another hash. UNSIGNED: the checkpoint at it has no signature of
    our keys.
    """

    ALTERED = "altered"
    REMOVED = "removed"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Break:
    """The first record that does not hold."""

    seq: int
    reason: BreakReason

    def __str__(self) -> str:
        return f"audit record {self.seq}: {self.reason.value}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification of the audit chain found.

    Attributes:
        records: how many hold, from the first on.
        last_hash: of the last that holds.
        checkpoints: how many agree with them.
        broken: the first record that does not hold; None when all do.
    """

    records: int
    last_hash: str
    checkpoints: int
    broken: Break | None

    @property
    def whole(self) -> bool:
        """Whether nothing was altered, removed, re-ordered or cut off, as far as checkpoints reach."""
        return self.broken is None
