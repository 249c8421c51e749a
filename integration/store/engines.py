"""How each database is opened: durable, read-only for readers, one write lock for all writers.

Knows no table and starts no thread.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError

from integration.errors import SettingsInvalid, StoreUnavailable
from integration.store import failures
from integration.store.durable_files import make_folder, sync_folder, unavailable_on_oserror

#: Seconds between two looks at a write lock that another process holds. SQLite's own busy handler sleeps up
#: to 100 ms and is not fair, which a sender would see as a late ACK.
_LOCK_POLL = 0.000_5
#: Pages, 32 MiB of log: at full load each page is written back to the database once for several changes.
_CHECKPOINT_PAGES = 8192
#: Serialises the writers of all processes (any constant that nothing else on the server uses).
_ADVISORY_LOCK = 0x57415244
_CONNECT_TIMEOUT = 5


class SqliteEngines:
    """A SQLite file: WAL, every commit synced."""

    dialect = "sqlite"

    def __init__(self, url: URL, lock_timeout: float) -> None:
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise SettingsInvalid("store.url must name a file: a database in memory keeps no promise")
        self._path = Path(url.database).absolute()
        self._lock_timeout = lock_timeout

    def reading(self) -> Engine:
        """An engine whose connections cannot write."""
        engine = self._engine(poolclass=QueuePool, pool_size=8, max_overflow=24)
        event.listen(engine, "connect", self._prepare_reader)
        event.listen(engine, "begin", _begin_deferred)
        return engine

    def writing(self) -> Writing:
        """What the writer thread works with."""
        engine = self._engine(poolclass=NullPool, isolation_level="AUTOCOMMIT")
        event.listen(engine, "connect", self._prepare_writer)
        return Writing(engine, self._begin_immediate, before=self._create, identify=self._identify)

    def _engine(self, **options: Any) -> Engine:
        # mode=rw: a reader, or a writer that finds the file gone, must not make an empty database.
        name = f"file:{quote(str(self._path))}?mode=rw"
        return create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(name, uri=True, check_same_thread=False),
            hide_parameters=True,
            **options,
        )

    def _create(self) -> None:
        """Make the file for its owner only, before SQLite would make it for everybody."""
        with unavailable_on_oserror("the database folder"):
            make_folder(self._path.parent)
            with suppress(FileExistsError):
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
                sync_folder(self._path.parent)

    def _identify(self) -> object:
        """Which file is under the database's name: SQLite would go on writing into a deleted one."""
        with unavailable_on_oserror("the database file"):
            found = self._path.stat()
        return found.st_dev, found.st_ino

    def _prepare_reader(self, connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours
        for pragma in (f"busy_timeout={round(self._lock_timeout * 1000)}", "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def _prepare_writer(self, connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={round(self._lock_timeout * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
            "busy_timeout=0",  # _begin_immediate waits
        ):
            connection.execute(f"PRAGMA {pragma}")

    def _begin_immediate(self, driver: Any) -> None:
        deadline = None
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                deadline = deadline or time.monotonic() + self._lock_timeout
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(_LOCK_POLL)
            else:
                return


class PostgresEngines:
    """A PostgreSQL server, through psycopg."""

    dialect = "postgresql"

    def __init__(self, url: URL, lock_timeout: float) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        self._lock_timeout = lock_timeout

    def reading(self) -> Engine:
        """An engine whose connections cannot write and see one snapshot each."""
        return self._engine(
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )

    def writing(self) -> Writing:
        """What the writer thread works with."""
        engine = self._engine(poolclass=NullPool, isolation_level="AUTOCOMMIT")
        event.listen(engine, "connect", self._prepare_writer)
        return Writing(engine, _begin_under_lock)

    def _engine(self, **options: Any) -> Engine:
        arguments = {"connect_timeout": _CONNECT_TIMEOUT, "application_name": "wardwire"}
        return create_engine(self._url, hide_parameters=True, connect_args=arguments, **options)

    def _prepare_writer(self, connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {round(self._lock_timeout * 1000)}")
        # A server that is configured to answer before it has written would break the promise of the ACK.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()
        cursor.close()


class Writing:
    """`group_commit.Transactions` over one lasting connection, opened again after any failure.

    Transactions are opened and ended on the driver's connection: SQLAlchemy, which believes in autocommit
    here, would take as long for that as a small commit takes.

    Args:
        engine: without a pool, in autocommit mode.
        begin: opens a transaction on the driver's connection, under the store's write lock.
        before: called before the first connection, never when a lost database is looked for again.
        identify: which database a commit went to; when it changes, the commit counts as lost.
    """

    def __init__(
        self,
        engine: Engine,
        begin: Callable[[Any], None],
        *,
        before: Callable[[], None] | None = None,
        identify: Callable[[], object] | None = None,
    ) -> None:
        self._engine = engine
        self._begin = begin
        self._before = before
        self._identify = identify
        self._identity: object = None
        self._connection: Connection | None = None
        self._driver: Any = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction under the store's write lock."""
        connection = self._connection or self._open()
        driver = self._driver
        self._begin(driver)
        committed = False
        try:
            yield connection
            driver.execute("COMMIT")
            committed = True
        finally:
            if not committed:
                driver.rollback()
        if self._identify is not None and self._identify() != self._identity:
            raise StoreUnavailable("the database file was replaced while it was open")

    @contextmanager
    def savepoint(self, _connection: Connection) -> Iterator[None]:
        """A part of a transaction that is rolled back alone."""
        driver = self._driver
        driver.execute("SAVEPOINT alone")
        released = False
        try:
            yield
            driver.execute("RELEASE alone")
            released = True
        finally:
            if not released:
                # When the disk is full, SQLite has rolled back everything, and the first error says so.
                with suppress(sqlite3.Error):
                    driver.execute("ROLLBACK TO alone")

    def blame(self, error: BaseException) -> BaseException:
        """The error to hand to who waits."""
        return failures.blame(error)

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, sqlite3.Error):
                connection.close()

    def _open(self) -> Connection:
        if self._before is not None and self._identity is None:
            self._before()
        self._connection = connection = self._engine.connect()
        self._driver = connection.connection.driver_connection
        if self._identify is not None:
            self._identity = self._identify()
        return connection


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_under_lock(driver: Any) -> None:
    # One round trip. Later statements see what the last holder of the lock committed.
    driver.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
