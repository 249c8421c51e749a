"""The ledger of each processed message: labels, FHIR paths and issue texts; no value of the message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import SQLModel

from integration.store import tables  # noqa: F401  # declares the table
from integration.store.statements import places, run

_LEDGERS = SQLModel.metadata.tables["message_ledger"]
_KEEP = (
    "INSERT INTO message_ledger (message_id, content) VALUES (?, ?)"
    " ON CONFLICT (message_id) DO UPDATE SET content = excluded.content"
)


def keep(connection: Connection, message_id: str, ledger: Mapping[str, Any]) -> None:
    """Keep the ledger of a message in the caller's transaction, in place of an earlier run's."""
    content = json.dumps(ledger, separators=(",", ":"))
    run(connection, _KEEP.replace("?", places(1, connection)), (message_id, content))


def find(connection: Connection, message_id: str) -> dict[str, Any] | None:
    """The ledger of a message, None while it was never processed."""
    found = connection.execute(select(_LEDGERS.c.content).where(_LEDGERS.c.message_id == message_id)).scalar()
    return json.loads(found) if found is not None else None
