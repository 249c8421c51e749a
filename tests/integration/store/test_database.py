"""Connections that keep the promise, on each kind of database: one writer at a time, errors without values."""

from __future__ import annotations

import os
import threading

import pytest
import sqlalchemy as sa

from integration.errors import Conflict, SettingsInvalid, StoreUnavailable, WardwireError
from integration.store.database import Database
from tests.integration.store.notes import TABLE, run, texts, write_text


@pytest.fixture
def database(empty_url):
    database = Database(empty_url, lock_timeout=20.0)
    run(database, TABLE)
    yield database
    database.close()


def test_what_is_written_can_be_read(database):
    """The future resolves with the work's own result, after the commit."""
    assert database.write(write_text("one")).result(timeout=30) == "one"
    assert ["one"] == texts(database)


def test_a_failing_work_leaves_nothing_and_harms_nobody(database):
    """Its error is its caller's; what shared its commit is written."""
    gate = threading.Event()
    database.write(lambda connection: gate.wait(30))
    futures = [database.write(write_text(text)) for text in ("one", "bad", "two")]
    gate.set()

    assert ["one", "two"] == [futures[0].result(30), futures[2].result(30)]
    with pytest.raises(KeyError):
        futures[1].result(timeout=30)
    assert ["one", "two"] == texts(database)


def test_readers_cannot_write(database):
    """A read connection refuses to change anything."""
    with pytest.raises(WardwireError), database.read() as connection:
        connection.exec_driver_sql("INSERT INTO note (id, text) VALUES (1, 'x')")
    assert [] == texts(database)


def test_a_reader_sees_one_snapshot(database):
    """What is committed meanwhile does not appear amid a read."""
    database.write(write_text("one")).result(timeout=30)
    with database.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM note").scalar()
        database.write(write_text("two")).result(timeout=30)
        after = connection.exec_driver_sql("SELECT count(*) FROM note").scalar()
    assert (1, 1) == (before, after)
    assert ["one", "two"] == texts(database)


def test_a_missing_schema_says_what_to_do(database):
    """Neither reader nor writer shows a driver's error; the remedy is named."""
    statement = "SELECT * FROM message"
    with pytest.raises(StoreUnavailable, match="wardwire migrate"), database.read() as connection:
        connection.exec_driver_sql(statement)
    with pytest.raises(StoreUnavailable, match="wardwire migrate"):
        run(database, statement)
    assert database.write(write_text("after")).result(timeout=30) == "after"


def test_errors_tell_no_values(database):
    """A violated constraint is a Conflict whose text and causes hold nothing of the row."""
    marker = "ZZPATIENTZZ"
    run(database, "CREATE UNIQUE INDEX one_text ON note (text)")
    database.write(write_text(marker)).result(timeout=30)
    with pytest.raises(Conflict) as caught:
        database.write(write_text(marker)).result(timeout=30)
    assert marker not in str(caught.value)
    assert not caught.value.__cause__
    with pytest.raises(WardwireError) as caught, database.read() as connection:
        connection.execute(sa.text("SELECT no_such_function(:text)"), {"text": marker})
    assert marker not in str(caught.value)


def test_writers_of_two_processes_take_turns(database, empty_url):
    """Read-then-write works of several databases never interleave: no number is given twice."""
    others = [Database(empty_url) for _ in range(3)]
    futures = [other.write(write_text("x")) for _ in range(40) for other in (database, *others)]
    for future in futures:
        future.result(timeout=60)
    with database.read() as connection:
        ids = [row[0] for row in connection.exec_driver_sql("SELECT id FROM note ORDER BY id")]
    assert list(range(1, 161)) == ids
    for other in others:
        other.close()


def test_a_forked_child_opens_its_own(database):
    """A child uses the same Database object without touching its parent's connections or thread."""
    database.write(write_text("parent")).result(timeout=30)
    texts(database)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            database.write(write_text("child")).result(timeout=30)
            status = 0 if texts(database) == ["parent", "child"] else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0

    database.write(write_text("parent again")).result(timeout=30)
    assert ["parent", "child", "parent again"] == texts(database)


def test_closed_means_unavailable(database):
    """Nothing is accepted after close, and closing twice is harmless."""
    database.close()
    database.close()
    with pytest.raises(StoreUnavailable):
        database.write(write_text("late")).result(timeout=30)
    with pytest.raises(StoreUnavailable):
        texts(database)


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "mysql://host/db"])
def test_urls_that_keep_no_promise_are_refused(url):
    """Only SQLite files and PostgreSQL; the message names the setting."""
    with pytest.raises(SettingsInvalid, match=r"store\.url"):
        Database(url)
