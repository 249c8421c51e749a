"""The engine's own database: how it is opened, and the tables we keep in it beside those of DBOS.

Owns durability settings and the moment "now" as that database sees it. Must not know messages or flows.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from integration.store.failures import blame

if TYPE_CHECKING:
    import psycopg

#: Schema on PostgreSQL; SQLite has a file of its own instead.
SCHEMA = "wardwire_engine"
#: How long a statement waits for another process that writes, milliseconds.
BUSY_MS = 30_000
#: How long a worker may hold locks without a word, milliseconds.
FROZEN_MS = 60_000
#: The first SQLite that knows `unixepoch('subsec')`; distributions of 2022 and 2023 have older ones.
_SUBSECONDS_SINCE = (3, 42)
#: Key of the PostgreSQL advisory lock under which the tables are made.
_MAKING = 0x77617264

_METADATA = sa.MetaData(schema=SCHEMA)

#: A worker that runs jobs, and when it was last heard of.
WORKER = sa.Table(
    "ward_worker",
    _METADATA,
    sa.Column("executor", sa.Text, primary_key=True),
    sa.Column("beat", sa.Double, nullable=False),
)
#: A run during which a worker died. `running` while it is tried again.
SUSPECT = sa.Table(
    "ward_suspect",
    _METADATA,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("running", sa.Boolean, nullable=False),
)
#: A partition whose first job asked to run later: those behind it wait until then.
HOLD = sa.Table(
    "ward_hold",
    _METADATA,
    sa.Column("queue", sa.Text, primary_key=True),
    sa.Column("partition", sa.Text, primary_key=True),
    sa.Column("first", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
)
#: Who may sweep now, so that two workers do not mend the same thing.
LEASE = sa.Table(
    "ward_lease",
    _METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
)


def is_sqlite(url: str) -> bool:
    """Whether a database URL names a SQLite file."""
    return sa.make_url(url).get_backend_name() == "sqlite"


def open_database(url: str, *, connections: int) -> sa.Engine:
    """An engine with durable settings; nothing is connected yet.

    Args:
        url: `sqlite:///path` or `postgresql+psycopg://...`; a missing folder is made.
        connections: at most so many are open at a time.
    """
    # Parameters stay out of error texts: they end in logs.
    if not is_sqlite(url):
        engine = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=connections,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"connect_timeout": 10, "application_name": "wardwire-engine"},
        )
        event.listen(engine, "connect", _bound_locks)
        return engine.execution_options(schema_translate_map={SCHEMA: SCHEMA})
    Path(sa.make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, pool_size=connections, max_overflow=0, hide_parameters=True)
    event.listen(engine, "connect", _make_durable)
    return engine.execution_options(schema_translate_map={SCHEMA: None})


def _make_durable(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # A transaction that writes takes the lock when it begins: none fails half way for another's sake.
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")
    if sqlite3.sqlite_version_info < _SUBSECONDS_SINCE:
        # From Python 3.12 on DBOS takes it for granted, in the defaults of its columns too.
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(modifier: str) -> float:
    """SQLite's `unixepoch('subsec')`: seconds since 1970 with their milliseconds; nobody asks for more."""
    if modifier != "subsec":
        raise ValueError(modifier)
    return round(time.time(), 3)


def _bound_locks(connection: psycopg.Connection, _entry: ConnectionPoolEntry) -> None:
    # A worker that freezes in a transaction loses its locks, so that others can take over its runs.
    connection.execute(f"SET idle_in_transaction_session_timeout = {FROZEN_MS}")
    # A rollback, with which the pool takes connections back, would undo it.
    connection.commit()


def make_tables(engine: sa.Engine) -> None:
    """Make what is missing of our tables."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # IF NOT EXISTS alone lets two workers that start together collide.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
            connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
        _METADATA.create_all(connection, checkfirst=True)


def now(engine: sa.Engine) -> sa.ColumnElement[float]:
    """Seconds since 1970 by the database's clock, the one clock that all workers share."""
    if engine.dialect.name == "sqlite":
        return (sa.func.julianday("now", type_=sa.Double) - 2440587.5) * 86400.0
    return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Double)


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turn what a database reports into one of our own errors, without its words.

    Raises:
        StoreUnavailable: connection lost, locked for too long, disk full, shutting down, not migrated.
        WardwireError: it refused a statement.
    """
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise blame(error) from None
