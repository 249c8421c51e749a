"""What a store holds, for tests: current resources of a type as plain data."""

from __future__ import annotations

from typing import Any

from integration.store import search_reader
from mappers.fhir import r4


def current(store: Any, kind: str) -> list[dict[str, Any]]:
    """All current resources of a type, 100 at most."""
    search = search_reader.read(kind, [("_count", "100")], base="http://x").value
    with store.database.read() as connection:
        page = store.results.search(connection, search)
    return [r4.decode(each.content) for each in page.matches]
