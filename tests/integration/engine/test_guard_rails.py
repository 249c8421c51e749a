"""The traps of DBOS that are closed, each with the proof that it is."""

from __future__ import annotations

import base64
import io
import json
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from integration import telemetry
from integration.engine.dbos_engine import DbosEngine
from integration.engine.dbos_guards import IdSerializer
from integration.engine.dbos_runs import APPLICATION_VERSION
from integration.engine.tables import SCHEMA, open_database
from integration.errors import SettingsInvalid, StoreUnavailable
from integration.flows.ports import Later, Queue, RunState, Swept
from tests.house.tree import ROOT, sources
from tests.integration.engine.conftest import Make
from tests.integration.engine.engines import DATABASES, Diary, build, job, unfinished
from tests.support.serving import wait_for


@pytest.fixture(params=DATABASES)
def kind(request: pytest.FixtureRequest) -> str:
    """Only the engines that have a database."""
    return str(request.param)


def test_every_sqlite_tells_the_time_as_dbos_asks_for_it(tmp_path: Path) -> None:
    """In the defaults of columns too, with milliseconds: SQLite before 3.42 has no such function of its own."""
    engine = open_database(f"sqlite:///{tmp_path / 'engine.sqlite'}", connections=1)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE moment (n INTEGER, at BIGINT NOT NULL DEFAULT (unixepoch('subsec') * 1000))"
        )
        earlier = time.time()
        connection.exec_driver_sql("INSERT INTO moment (n) VALUES (1)")
        (at,) = connection.exec_driver_sql("SELECT at FROM moment").one()
    engine.dispose()

    assert int(earlier * 1000) - 1 <= at <= time.time() * 1000 + 1


@pytest.fixture
def rows(place: str) -> Iterator[sa.Connection]:
    """A look into the engine's database past the engine."""
    engine = open_database(place, connections=1)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
    engine.dispose()


def query(connection: sa.Connection, sql: str, **values: object) -> list[tuple[object, ...]]:
    """Rows of a statement that names DBOS's tables as `{table}`."""
    schema = f"{SCHEMA}." if connection.dialect.name == "postgresql" else ""
    done = connection.execute(sa.text(sql.replace("{", schema).replace("}", "")), values)
    return [tuple(row) for row in done] if done.returns_rows else []


def run_all(make: Make, diary: Diary, *subjects: str) -> DbosEngine:
    engine = make({"work": diary.note})
    engine.start()
    engine.enqueue([job(subject) for subject in subjects])
    wait_for(lambda: not unfinished(engine))
    assert isinstance(engine, DbosEngine)
    return engine


def test_version_and_executor_are_ours(make: Make, diary: Diary, rows: sa.Connection) -> None:
    """Rails 1 and 2: runs carry a version that no release changes, and the stable name of their worker."""
    run_all(make, diary, "m-1")

    assert APPLICATION_VERSION == "wf-1"
    assert [("wf-1", "worker-1")] == query(
        rows, "SELECT application_version, executor_id FROM {workflow_status}"
    )


def test_a_name_belongs_to_one_worker(tmp_path: Path) -> None:
    """Rail 2: a second live worker of the same name is refused; it would repeat the first one's runs."""
    place = f"sqlite:///{tmp_path / 'engine.sqlite'}"
    first, second = (build("sqlite", place, {}) for _ in range(2))
    first.start()

    with pytest.raises(SettingsInvalid, match="worker-1"):
        second.start()

    first.stop(0)
    second.start()
    second.stop(0)


def test_sqlite_is_durable(tmp_path: Path) -> None:
    """Rail 4: every connection writes ahead, syncs at each commit and waits for its turn."""
    engine = open_database(f"sqlite:///{tmp_path / 'deep' / 'engine.sqlite'}", connections=1)

    with engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    engine.dispose()

    assert ["wal", 2, 1, 30_000] == pragmas


def test_a_frozen_worker_loses_its_locks(kind: str, rows: sa.Connection) -> None:
    """On PostgreSQL a transaction that says nothing for a minute ends, and with it its locks."""
    if kind == "postgres":
        assert "1min" == rows.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar()


def test_queues_have_bounds(make: Make, diary: Diary, rows: sa.Connection) -> None:
    """Rail 5: worker concurrency and polling are set; a changed setting replaces the old one at a start."""
    for prefetch in (5, 7):
        engine = make(
            {"work": diary.note},
            queues=[Queue("messages", 3, prefetch=prefetch), Queue("model", 2, ordered=False)],
        )
        engine.start()
        engine.stop(0)

    assert [("messages", 7, 1, 0.02), ("model", 2, None, 0.02)] == query(
        rows,
        "SELECT name, worker_concurrency, partition_concurrency, polling_interval_sec FROM {queues} ORDER BY name",
    )


def test_everything_is_kept_as_our_json(make: Make, rows: sa.Connection) -> None:
    """Rails 7 and 8: arguments, results and errors are JSON of ids; nothing that a run said is kept."""
    said = "Hopper, Grace"

    def work(subject: str) -> Later | None:
        engine.step("first", lambda: "an-id")
        if subject == "m-2":
            raise StoreUnavailable(said)
        return None

    engine = make({"work": work})
    engine.start()
    engine.enqueue([job("m-1", partition="k.1", priority=5), job("m-2")])
    wait_for(lambda: not unfinished(engine))

    formats = query(
        rows,
        "SELECT serialization FROM {workflow_status} UNION SELECT serialization FROM {operation_outputs}",
    )
    assert [("wardwire_ids",)] == formats
    (kept,) = query(rows, "SELECT inputs FROM {workflow_input} WHERE workflow_uuid = 'work:m-1:0'")
    assert {"args": ["m-1", "messages", "k.1", 5], "kwargs": {}} == json.loads(str(kept[0]))
    errors = query(rows, "SELECT error FROM {workflow_output} WHERE error IS NOT NULL")
    assert [('{"failed": "StoreUnavailable"}',)] == errors


@pytest.mark.parametrize("content", [{"name": object()}, "x" * 2000, ["MSH|^~\\&|" * 200], b"MSH|"])
def test_content_does_not_fit(content: object) -> None:
    """Rail 8: what is no short JSON is refused, without repeating it."""
    with pytest.raises(TypeError) as refused:
        IdSerializer().serialize({"args": [content], "kwargs": {}})

    assert "MSH" not in str(refused.value)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("column", ["arguments", "result", "step"])
def test_a_pickled_row_is_not_run(
    make: Make, diary: Diary, rows: sa.Connection, tmp_path: Path, column: str
) -> None:
    """Rail 7: whoever can write to the database cannot run code: a pickle is refused wherever it lies."""
    exploded = tmp_path / "exploded"
    bomb = base64.b64encode(pickle.dumps(Bomb(exploded))).decode()

    def work(subject: str) -> None:
        engine.step("first", lambda: "an-id")
        diary.note(subject)

    engine = make({"work": work})
    engine.enqueue([job("m-1")])
    if column == "arguments":
        query(rows, "UPDATE {workflow_input} SET inputs = :bomb", bomb=bomb)
        query(rows, "UPDATE {workflow_status} SET serialization = 'py_pickle'")
    if column == "step":
        query(
            rows,
            "INSERT INTO {operation_outputs} (workflow_uuid, function_id, function_name, output, serialization,"
            " retention_timestamp) VALUES ('work:m-1:0', 1, 'first', :bomb, 'py_pickle', 0)",
            bomb=bomb,
        )
    engine.start()
    wait_for(lambda: not unfinished(engine))
    if column == "result":
        query(rows, "UPDATE {workflow_status} SET serialization = 'py_pickle'")
        query(rows, "UPDATE {workflow_output} SET output = :bomb", bomb=bomb)

    (run,) = engine.list()
    assert (RunState.DONE if column == "result" else RunState.FAILED) is run.state
    assert not exploded.exists()
    pickle.loads(base64.b64decode(bomb))
    assert exploded.exists()


def test_nothing_is_pickled_or_imported_elsewhere() -> None:
    """Rail 7: no other file of ours unpickles."""
    assert ["integration/engine/dbos_guards.py"] == [
        source.path for source in sources() if "import pickle" in source.text
    ]


def _enqueue_in_a_child(engine: DbosEngine, told: multiprocessing.connection.Connection) -> None:
    engine.enqueue([job("m-2")])
    told.send(len(engine.list()))
    os._exit(0)


def test_nothing_is_shared_across_a_fork(make: Make) -> None:
    """Rail 11: nothing is opened before the first call, and a forked child opens its own."""
    engine = make({"work": lambda _: None})
    assert isinstance(engine, DbosEngine)
    engine.stop(0)
    assert None is engine._held
    engine.enqueue([job("m-1")])
    mine = engine._held

    context = multiprocessing.get_context("fork")
    told, tell = context.Pipe(duplex=False)
    child = context.Process(target=_enqueue_in_a_child, args=(engine, tell))
    child.start()
    assert told.poll(30)
    assert 2 == told.recv()
    child.join(30)

    assert mine is engine._held
    assert ["m-1", "m-2"] == [run.subject_id for run in engine.list()]


def test_dbos_is_not_imported_for_the_port() -> None:
    """Rail 11: the listener can know the port, the other adapter and the dispatcher without DBOS."""
    code = (
        "import sys, integration.flows.ports, integration.engine.in_process, integration.engine.dispatcher,"
        " integration.engine.sweep, integration.supervisor; sys.exit('dbos' in sys.modules)"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode


def test_finished_runs_are_forgotten(make: Make, rows: sa.Connection) -> None:
    """Rail 12: a sweep deletes old runs with all that belongs to them, failed ones after a longer time."""

    def work(subject: str) -> None:
        engine.step("first", lambda: "an-id")
        if subject == "m-2":
            raise StoreUnavailable

    engine = make({"work": work}, keep_done_s=3600, keep_failed_s=7200)
    engine.start()
    engine.enqueue([job("m-1"), job("m-2"), job("m-3", delay_s=7200)])
    wait_for(lambda: len(engine.list(states=[RunState.DONE, RunState.FAILED])) == 2)
    assert 0 == engine.sweep().deleted

    for age_s, left in ((5000, ["m-2", "m-3"]), (5000, ["m-3"])):
        query(
            rows,
            "UPDATE {workflow_status} SET completed_at = completed_at - :ms, created_at = created_at - :ms",
            ms=age_s * 1000,
        )
        assert 1 == engine.sweep().deleted
        assert left == [run.subject_id for run in engine.list()]
    for table in ("workflow_output", "operation_outputs"):
        assert [] == query(rows, f"SELECT * FROM {{{table}}}")


def test_a_stranded_run_is_given_back(make: Make, diary: Diary, rows: sa.Connection) -> None:
    """A run that is claimed by a live worker which does not have it runs after all."""
    engine = run_all(make, diary, "m-1")
    query(
        rows,
        "UPDATE {workflow_status} SET status = 'PENDING', completed_at = NULL,"
        " started_at_epoch_ms = started_at_epoch_ms - 120000",
    )

    assert Swept(resumed=1) == engine.sweep()

    wait_for(lambda: not unfinished(engine))
    assert ["m-1", "m-1"] == diary.entries


def test_the_words_of_an_exception_are_not_logged(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    """DBOS logs a failed run through our log, which withholds what the exception said."""
    out = io.StringIO()
    handlers = logging.getLogger().handlers[:]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    telemetry.configure(role="work", stream=out)

    def work(_subject: str) -> None:
        raise StoreUnavailable("Hopper, Grace")

    try:
        engine = make({"work": work})
        engine.start()
        engine.enqueue([job("m-1")])
        wait_for(lambda: engine.list(states=[RunState.FAILED]))
        wait_for(lambda: "StoreUnavailable" in out.getvalue())
    finally:
        logging.getLogger().handlers = handlers
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    captured = capfd.readouterr()

    assert "Hopper" not in out.getvalue() + captured.out + captured.err
    assert {"warning", "error"} >= {json.loads(line)["level"] for line in out.getvalue().splitlines()}


def test_errors_of_the_database_do_not_show_rows(tmp_path: Path) -> None:
    """A statement that fails does not say what it was to write."""
    engine = open_database(f"sqlite:///{tmp_path / 'engine.sqlite'}", connections=1)

    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as failed:
        connection.execute(sa.text("INSERT INTO missing VALUES (:name)"), {"name": "Hopper, Grace"})
    engine.dispose()

    assert "Hopper" not in str(failed.value)


def test_a_database_that_does_not_answer_is_a_store_that_does_not(tmp_path: Path) -> None:
    """Every call says StoreUnavailable, in our own words."""
    (tmp_path / "engine.sqlite").write_bytes(b"no database" * 100)
    engine = DbosEngine(
        f"sqlite:///{tmp_path / 'engine.sqlite'}", executor="w", queues=[Queue("messages", 1)]
    )
    engine.workflow("work", lambda _: None)

    calls: list[Callable[[], object]] = [
        lambda: engine.enqueue([job("m-1")]), engine.list, lambda: engine.replay("work:m-1:0"),
        engine.sweep, engine.start,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            call()
    (tmp_path / "engine.sqlite").unlink()
    engine.start()
    engine.stop(0)
