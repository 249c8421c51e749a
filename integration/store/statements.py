"""Statements for the hot path, built once: rows go to the driver as tuples, without a compiler between."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Connection


def insert(table: str, columns: tuple[str, ...], connection: Connection) -> str:
    """An INSERT for `exec_driver_sql` with one place for each column, in this order."""
    return _insert(table, columns, connection.dialect.name)


def places(count: int, connection: Connection) -> str:
    """`count` places, for the list of an IN."""
    return ", ".join((_place(connection.dialect.name),) * count)


@cache
def _insert(table: str, columns: tuple[str, ...], dialect: str) -> str:
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join((_place(dialect),) * len(columns))
    return f'INSERT INTO "{table}" ({names}) VALUES ({values})'  # noqa: S608  # names are constants of ours


def _place(dialect: str) -> str:
    return "?" if dialect == "sqlite" else "%s"
