"""SQLite and PostgreSQL as they are opened: durable, private, unavailable in plain words, back again."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading

import pytest
import sqlalchemy as sa

from integration.errors import StoreUnavailable
from integration.store.database import Database
from tests.integration.store.notes import TABLE, run, texts, write_text
from tests.support import postgres


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "store.sqlite"


@pytest.fixture
def sqlite(path):
    database = Database(f"sqlite:///{path}", lock_timeout=0.3)
    run(database, TABLE)
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


@pytest.fixture
def postgres_database(postgres_server):
    with postgres.empty_database(postgres_server) as url:
        database = Database(url, lock_timeout=0.3)
        run(database, TABLE)
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
        run(database, TABLE)
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
