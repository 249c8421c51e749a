"""Whose keys a store's data was made with, so that a lost key file is not replaced by a new one in silence.

Only the newest message is looked at: after a rotation the key file still holds the key that made it. Knows
nothing of key files on disk.
"""

from __future__ import annotations

from sqlalchemy import inspect, select

from integration.store.database import Database
from integration.store.keys import Keys
from integration.store.tables import MESSAGES


def key_in_use(database: Database) -> str | None:
    """Id of the digest key of the newest message; None while there is none.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    with database.read() as connection:
        if not inspect(connection).has_table(MESSAGES.name):
            return None
        newest = select(MESSAGES.c.digest).order_by(MESSAGES.c.seq.desc()).limit(1)
        digest = connection.execute(newest).scalar()
    return digest.partition(":")[0] if digest else None


def holds(keys: Keys, key_id: str) -> bool:
    """Whether one of these digest keys has this id."""
    return any(key.id == key_id for key in keys.digest.keys)
