"""The tables of results: every version of every resource, what current ones are found by, and links.

Content is sealed, and the index holds keyed marks of names, numbers and codes (`search_marks`). Dates of
results and references are in clear: a range cannot be searched in ciphertext, nor a join made.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    true,
)
from sqlmodel import Field, SQLModel

#: SQLite numbers rows only in a column of exactly this type.
_SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
#: Bytes compare, never a locale's rules: ranges of times and prefixes of names depend on it.
_TEXT = String().with_variant(String(collation="C"), "postgresql")


class ResourceVersion(SQLModel, table=True):
    """One version of one resource. Rows are only ever added.

    `current` and `standing` are all that changes, but for what `recordings` erases.

    Attributes:
        seq: position among all versions of this store.
        version: 1 for the first, without gaps.
        last_updated: UTC, fixed width, so that it sorts as text.
        current: no later version exists.
        deleted: this version says that the resource is gone; it has no content.
        message_id: the message that it came from.
        standing: `Standing.encode()`, where the writer gave one; of what is put together element by element
            one for each (`merging.encode`). A later message that says the same raises it.
        subject: reference of `.subject`, to see that it never changes.
        digest: keyed, over the canonical resource without its version and time; after bytes were erased from
            it another one follows, after a blank, without them.
        content: the sealed JSON bytes as they are served.
    """

    __tablename__ = "resource_version"
    __table_args__ = (
        # By id first: a read knows type and id, a write asks for many ids of several types at once.
        UniqueConstraint("id", "type", "version", name="uq_resource_version"),
        Index("ix_resource_version_message", "message_id"),
    )

    seq: int | None = Field(default=None, sa_column=Column(_SEQUENCE, primary_key=True, autoincrement=True))
    type: str = Field(sa_type=_TEXT)
    id: str = Field(sa_type=_TEXT)
    version: int
    last_updated: str = Field(sa_type=_TEXT)
    current: bool
    deleted: bool
    message_id: str | None = Field(default=None)
    standing: str | None = Field(default=None)
    subject: str | None = Field(default=None)
    digest: str
    content: bytes = Field(sa_type=LargeBinary)


class ResourceIndex(SQLModel, table=True):
    """One searchable value of a current version (`search_values.IndexRow`)."""

    __tablename__ = "resource_index"

    seq: int | None = Field(default=None, sa_column=Column(_SEQUENCE, primary_key=True, autoincrement=True))
    version_seq: int = Field(
        sa_column=Column(_SEQUENCE, ForeignKey("resource_version.seq", ondelete="CASCADE"), nullable=False)
    )
    type: str = Field(sa_type=_TEXT)
    parameter: str = Field(sa_type=_TEXT)
    system: str | None = Field(default=None, sa_type=_TEXT)
    value: str | None = Field(default=None, sa_type=_TEXT)
    low: str | None = Field(default=None, sa_type=_TEXT)
    high: str | None = Field(default=None, sa_type=_TEXT)


class IndexRebuild(SQLModel, table=True):
    """How far the index is made anew (`reindexing`); no row when it is whole.

    Attributes:
        id: always 1.
        after_seq: versions up to this one are indexed.
    """

    __tablename__ = "index_rebuild"

    id: int = Field(sa_column=Column(Integer, primary_key=True))
    after_seq: int = Field(sa_column=Column(_SEQUENCE, nullable=False))


class ResourceLink(SQLModel, table=True):
    """One resource that is another one too (`links`).

    Attributes:
        source: reference, `Patient/<id>`.
        target: reference to where later writes go.
        kind: same or merged.
    """

    __tablename__ = "resource_link"

    source: str = Field(sa_type=_TEXT, primary_key=True)
    target: str = Field(sa_type=_TEXT)
    kind: str = Field(sa_type=_TEXT)
    message_id: str | None = Field(default=None)
    created_at: str = Field(sa_type=_TEXT)


LINKS: Table = ResourceLink.__table__  # type: ignore[attr-defined]
VERSIONS: Table = ResourceVersion.__table__  # type: ignore[attr-defined]
REBUILD: Table = IndexRebuild.__table__  # type: ignore[attr-defined]
INDEX: Table = ResourceIndex.__table__  # type: ignore[attr-defined]

# Partial indices, so that a write pays for each row in one or two of them and not in all.
_CURRENT = VERSIONS.c.current == true()
_HAS_VALUE = INDEX.c.value.is_not(None)
_HAS_LOW = INDEX.c.low.is_not(None)
_HAS_HIGH = INDEX.c.high.is_not(None)
Index(
    "ix_resource_version_recent",
    VERSIONS.c.type, VERSIONS.c.last_updated, VERSIONS.c.seq,
    sqlite_where=_CURRENT, postgresql_where=_CURRENT,
)  # fmt: skip
Index("ix_resource_index_version", INDEX.c.version_seq, INDEX.c.parameter)
Index(
    "ix_resource_index_value",
    INDEX.c.type, INDEX.c.parameter, INDEX.c.value, INDEX.c.system, INDEX.c.version_seq,
    sqlite_where=_HAS_VALUE, postgresql_where=_HAS_VALUE,
)  # fmt: skip
Index(
    "ix_resource_index_low",
    INDEX.c.type, INDEX.c.parameter, INDEX.c.low, INDEX.c.high, INDEX.c.version_seq,
    sqlite_where=_HAS_LOW, postgresql_where=_HAS_LOW,
)  # fmt: skip
Index(
    "ix_resource_index_high",
    INDEX.c.type, INDEX.c.parameter, INDEX.c.high, INDEX.c.low, INDEX.c.version_seq,
    sqlite_where=_HAS_HIGH, postgresql_where=_HAS_HIGH,
)  # fmt: skip
