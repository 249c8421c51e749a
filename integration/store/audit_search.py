"""Records of the audit chain by what they are about, newest first, in pages. Reads; proves nothing.

Knows the columns of the chain, nothing of FHIR's query strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, or_, select
from sqlmodel import SQLModel

from integration.errors import NotFound
from integration.store import tables  # noqa: F401  # declares the table
from integration.store.audit import record_of
from integration.store.records import AuditRecord

_C = SQLModel.metadata.tables["audit"].c


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """What to find; empty is no condition.

    Attributes:
        resources: references, each with any version of it.
        actors: beginnings of their names, as the trail has them; a person stands after `user:`.
        outcomes: FHIR audit-event-outcome codes.
        since, until: instants as UTC text of the trail, both included.
        sequence: of the one record that is meant.
        before: only records with a lower sequence number: the next page.
    """

    resources: tuple[str, ...] = field(default=())
    actors: tuple[str, ...] = field(default=())
    outcomes: tuple[str, ...] = field(default=())
    since: str | None = None
    until: str | None = None
    sequence: int | None = None
    before: int | None = None
    count: int = 50


def find(connection: Connection, sequence: int) -> AuditRecord:
    """One record.

    Raises:
        NotFound: there is none of that number.
    """
    row = connection.execute(select(*_C).where(_C.seq == sequence)).first()
    if row is None:
        raise NotFound("there is no audit record of that number")
    return record_of(row)


def search(connection: Connection, query: AuditQuery) -> tuple[Sequence[AuditRecord], bool]:
    """A page, newest first, and whether there are more."""
    found = select(*_C).order_by(_C.seq.desc()).limit(query.count + 1)
    if query.sequence is not None:
        found = found.where(_C.seq == query.sequence)
    if query.before is not None:
        found = found.where(_C.seq < query.before)
    if query.since is not None:
        found = found.where(_C.at >= query.since)
    if query.until is not None:
        found = found.where(_C.at <= query.until)
    if query.outcomes:
        found = found.where(_C.outcome.in_(query.outcomes))
    if query.actors:
        whole = [form for each in query.actors for form in (each, f"user:{each}")]
        found = found.where(or_(*[_C.actor.startswith(each, autoescape=True) for each in whole]))
    if query.resources:
        # A range of the index: a version begins with the resource and a slash, and "0" comes after "/".
        found = found.where(
            or_(*[
                (_C.resource == each) | ((_C.resource > f"{each}/") & (_C.resource < f"{each}0"))
                for each in query.resources
            ])
        )  # fmt: skip
    rows = connection.execute(found).all()
    return tuple(map(record_of, rows[: query.count])), len(rows) > query.count
