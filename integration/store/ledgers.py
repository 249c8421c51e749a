"""The ledger of each processed message: labels, FHIR paths and issue texts; no value of the message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlmodel import SQLModel

from integration.store import tables  # noqa: F401  # declares the table

_LEDGERS = SQLModel.metadata.tables["message_ledger"]


def keep(connection: Connection, message_id: str, ledger: Mapping[str, Any]) -> None:
    """Keep the ledger of a message in the caller's transaction, in place of an earlier run's."""
    connection.execute(delete(_LEDGERS).where(_LEDGERS.c.message_id == message_id))
    content = json.dumps(ledger, separators=(",", ":"))
    connection.execute(insert(_LEDGERS).values(message_id=message_id, content=content))


def find(connection: Connection, message_id: str) -> dict[str, Any] | None:
    """The ledger of a message, None while it was never processed."""
    found = connection.execute(select(_LEDGERS.c.content).where(_LEDGERS.c.message_id == message_id)).scalar()
    return json.loads(found) if found is not None else None
