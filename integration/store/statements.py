"""Statements for the hot path: built once and given to the driver as they are, with nothing between.

Errors are the driver's own; `failures.blame` knows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection

#: Rows of one INSERT; times the columns of the widest table that stays far below 32,766 parameters.
_MOST_ROWS = 128
#: Up to so many rows, every number has a statement of its own.
_FEW_ROWS = 16


def run(connection: Connection, statement: str, values: Sequence[Any] = ()) -> Any:
    """Execute on the driver's connection; both drivers answer with a cursor of tuples."""
    return connection.connection.driver_connection.execute(statement, values)  # type: ignore[union-attr]


def insert(
    connection: Connection, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows, as each driver takes many of them for the least of its own work.

    SQLite: few statements of many rows, since `executemany` would give up the interpreter lock once for every
    row and wait to get it back from a busy event loop. Larger numbers of rows are powers of two, so that few
    statements serve all batches and stay compiled. PostgreSQL: COPY, whose rows are not parsed as parameters.
    """
    if connection.dialect.name != "sqlite":
        _copy(connection, table, columns, rows)
        return
    start, left = 0, len(rows)
    while left:
        count = left if left < _FEW_ROWS else min(_MOST_ROWS, 1 << (left.bit_length() - 1))
        values = tuple(chain.from_iterable(rows[start : start + count]))
        run(connection, _insert(table, columns, count), values)
        start += count
        left -= count


def _copy(
    connection: Connection, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]
) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_copy_statement(table, columns)) as copy:
        for row in rows:
            copy.write_row(row)


def places(count: int, connection: Connection) -> str:
    """`count` places, for the list of an IN."""
    return _places(count, connection.dialect.name)


@cache
def _places(count: int, dialect: str) -> str:
    return ", ".join(("?" if dialect == "sqlite" else "%s",) * count)


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


@cache
def _copy_statement(table: str, columns: tuple[str, ...]) -> str:
    return f'COPY "{table}" ({_names(columns)}) FROM STDIN'


@cache
def _insert(table: str, columns: tuple[str, ...], count: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f'INSERT INTO "{table}" ({_names(columns)}) VALUES {", ".join((row,) * count)}'  # noqa: S608  # ours
