"""What a page brings along: resources that its matches refer to, and those that refer to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from integration.store import search_plan
from integration.store.search_parameters import PARAMETERS
from integration.store.search_query import Include, Search

#: Most resources that `_include` and `_revinclude` may add to one page, and how far `:iterate` goes.
MOST_INCLUDED = 1000
_MOST_ROUNDS = 5


def included(
    connection: Connection, search: Search, matches: Sequence[Row[*tuple[Any, ...]]]
) -> tuple[list[Row[*tuple[Any, ...]]], bool]:
    """What the includes bring along, each once and no match again; and whether that was cut."""
    seen: set[int] = {row.seq for row in matches}
    found: list[Row[*tuple[Any, ...]]] = []
    frontier = list(matches)
    for round_number in range(_MOST_ROUNDS):
        arrived: dict[int, Row[*tuple[Any, ...]]] = {}
        for include in search.includes:
            if round_number == 0 or include.iterate:
                arrived |= {row.seq: row for row in _forward(connection, include, frontier)}
        for include in search.revincludes:
            if round_number == 0 or include.iterate:
                arrived |= {row.seq: row for row in _backward(connection, include, frontier)}
        frontier = [row for seq, row in arrived.items() if seq not in seen]
        if not frontier:
            break
        if len(found) + len(frontier) > MOST_INCLUDED:
            return found + frontier[: MOST_INCLUDED - len(found)], True
        seen |= {row.seq for row in frontier}
        found += frontier
    return found, False


def _forward(
    connection: Connection, include: Include, frontier: Sequence[Row[*tuple[Any, ...]]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    holders = [row.seq for row in frontier if row.type == include.source]
    if not holders:
        return ()
    wanted: set[tuple[str, str]] = set()
    for reference in connection.execute(search_plan.referenced(include, holders)).scalars():
        kind, _, resource_id = reference.partition("/")
        if kind in PARAMETERS and include.target in (None, kind):
            wanted.add((kind, resource_id))
    kinds = sorted({kind for kind, _ in wanted})
    rows = connection.execute(search_plan.current(kinds, sorted(key[1] for key in wanted)))
    return [row for row in rows if (row.type, row.id) in wanted]


def _backward(
    connection: Connection, include: Include, frontier: Sequence[Row[*tuple[Any, ...]]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    references = [f"{row.type}/{row.id}" for row in frontier if include.target in (None, row.type)]
    if not references:
        return ()
    return connection.execute(search_plan.referring(include, references, limit=MOST_INCLUDED + 1)).all()
