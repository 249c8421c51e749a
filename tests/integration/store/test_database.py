"""Connections that keep the promise: durable, one writer at a time, clear when the database is away."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading

import pytest
import sqlalchemy as sa

from integration.errors import Conflict, SettingsInvalid, StoreUnavailable, WardwireError
from integration.store.database import Database
from tests.support import postgres

SLEEPY = "CREATE TABLE note (id INTEGER PRIMARY KEY, text VARCHAR)"


@pytest.fixture
def database(empty_url):
    database = Database(empty_url, lock_timeout=20.0)
    run(database, SLEEPY)
    yield database
    database.close()


def run(database: Database, statement: str) -> None:
    database.write(lambda connection: connection.exec_driver_sql(statement) and None).result(timeout=30)


def texts(database: Database) -> list[str]:
    with database.read() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT text FROM note ORDER BY id")]


def write_text(text: str):
    """A work that adds a row under the next number; "bad" fails after it did."""
    statement = "INSERT INTO note (id, text) VALUES ((SELECT coalesce(max(id), 0) + 1 FROM note), :text)"

    def work(connection):
        connection.execute(sa.text(statement), {"text": text})
        if text == "bad":
            raise KeyError(text)
        return text

    return work


# --- both kinds -----------------------------------------------------------------------------------------


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


# --- SQLite ---------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "store.sqlite"


@pytest.fixture
def sqlite(path):
    database = Database(f"sqlite:///{path}", lock_timeout=0.3)
    run(database, SLEEPY)
    yield database
    database.close()


def pragma(database: Database, name: str) -> object:
    return database.write(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar()).result(30)


def test_sqlite_syncs_every_commit(sqlite):
    """WAL with synchronous=FULL (2), foreign keys on."""
    assert ("wal", 2, 1) == tuple(
        pragma(sqlite, name) for name in ("journal_mode", "synchronous", "foreign_keys")
    )


def test_sqlite_files_are_the_owners_alone(sqlite, path):
    """Database, log and folder cannot be read by others, whatever the umask."""
    modes = {stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert {0o600} == modes
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_reader_makes_no_database(tmp_path):
    """Where there is no database, reading says so and leaves no empty file behind."""
    database = Database(f"sqlite:///{tmp_path / 'none.sqlite'}")
    with pytest.raises(StoreUnavailable):
        texts(database)
    assert [] == list(tmp_path.iterdir())


def test_a_lock_that_is_held_too_long_is_unavailable(sqlite, path):
    """The wait ends after the lock timeout; when the lock is free, writing goes on."""
    intruder = sqlite3.connect(path, isolation_level=None)
    intruder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="holds its write lock"):
        sqlite.write(write_text("one")).result(timeout=30)
    intruder.execute("ROLLBACK")
    intruder.close()

    assert sqlite.write(write_text("two")).result(timeout=30) == "two"


def test_a_full_disk_is_unavailable_until_there_is_room(sqlite):
    """`database or disk is full` promises nothing and loses nothing that was promised."""
    sqlite.write(write_text("before")).result(timeout=30)
    pages = pragma(sqlite, "page_count")
    pragma(sqlite, f"max_page_count={pages}")
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        sqlite.write(write_text("x" * 1_000_000)).result(timeout=30)

    # The limit belongs to the connection, and a failed connection is not used again.
    assert sqlite.write(write_text("after")).result(timeout=30) == "after"
    assert ["before", "after"] == texts(sqlite)


_FILLER = """
    import resource, signal, sys
    from integration.errors import StoreUnavailable
    from integration.store.database import Database
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    database = Database(sys.argv[1])
    def insert(connection):
        connection.exec_driver_sql("INSERT INTO note (text) VALUES (?)", ("x" * 10_000,))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    written = 0
    try:
        while True:
            database.write(insert).result(30)
            written += 1
    except StoreUnavailable as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        database.write(insert).result(30)
        print(written + 1, error)
"""


def test_a_log_that_cannot_grow_is_unavailable(sqlite, path):
    """The same when the kernel refuses to extend the log: a real write error, then room again."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_FILLER), f"sqlite:///{path}"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    written, _, error = done.stdout.partition(" ")

    assert "the database does not answer" in error
    assert int(written) == len(texts(sqlite))


def test_a_deleted_file_takes_no_more_promises(sqlite, path):
    """SQLite would go on writing into the deleted file: the commit counts as lost instead."""
    sqlite.write(write_text("one")).result(timeout=30)
    path.unlink()
    with pytest.raises(StoreUnavailable):
        sqlite.write(write_text("two")).result(timeout=30)
    with pytest.raises(StoreUnavailable):
        sqlite.write(write_text("three")).result(timeout=30)
    assert not path.exists()


def test_a_killed_writer_leaves_the_database_usable(sqlite, path):
    """kill -9 amid writing: what it had been told is there, the lock is free."""
    program = f"""
        import sys
        from integration.store.database import Database
        database = Database("sqlite:///{path}")
        for n in range(10_000_000):
            database.write(lambda c: c.exec_driver_sql("INSERT INTO note (text) VALUES (?)", (str(n),)) and None).result()
            print(n, flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    told += [line.strip() for line in process.stdout.readlines() if line.endswith("\n")]
    process.wait(timeout=30)
    process.stdout.close()

    assert told == texts(sqlite)[: len(told)]
    assert sqlite.write(write_text("alive")).result(timeout=30) == "alive"


# --- PostgreSQL -------------------------------------------------------------------------------------------


@pytest.fixture
def postgres_database(postgres_server):
    with postgres.empty_database(postgres_server) as url:
        database = Database(url, lock_timeout=0.3)
        run(database, SLEEPY)
        yield database
        database.close()


def test_postgres_waits_for_the_disk(postgres_server):
    """A server or role that is set to answer before it wrote is overruled."""
    with postgres.empty_database(postgres_server) as url:
        name = sa.make_url(url).database
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
        database = Database(url)
        show = "SHOW synchronous_commit"
        assert database.write(lambda c: c.exec_driver_sql(show).scalar()).result(timeout=30) == "on"
        database.close()


def test_postgres_lock_held_too_long_is_unavailable(postgres_database):
    """Another writer that does not end makes the store unavailable, not hang."""
    other = Database(postgres_database._engines._url.render_as_string(hide_password=False))
    gate, begun = threading.Event(), threading.Event()
    holding = other.write(lambda connection: begun.set() or gate.wait(30))
    assert begun.wait(30)
    with pytest.raises(StoreUnavailable, match="holds its write lock"):
        postgres_database.write(write_text("one")).result(timeout=30)
    gate.set()
    assert holding.result(timeout=30)
    other.close()

    assert postgres_database.write(write_text("two")).result(timeout=30) == "two"


def test_postgres_goes_and_comes_back():
    """Down: unavailable for readers and writers. Up again: everything works, with no new object."""
    with postgres.private_cluster() as cluster:
        database = Database(cluster.url)
        run(database, SLEEPY)
        database.write(write_text("one")).result(timeout=30)
        cluster.stop()
        with pytest.raises(StoreUnavailable):
            database.write(write_text("two")).result(timeout=30)
        with pytest.raises(StoreUnavailable):
            texts(database)
        cluster.start()

        assert database.write(write_text("three")).result(timeout=30) == "three"
        assert ["one", "three"] == texts(database)
        database.close()
