"""The database: SQLite by default, PostgreSQL for many machines. Owns connections, durability, one writer.

Every transaction that writes runs in the one writer thread of its process and holds the store's one write
lock (BEGIN IMMEDIATE, or an advisory lock), so writers of all processes come one after the other on either
database: a work sees everything committed before it. Knows no table.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from integration.errors import SettingsInvalid, StoreUnavailable
from integration.store.engines import PostgresEngines, SqliteEngines
from integration.store.failures import blame
from integration.store.group_commit import GroupCommit, Work

T = TypeVar("T")
A = TypeVar("A")

#: What a work of `Database.write` is given; whoever has one writes in that transaction.
Transaction = Connection


class Database:
    """One database, opened lazily in each process that uses it.

    Args:
        url: `sqlite:///path` or `postgresql+psycopg://user@host/name`.
        lock_timeout: seconds to wait for another process's commit before the store counts as unavailable.
        queue_limit: writes that may wait in this process.

    Raises:
        SettingsInvalid: the URL names no such database.
    """

    def __init__(self, url: str, *, lock_timeout: float = 30.0, queue_limit: int = 10_000) -> None:
        self._engines = _engines_of(url, lock_timeout)
        self._queue_limit = queue_limit
        self._lock = threading.Lock()
        self._reading: Engine | None = None
        self._writer: GroupCommit[Connection] | None = None
        self._closed = False
        _OPEN.add(self)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engines.dialect

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only connection with one snapshot of the database; keep it short.

        Raises:
            StoreUnavailable: it does not answer, or its schema is older than the program.
        """
        try:
            with self._reader().connect() as connection, connection.begin():
                yield connection
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise blame(error) from None  # drivers quote rows

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        """Run `work` in a transaction, together with others that wait; the future resolves after COMMIT.

        Args:
            work: its only effect is on the connection, since it may be run a second time. When it raises,
                nothing of it is committed and the future raises the same.

        Raises (from the future):
            StoreUnavailable: nothing is promised; the same work may be handed in again later.
        """
        return self.write_together(_each, work)

    def write_async(
        self, work: Callable[[Connection], T], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[T]:
        """`write` for a coroutine that runs in `loop`."""
        return self.write_together_async(_each, work, loop)

    def write_together(
        self, apply: Callable[[Connection, Sequence[A]], Iterable[T]], argument: A
    ) -> Future[T]:
        """`write` for many small works of one kind: `apply` gets the arguments of all that wait at once.

        Args:
            apply: always the same object, so that its works are recognised; returns a result for each.
            argument: of this work.
        """
        done: Future[T] = Future()
        try:
            self._write_queue().put(Work(apply, argument, done, None))
        except StoreUnavailable as error:
            done.set_exception(error)
        return done

    def write_together_async(
        self,
        apply: Callable[[Connection, Sequence[A]], Iterable[T]],
        argument: A,
        loop: asyncio.AbstractEventLoop,
    ) -> asyncio.Future[T]:
        """`write_together` for a coroutine that runs in `loop`."""
        done: asyncio.Future[T] = loop.create_future()
        try:
            self._write_queue().put(Work(apply, argument, done, loop))
        except StoreUnavailable as error:
            done.set_exception(error)
        return done

    def close(self) -> None:
        """Finish the writes handed in, then let go of every connection."""
        with self._lock:
            self._closed = True
            writer, self._writer = self._writer, None
            reading, self._reading = self._reading, None
        if writer is not None:
            writer.close()
        if reading is not None:
            reading.dispose()

    def _reader(self) -> Engine:
        if self._reading is None:
            with self._lock:
                self._refuse_closed()
                self._reading = self._reading or self._engines.reading()
        return self._reading

    def _write_queue(self) -> GroupCommit[Connection]:
        if self._writer is None:
            with self._lock:
                self._refuse_closed()
                self._writer = self._writer or GroupCommit(self._engines.writing(), limit=self._queue_limit)
        return self._writer

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _forget_parent(self) -> None:
        """In a forked child: leave the parent's handles alone and open own ones at first use.

        They are kept, not closed: closing a SQLite connection or a PostgreSQL socket here would disturb the
        parent's (https://sqlite.org/howtocorrupt.html §2.6).
        """
        _ABANDONED.append((self._reading, self._writer))
        self._lock = threading.Lock()
        self._reading = None
        self._writer = None


_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()
_ABANDONED: list[object] = []


def _after_fork() -> None:
    for database in list(_OPEN):
        database._forget_parent()  # noqa: SLF001  # the module's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _each(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    return [work(connection) for work in works]


def _engines_of(url: str, lock_timeout: float) -> SqliteEngines | PostgresEngines:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsInvalid("store.url is not a database URL: sqlite:///path/to/file") from None
    match parsed.get_backend_name():
        case "sqlite":
            return SqliteEngines(parsed, lock_timeout)
        case "postgresql":
            return PostgresEngines(parsed, lock_timeout)
        case _:
            raise SettingsInvalid("store.url must begin with sqlite:/// or postgresql+psycopg://")
