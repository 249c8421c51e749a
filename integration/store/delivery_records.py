"""What the outbox takes and hands out: frozen records, without a database type in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from integration.states import DeliveryState


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What one message leads to at one destination, before it has a name.

    Attributes:
        destination: its name in the settings.
        form: what the bytes are, e.g. "ORU_R01".
        pieces: the bytes, cut where the name of the delivery belongs (MSH-10); one piece has no place for it.
        about: references of the results in it.
        problem: where it could not be written, "PID[1]-5"; there are no bytes then, and a human decides.
    """

    destination: str
    form: str
    pieces: tuple[bytes, ...] = field(default=(), repr=False)
    about: tuple[str, ...] = field(default=())
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """A delivery as the store has it.

    Attributes:
        id: UUID text; sorts by the time of arrival of its message.
        seq: its place in the order of all commits, monotone.
        control_id: 20 hex digits: its name at the destination, the same at every attempt.
        order_key: keyed mark; deliveries of one key reach a destination in the order of their commits.
        reason: code of why it is in its state, "refused"; never the words of the destination.
        response: codes of the last answer, "AE 102".
        attempts: since it was queued last.
        rejections: attempts among them that the destination refused for now.
        rounds: how often an operator queued it again.
        queued_at: UTC text, as are the other times.
        next_attempt_at: not before this; None when nothing keeps it waiting.
        content: the exact bytes; None in listings, which never decrypt.
    """

    id: str
    seq: int
    message_id: str
    destination: str
    form: str
    control_id: str
    order_key: str
    state: DeliveryState
    reason: str | None
    response: str | None
    attempts: int
    rejections: int
    rounds: int
    queued_at: str
    next_attempt_at: str | None
    dispatched_at: str | None
    finished_at: str | None
    size: int
    digest: str
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries to list; what is None does not restrict.

    Attributes:
        since: of messages received at or after this moment; aware.
        limit: how many at most, newest first.
    """

    state: DeliveryState | None = None
    destination: str | None = None
    message_id: str | None = None
    since: datetime | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt came to.

    Attributes:
        reason: code of why it was not delivered.
        response: codes of the answer.
        rejected: the destination refused it for now.
        next_attempt: not before this moment, aware.
        said: the destination's words, kept sealed.
    """

    state: DeliveryState
    reason: str | None = None
    response: str | None = None
    rejected: bool = False
    next_attempt: datetime | None = None
    said: bytes = field(default=b"", repr=False)
