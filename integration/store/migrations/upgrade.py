"""Brings a database to the schema that this program needs, making it first if it is not there."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from integration.store.database import Database
from integration.store.migrations import installed


def upgrade(database: Database) -> str:
    """Run all scripts that are missing, in one transaction under the store's write lock.

    Of several processes that start at once, one does it and the others find it done.

    Returns:
        the version that the database has now.

    Raises:
        StoreUnavailable: it does not answer or does not take writes.
    """

    def work(connection: Connection) -> str:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return installed(connection) or ""

    return database.write(work).result()
