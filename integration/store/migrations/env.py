"""Alembic's environment: runs in the transaction that `upgrade` (or a developer's `revision`) hands in."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from integration.store import (  # they declare the tables
    catch_ups,  # noqa: F401
    counterparts,  # noqa: F401
    delivery_tables,  # noqa: F401
    draft_tables,  # noqa: F401
    result_tables,  # noqa: F401
    subscriptions,  # noqa: F401
    tables,  # noqa: F401
)

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    # SQLite changes a table only by making it anew.
    render_as_batch=connection.dialect.name == "sqlite",
    # SQLite can roll back DDL, and `Database` opens its transactions in a way that lets it.
    transactional_ddl=True,
)
context.run_migrations()
