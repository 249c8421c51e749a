"""The tables of the outbox. Only the store imports this."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Table, text
from sqlmodel import Field, SQLModel

_SEQ = BigInteger().with_variant(Integer(), "sqlite")
_TEXT = String().with_variant(String(collation="C"), "postgresql")

_OPEN = text("state <> 'delivered'")
_WAITING = text("dispatched_at IS NULL AND state = 'pending'")


class Delivery(SQLModel, table=True):
    """What one message leads to at one destination. The bytes are in `parcel` or in a blob.

    Attributes:
        seq: of the audit record that made it: its place in the order of all commits.
        id: of the moment of the message and of `control_id`, so that the same content is the same delivery.
        control_id: keyed mark of message, destination and content: MSH-10, or a file's name.
        form: what the bytes are, "ORU_R01".
        response: codes of the last answer.
        attempts: since it was queued last, as are `rejections`, those that the destination refused for now.
        rounds: how often an operator queued it again.
        blob: name in the blob folder; NULL when the bytes are in their table, or when there are none.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("uq_delivery_id", "id", unique=True),
        Index("ix_delivery_message", "message_id"),
        Index("ix_delivery_open", "state", "id", "destination", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_delivery_waiting", "destination", "seq", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )

    seq: int = Field(primary_key=True, sa_type=_SEQ, sa_column_kwargs={"autoincrement": False})
    id: str = Field(sa_type=_TEXT)
    message_id: str = Field(sa_type=_TEXT)
    destination: str = Field(sa_type=_TEXT)
    form: str = Field(sa_type=_TEXT)
    control_id: str = Field(sa_type=_TEXT)
    order_key: str = Field(sa_type=_TEXT)
    state: str = Field(sa_type=_TEXT)
    reason: str | None = Field(default=None, sa_type=_TEXT)
    response: str | None = Field(default=None, sa_type=_TEXT)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    rejections: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    rounds: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    queued_at: str = Field(sa_type=_TEXT)
    next_attempt_at: str | None = Field(default=None, sa_type=_TEXT)
    dispatched_at: str | None = Field(default=None, sa_type=_TEXT)
    finished_at: str | None = Field(default=None, sa_type=_TEXT)
    size: int = Field(sa_type=BigInteger)
    digest: str = Field(sa_type=_TEXT)
    blob: str | None = Field(default=None, sa_type=_TEXT)


class SealedParcel(SQLModel, table=True):
    """The sealed bytes of a small delivery, apart from its row: the row changes state, they never change."""

    __tablename__ = "parcel"

    seq: int = Field(primary_key=True, sa_type=_SEQ, sa_column_kwargs={"autoincrement": False})
    sealed: bytes = Field(sa_type=LargeBinary)


DELIVERIES: Table = Delivery.__table__  # type: ignore[attr-defined]
PARCELS: Table = SealedParcel.__table__  # type: ignore[attr-defined]
