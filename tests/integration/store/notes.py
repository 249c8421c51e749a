"""A table of notes: the least that a test of connections needs."""

from __future__ import annotations

import sqlalchemy as sa

from integration.store.database import Database

TABLE = "CREATE TABLE note (id INTEGER PRIMARY KEY, text VARCHAR)"


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
