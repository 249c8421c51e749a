"""Which order is meant by a message that knows only its number (ORC without OBR).

The id of an order holds its test, so that its number alone does not lead there: it is looked up among the
identifiers of the orders that are stored. None or two that fit are a matter for a human, never a guess.
Works in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from integration.errors import Conflict, EarlierMissing
from integration.store import links
from integration.store.result_records import ResultEntry
from integration.store.result_tables import VERSIONS
from integration.store.search_plan import holders_of

Node = Mapping[str, Any]


def resolve(
    connection: Connection,
    entries: Sequence[ResultEntry],
    *,
    marks_of: Callable[[str], tuple[str, ...]],
    content_of: Callable[[Any], Node],
) -> list[ResultEntry]:
    """The entries, those that name an order by number under the id that the order has.

    Args:
        connection: of the caller.
        entries: what is to be written.
        marks_of: how an identifier's value may stand in the search index.
        content_of: the resource of a row of versions.

    Raises:
        EarlierMissing: no order of that number is stored.
        Conflict: several are.
    """
    return [_named(connection, each, marks_of, content_of) if each.numbers else each for each in entries]


def _named(
    connection: Connection,
    entry: ResultEntry,
    marks_of: Callable[[str], tuple[str, ...]],
    content_of: Callable[[Any], Node],
) -> ResultEntry:
    wanted = {_key(number) for number in entry.numbers}
    values = sorted({mark for number in entry.numbers for mark in marks_of(number["value"])})
    rows = connection.execute(
        select(VERSIONS).where(VERSIONS.c.seq.in_(holders_of("ServiceRequest", "identifier", values)))
    ).all()
    subject = entry.resource.get("subject", {}).get("reference")
    found = []
    for row in rows:
        order = content_of(row)
        shared = wanted & {_key(number) for number in order.get("identifier", ())}
        if shared and _same_person(connection, order, subject, scoped=all(scope for _, scope in shared)):
            found.append(row.id)
    if not found:
        raise EarlierMissing("no order of this number is stored; send the order, then retry")
    if len(found) > 1:
        raise Conflict("several orders have this number; say which test is meant, or act on each by hand")
    return links.Settled.of(entry, {**entry.resource, "id": found[0]})


def _key(number: Node) -> tuple[str, str]:
    """An identifier by its value and who assigned it."""
    return number["value"], number.get("system") or number.get("assigner", {}).get("display", "")


def _same_person(connection: Connection, order: Node, subject: str | None, *, scoped: bool) -> bool:
    """Whether the order is of this patient; without one the number has to be unique by itself."""
    if subject is None:
        return scoped
    theirs = order.get("subject", {}).get("reference")
    if theirs is None:
        return scoped
    moved = links.moved(connection, {theirs, subject})
    return bool(moved.get(theirs, theirs) == moved.get(subject, subject))
