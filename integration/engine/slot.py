"""A worker's name belongs to one live process of this machine.

Owns the lock. Must not know what the worker does.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from integration.engine.tables import is_sqlite
from integration.errors import SettingsInvalid


def take_slot(url: str, executor: str) -> IO[str] | None:
    """Lock a worker's name for as long as the process lives; on PostgreSQL do without.

    A second worker of the same name would take the first one's runs for those of a crash, and repeat them.
    Workers on several machines are told apart by their hosts' names.

    Raises:
        SettingsInvalid: another process has it.
    """
    if not is_sqlite(url):
        return None
    file = Path(f"{sa.make_url(url).database}.{executor}.lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    slot = file.open("w")
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        slot.close()
        raise SettingsInvalid(
            f"engine.executor: another worker named {executor} runs on this database; name each its own"
        ) from None
    return slot
