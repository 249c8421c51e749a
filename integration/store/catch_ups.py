"""How far each channel has caught up with its server: one moment a channel."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, String, delete, insert, select
from sqlmodel import Field, SQLModel

from integration.store.ids import utc_text

_TEXT = String().with_variant(String(collation="C"), "postgresql")


class CatchUpRow(SQLModel, table=True):
    """A channel.

    Attributes:
        seen_until: UTC text; all that changed before it was asked for.
    """

    __tablename__ = "catch_up"

    channel: str = Field(primary_key=True, sa_type=_TEXT)
    seen_until: str = Field(sa_type=_TEXT)


_ROWS = SQLModel.metadata.tables["catch_up"]


def seen_until(connection: Connection, channel: str) -> datetime | None:
    """Until when the channel has caught up; None when it never has."""
    text = connection.execute(select(_ROWS.c.seen_until).where(_ROWS.c.channel == channel)).scalar()
    return datetime.fromisoformat(text) if text else None


def move(connection: Connection, channel: str, until: datetime) -> None:
    """Remember it, in the caller's transaction; never backwards."""
    before = seen_until(connection, channel)
    if before is None or before < until:
        connection.execute(delete(_ROWS).where(_ROWS.c.channel == channel))
        connection.execute(insert(_ROWS).values(channel=channel, seen_until=utc_text(until)))
