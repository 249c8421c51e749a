"""The tables of messages, payloads, audit, checkpoints and workers. Only the store imports this.

Every index is paid for by each message at the door, so there is one only where a hot query needs it
(`tests/integration/store/test_queries.py` explains each of them).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Table, text
from sqlmodel import Field, SQLModel

#: SQLite makes only an INTEGER primary key its row number.
_SEQ = BigInteger().with_variant(Integer(), "sqlite")
#: Bytes compare, never a locale's rules: ids, moments and door keys are searched by range.
_TEXT = String().with_variant(String(collation="C"), "postgresql")

_HEAD = text("parent_id IS NULL")
_CHILD = text("parent_id IS NOT NULL")
_RECEIVED = text("state = 'received'")
_OPEN = text("state <> 'received' AND state <> 'processed'")
_LATER = text("kind <> 'message.received'")

_DECIDED = text("decided_seq IS NOT NULL")
_DUE = text("state = 'due' AND route <> 'return'")


class Message(SQLModel, table=True):
    """A message that was received. What it says is in `payload` or in a blob.

    Attributes:
        seq: of the audit record that admitted it.
        door_key: control id, channel and sender: what a resend has in common with the first.
        parent_id: the earlier message of this door key within the window, if there was one.
        resend_digest: keyed digest of the bytes without what a resend may change.
        digest: keyed digest of the bytes.
        issues: canonical JSON of the door's issues, without values of the message.
        blob: name in the blob folder; NULL when the payload is in its table.
    """

    __tablename__ = "message"
    __table_args__ = (
        Index("uq_message_id", "id", unique=True),
        Index("ix_message_head", "door_key", sqlite_where=_HEAD, postgresql_where=_HEAD),
        Index("ix_message_child", "parent_id", "resend_digest", sqlite_where=_CHILD, postgresql_where=_CHILD),
        Index(
            "ix_message_received",
            *("state", "dispatched_at", "seq"),
            sqlite_where=_RECEIVED,
            postgresql_where=_RECEIVED,
        ),
        Index("ix_message_open", "state", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    seq: int = Field(primary_key=True, sa_type=_SEQ, sa_column_kwargs={"autoincrement": False})
    id: str = Field(sa_type=_TEXT)
    door_key: str = Field(sa_type=_TEXT)
    parent_id: str | None = Field(default=None, sa_type=_TEXT)
    resend_digest: str = Field(sa_type=_TEXT)
    digest: str = Field(sa_type=_TEXT)
    channel: str = Field(sa_type=_TEXT)
    peer: str = Field(sa_type=_TEXT)
    sender: str = Field(sa_type=_TEXT)
    control_id: str = Field(sa_type=_TEXT)
    trigger: str = Field(sa_type=_TEXT)
    version: str = Field(sa_type=_TEXT)
    processing_id: str = Field(sa_type=_TEXT)
    received_at: str = Field(sa_type=_TEXT)
    size: int = Field(sa_type=BigInteger)
    order_key: str = Field(sa_type=_TEXT)
    state: str = Field(sa_type=_TEXT)
    verdict: str = Field(sa_type=_TEXT)
    issues: str = Field(sa_type=_TEXT)
    reason: str | None = Field(default=None, sa_type=_TEXT)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    replays: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    dispatched_at: str | None = Field(default=None, sa_type=_TEXT)
    finished_at: str | None = Field(default=None, sa_type=_TEXT)
    blob: str | None = Field(default=None, sa_type=_TEXT)


class Payload(SQLModel, table=True):
    """The sealed bytes of a small message, apart from its row: the row changes state, they never change."""

    __tablename__ = "payload"

    seq: int = Field(primary_key=True, sa_type=_SEQ, sa_column_kwargs={"autoincrement": False})
    sealed: bytes = Field(sa_type=LargeBinary)


class Audit(SQLModel, table=True):
    """One record of the audit chain. Triggers refuse to change or remove it.

    Attributes:
        subject: canonical JSON {"message_id", "resource"} of what is known; the two columns repeat it.
        details: canonical JSON.
        prev: hash of the record before.
    """

    __tablename__ = "audit"
    __table_args__ = (
        # The first record of a message has the number of its row.
        Index("ix_audit_message", "message_id", sqlite_where=_LATER, postgresql_where=_LATER),
        Index(
            "ix_audit_resource",
            "resource",
            sqlite_where=text("resource IS NOT NULL"),
            postgresql_where=text("resource IS NOT NULL"),
        ),
    )

    seq: int = Field(primary_key=True, sa_type=_SEQ, sa_column_kwargs={"autoincrement": False})
    version: int
    at: str = Field(sa_type=_TEXT)
    kind: str = Field(sa_type=_TEXT)
    actor: str = Field(sa_type=_TEXT)
    outcome: str = Field(sa_type=_TEXT)
    message_id: str | None = Field(default=None, sa_type=_TEXT)
    resource: str | None = Field(default=None, sa_type=_TEXT)
    details: str = Field(sa_type=_TEXT)
    prev: str = Field(sa_type=_TEXT)
    hash: str = Field(sa_type=_TEXT)


class Checkpoint(SQLModel, table=True):
    """A signed statement of how long the audit chain was and how it ended."""

    __tablename__ = "checkpoint"

    last_seq: int = Field(primary_key=True, sa_type=_SEQ, sa_column_kwargs={"autoincrement": False})
    count: int = Field(sa_type=BigInteger)
    at: str = Field(sa_type=_TEXT)
    last_hash: str = Field(sa_type=_TEXT)
    key_id: str = Field(sa_type=_TEXT)
    signature: str = Field(sa_type=_TEXT)


class MessageLedger(SQLModel, table=True):
    """What became of each segment of a message at its last run: labels, paths and issue texts; no values."""

    __tablename__ = "message_ledger"

    message_id: str = Field(primary_key=True, sa_type=_TEXT)
    content: str = Field(sa_type=_TEXT)


class ApplicationAck(SQLModel, table=True):
    """An application acknowledgement that a sender in enhanced mode wants; original mode has none.

    Attributes:
        route: "return", or the name of a destination.
        condition: MSH-16, table 0155: AL, ER or SU.
        header: the MSH of the message, as far as an answer echoes it.
        state: `acknowledgements.State`.
        verdict: MSA-1, once the message was processed.
        issues: canonical JSON, without values of the message.
        decided_seq: of the audit record of the move that decided it.
    """

    __tablename__ = "application_ack"
    __table_args__ = (
        Index("ix_application_ack_decided", "decided_seq", sqlite_where=_DECIDED, postgresql_where=_DECIDED),
        Index("ix_application_ack_due", "decided_seq", sqlite_where=_DUE, postgresql_where=_DUE),
    )

    message_id: str = Field(primary_key=True, sa_type=_TEXT)
    route: str = Field(sa_type=_TEXT)
    condition: str = Field(sa_type=_TEXT)
    header: str = Field(sa_type=_TEXT)
    state: str = Field(sa_type=_TEXT)
    verdict: str | None = Field(default=None, sa_type=_TEXT)
    reason: str | None = Field(default=None, sa_type=_TEXT)
    issues: str = Field(default="[]", sa_type=_TEXT, sa_column_kwargs={"server_default": text("'[]'")})
    decided_seq: int | None = Field(default=None, sa_type=BigInteger)
    decided_at: str | None = Field(default=None, sa_type=_TEXT)
    sent_at: str | None = Field(default=None, sa_type=_TEXT)


class SequenceLink(SQLModel, table=True):
    """Where a link with the sequence number protocol stands.

    Attributes:
        link: channel and sender.
        accepted: number of the last accepted message; NULL while none is agreed.
    """

    __tablename__ = "sequence_link"

    link: str = Field(primary_key=True, sa_type=_TEXT)
    accepted: int | None = Field(default=None, sa_type=BigInteger)


class WorkerHeartbeat(SQLModel, table=True):
    """When each worker process was last alive."""

    __tablename__ = "worker_heartbeat"

    executor_id: str = Field(primary_key=True, sa_type=_TEXT)
    role: str = Field(sa_type=_TEXT)
    host: str = Field(sa_type=_TEXT)
    pid: int
    started_at: str = Field(sa_type=_TEXT)
    seen_at: str = Field(sa_type=_TEXT)


MESSAGES: Table = Message.__table__  # type: ignore[attr-defined]
PAYLOADS: Table = Payload.__table__  # type: ignore[attr-defined]
