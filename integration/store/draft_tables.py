"""The tables of documents to be read, of what models answered, and of which drafts a document has."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, LargeBinary, String, Table, text
from sqlmodel import Field, SQLModel

#: Bytes compare, never a locale's rules.
_TEXT = String().with_variant(String(collation="C"), "postgresql")
_WAITING = text("dispatched_at IS NULL AND state = 'received'")
_OPEN = text("state = 'received'")


class Extraction(SQLModel, table=True):
    """A message whose documents are to be read, or were.

    Attributes:
        seq: place of the message in the order of all commits.
        order_key: keyed mark, as of the message.
        state: a `MessageState`: received, processed, parked.
        round: grows each time that the message is processed again.
        attempts: how often a worker began to read.
        reason: code of why it is in its state.
    """

    __tablename__ = "extraction"
    __table_args__ = (
        Index("ix_extraction_waiting", "seq", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("ix_extraction_open", "message_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    message_id: str = Field(primary_key=True, sa_type=_TEXT)
    seq: int = Field(sa_type=BigInteger)
    order_key: str = Field(sa_type=_TEXT)
    channel: str = Field(sa_type=_TEXT)
    state: str = Field(sa_type=_TEXT)
    round: int
    attempts: int
    dispatched_at: str | None = Field(default=None, sa_type=_TEXT)
    finished_at: str | None = Field(default=None, sa_type=_TEXT)
    reason: str | None = Field(default=None, sa_type=_TEXT)


class DocumentDraft(SQLModel, table=True):
    """A draft that stands for a document: what has to be taken back when the document is."""

    __tablename__ = "document_draft"

    document: str = Field(primary_key=True, sa_type=_TEXT)
    type: str = Field(primary_key=True, sa_type=_TEXT)
    id: str = Field(primary_key=True, sa_type=_TEXT)
    message_id: str = Field(sa_type=_TEXT)


class KeptRun(SQLModel, table=True):
    """What a model answered once, so that no crash makes it answer again.

    Attributes:
        key: SHA-256, hex, of `ModelRun.key`.
        content: the sealed run and its answer.
    """

    __tablename__ = "model_run"

    key: str = Field(primary_key=True, sa_type=_TEXT)
    task: str = Field(sa_type=_TEXT)
    model: str = Field(sa_type=_TEXT)
    at: str = Field(sa_type=_TEXT)
    content: bytes = Field(sa_type=LargeBinary)


EXTRACTIONS: Table = Extraction.__table__  # type: ignore[attr-defined]
DRAFTS: Table = DocumentDraft.__table__  # type: ignore[attr-defined]
RUNS: Table = KeptRun.__table__  # type: ignore[attr-defined]
