"""What is known of our Subscriptions at the channels' servers: which they are, how they stand, what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Row, String, delete, insert, select, update
from sqlmodel import Field, SQLModel

from integration.store.ids import utc_text

_TEXT = String().with_variant(String(collation="C"), "postgresql")


class SubscriptionRow(SQLModel, table=True):
    """A Subscription of ours (`Known`)."""

    __tablename__ = "subscription"

    channel: str = Field(primary_key=True, sa_type=_TEXT)
    subject: str = Field(primary_key=True, sa_type=_TEXT)
    style: str = Field(sa_type=_TEXT)
    server_id: str = Field(sa_type=_TEXT)
    status: str = Field(sa_type=_TEXT)
    ends: str | None = Field(default=None, sa_type=_TEXT)
    heartbeat_seconds: int | None = None
    registered_at: str = Field(sa_type=_TEXT)
    checked_at: str = Field(sa_type=_TEXT)
    heard_at: str | None = Field(default=None, sa_type=_TEXT)
    events: int | None = None


_ROWS = SQLModel.metadata.tables["subscription"]
_C = _ROWS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A Subscription of ours at a server.

    Attributes:
        subject: what tells it from the channel's others.
        style: r4, backport, r5.
        server_id: its id there.
        status: as the server said last; "gone" when it was not there any more.
        ends: instant at which it ends by itself; None: never.
        heartbeat_seconds: between two signs of life; None: it gives none.
        registered_at, checked_at: UTC text.
        heard_at: when a notification of it came last, UTC text.
        events: number of its last event.
    """

    channel: str
    subject: str
    style: str
    server_id: str
    status: str
    registered_at: str
    checked_at: str
    ends: str | None = None
    heartbeat_seconds: int | None = None
    heard_at: str | None = None
    events: int | None = None

    def is_silent(self, now: datetime) -> bool:
        """Whether two of its signs of life in a row are missing."""
        if self.heartbeat_seconds is None or self.status != "active":
            return False
        since = datetime.fromisoformat(max(self.heard_at or "", self.registered_at))
        return (now - since).total_seconds() > 2 * self.heartbeat_seconds + 1


def of_channel(connection: Connection, channel: str | None = None) -> tuple[Known, ...]:
    """Those of a channel, or of all."""
    found = select(_ROWS).order_by(_C.channel, _C.subject)
    if channel is not None:
        found = found.where(_C.channel == channel)
    return tuple(map(_known, connection.execute(found)))


def keep(connection: Connection, known: Known) -> None:
    """Remember how one stands, in the caller's transaction; what was heard of it stays."""
    mine = (_C.channel == known.channel) & (_C.subject == known.subject)
    before = next(
        (each for each in of_channel(connection, known.channel) if each.subject == known.subject), None
    )
    if before is not None and before.server_id == known.server_id:
        known = replace(
            known, heard_at=before.heard_at, events=before.events, registered_at=before.registered_at
        )
    connection.execute(delete(_ROWS).where(mine))
    values = {name: getattr(known, name) for name in _C.keys()}  # noqa: SIM118  # columns, no dict
    connection.execute(insert(_ROWS).values(**values))


def forget(connection: Connection, channel: str, subject: str) -> None:
    """It is no more, in the caller's transaction."""
    connection.execute(delete(_ROWS).where((_C.channel == channel) & (_C.subject == subject)))


def heard(
    connection: Connection, channel: str, server_id: str, *, at: datetime, events: Sequence[int]
) -> Known | None:
    """Remember a sign of life of one, in the caller's transaction; how it stood before; None: it is not ours.

    Args:
        connection: the transaction.
        channel: whose it is.
        server_id: its id there.
        at: aware now.
        events: numbers of the events that came with it; a lower one than is known begins a new count.
    """
    row = connection.execute(
        select(_ROWS).where((_C.channel == channel) & (_C.server_id == server_id))
    ).first()
    if row is None:
        return None
    before = _known(row)
    last = max(events, default=before.events)
    mine = (_C.channel == channel) & (_C.subject == before.subject)
    connection.execute(update(_ROWS).where(mine).values(heard_at=utc_text(at), events=last))
    return before


def _known(row: Row[tuple[object, ...]]) -> Known:
    return Known(**row._mapping)  # noqa: SLF001  # the library's public name
