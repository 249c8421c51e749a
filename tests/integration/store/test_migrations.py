"""The schema that `migrate` makes is the one that the tables declare, on every database."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

from integration.errors import WardwireError
from integration.store import (
    catch_ups,  # noqa: F401  # declares its table
    counterparts,  # noqa: F401  # declares its tables
    delivery_tables,  # noqa: F401  # declares its tables
    draft_tables,  # noqa: F401  # declares its tables
    migrations,
    result_tables,  # noqa: F401  # declares its tables
    subscriptions,  # noqa: F401  # declares its table
    tables,  # noqa: F401  # declares its tables
)
from integration.store.database import Database
from integration.store.migrations.upgrade import upgrade


@pytest.fixture
def database(empty_url):
    database = Database(empty_url)
    yield database
    database.close()


def test_an_empty_database_becomes_what_the_tables_declare(database):
    """Nothing is missing, nothing is left over: tables, columns, types, nullability, indices."""
    assert migrations.HEAD == upgrade(database)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert [] == compare_metadata(context, SQLModel.metadata)


def test_indices_are_partial_where_declared(database):
    """Autogenerate does not compare the conditions of indices."""
    upgrade(database)
    option = f"{database.dialect}_where"
    with database.read() as connection:
        found = {
            (table.name, index["name"]): option in index.get("dialect_options", {})
            for table in SQLModel.metadata.sorted_tables
            for index in sa.inspect(connection).get_indexes(table.name)
            if not index.get("duplicates_constraint")
        }

    assert found == {
        (table.name, index.name): index.dialect_options[database.dialect].get("where") is not None
        for table in SQLModel.metadata.sorted_tables
        for index in table.indexes
    }


def test_a_migrated_database_is_left_alone(database):
    """Running it again changes nothing."""
    upgrade(database)
    with database.read() as connection:
        before = migrations.installed(connection)
    assert before == upgrade(database) == migrations.HEAD


def test_the_installed_version_is_told(database):
    """None before the first migration, then the head."""
    database.write(
        lambda connection: connection.exec_driver_sql("CREATE TABLE other (x INTEGER)") and None
    ).result(30)
    with database.read() as connection:
        assert migrations.installed(connection) is None
    upgrade(database)
    with database.read() as connection:
        assert migrations.HEAD == migrations.installed(connection)


def test_head_is_the_newest_script(tmp_path):
    """The constant that roles compare with is the end of the one line of scripts."""
    assert migrations.__file__ is not None
    directory = ScriptDirectory(str(migrations.__path__[0]))
    assert [migrations.HEAD] == list(directory.get_heads())
    assert ["0001"] == list(directory.get_bases())


def test_processes_that_start_together_migrate_once(empty_url):
    """Each of several finds the schema whole afterwards, none fails."""
    databases = [Database(empty_url) for _ in range(4)]
    versions = []
    threads = [
        threading.Thread(target=lambda database=database: versions.append(upgrade(database)))
        for database in databases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for database in databases:
        database.close()

    assert [migrations.HEAD] * 4 == versions


def test_a_failing_migration_leaves_nothing(database, monkeypatch):
    """All scripts run in one transaction: half a schema is no schema."""
    from alembic import op

    def fail(statement):
        raise KeyError("amid")

    with monkeypatch.context() as patch:
        patch.setattr(op, "execute", fail)
        with pytest.raises(KeyError):
            upgrade(database)
    with database.read() as connection:
        assert [] == sa.inspect(connection).get_table_names()
    assert migrations.HEAD == upgrade(database)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "DELETE FROM audit WHERE seq = 1"]
)
def test_audit_records_cannot_be_changed(store, statement):
    """Triggers refuse it, whoever asks through the database."""
    store.submit()
    with pytest.raises(WardwireError):
        store.execute(statement)
    assert store.audit.verify().whole
    assert ["message.received"] == store.kinds()
