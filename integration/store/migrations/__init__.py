"""Which schema this program needs and which one a database has. `upgrade` brings them together.

Only `upgrade` and the scripts import alembic: a listener has no use for it.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect

#: The newest script in `versions`.
HEAD = "0010"


def installed(connection: Connection) -> str | None:
    """The schema version of a database; None when it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return row[0] if row else None
