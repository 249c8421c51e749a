"""Which resources are one: numbers that a message joins, and patients that an ADT^A40 merged.

| link | comes from | what goes to the target from then on |
|---|---|---|
| same | a message that knows a thing by several numbers (`aliases`) | writes to it and references to it |
| merged | a Patient that is replaced by another one | references to it (subject); its own row stays |

What is stored already is not rewritten. Two resources that a message says are one, both of which exist, are a
matter for a human: `Conflict`, and the message is parked; never a guess. Works in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select, true

from integration.errors import Conflict
from integration.store.result_records import ResultEntry
from integration.store.result_tables import LINKS, VERSIONS
from integration.store.search_values import timestamp
from mappers.domain.standing import Standing
from mappers.fhir.accruing import Member

#: Only these have links.
_LINKED: Final = frozenset({"Patient", "ServiceRequest"})
_OF_PERSON: Final = frozenset({"subject", "patient", "for"})
_SAME: Final = "same"
_MERGED: Final = "merged"
#: Merges of merges; a longer chain is a circle that `_add` did not see.
_LONGEST: Final = 32


@dataclass(frozen=True, slots=True)
class Settled:
    """An entry as it is to be written: under the id that its links lead to."""

    resource: Mapping[str, Any]
    standing: Standing | None
    once: bool
    by_element: bool
    aliases: tuple[str, ...] = ()
    members: tuple[Member, ...] | None = None
    promotes: bool = False
    numbers: tuple[Mapping[str, Any], ...] = ()
    deletes: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: ResultEntry, resource: Mapping[str, Any]) -> Settled:
        """An entry with its resource said otherwise."""
        return cls(
            resource,
            entry.standing,
            entry.once,
            entry.by_element,
            entry.aliases,
            entry.members,
            entry.promotes,
            entry.numbers,
            entry.deletes,
        )


@dataclass(slots=True)
class _Known:
    """Links as far as this write needs them: reference -> (target reference, kind)."""

    links: dict[str, tuple[str, str]] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)

    def follow(self, reference: str, *kinds: str) -> str:
        """Where a reference leads over links of these kinds."""
        for _ in range(_LONGEST):
            target, kind = self.links.get(reference, (None, ""))
            if target is None or kind not in kinds:
                return reference
            reference = target
        raise Conflict("links between resources lead in a circle")


def settle(
    connection: Connection, entries: Iterable[ResultEntry], *, message_id: str | None, now: datetime
) -> list[ResultEntry]:
    """Record what these entries join, and point them to where their links lead.

    Raises:
        Conflict: two resources that exist are said to be one, or a patient is merged twice or in a circle.
    """
    listed = list(entries)
    known = _Known(_stored(connection, _named(listed)))
    for entry in listed:
        _join(connection, entry, known)
        _merge(entry, known)
    if known.added:
        head = {"message_id": message_id, "created_at": timestamp(now)}
        connection.execute(insert(LINKS), [{**head, **row} for row in known.added])
    return [_pointed(each, known) for each in listed] if known.links else listed


def moved(connection: Connection, references: Iterable[str]) -> dict[str, str]:
    """Where references to people lead now, for those that lead elsewhere."""
    wanted = set(references)
    known = _Known(_stored(connection, wanted))
    found = {each: known.follow(each, _SAME, _MERGED) for each in wanted}
    return {before: after for before, after in found.items() if before != after}


def _named(entries: Sequence[ResultEntry]) -> set[str]:
    """Every reference to, and id of, what may have a link."""
    found: set[str] = set()
    for entry in entries:
        kind = entry.resource["resourceType"]
        if kind in _LINKED:
            found |= {f"{kind}/{each}" for each in (entry.resource["id"], *entry.aliases)}
        found |= set(_references(entry.resource))
    return {each for each in found if each.partition("/")[0] in _LINKED}


def _references(node: Any) -> Iterable[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == "reference" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _references(item)


def _stored(connection: Connection, references: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The links of these, and those that they lead to."""
    links: dict[str, tuple[str, str]] = {}
    wanted = set(references)
    while wanted:
        found = connection.execute(
            select(LINKS.c.source, LINKS.c.target, LINKS.c.kind).where(LINKS.c.source.in_(sorted(wanted)))
        ).all()
        links |= {row.source: (row.target, row.kind) for row in found}
        wanted = {row.target for row in found} - links.keys()
    return links


def _join(connection: Connection, entry: ResultEntry, known: _Known) -> None:
    """Make one of all that an entry may be called."""
    if not entry.aliases:
        return
    kind = entry.resource["resourceType"]
    own = f"{kind}/{entry.resource['id']}"
    names = [own, *(f"{kind}/{each}" for each in entry.aliases)]
    leads = list(dict.fromkeys(known.follow(each, _SAME) for each in names))
    if len(leads) == 1:
        return
    there = _existing(connection, leads)
    if len(there) > 1:
        raise Conflict(f"several {kind} resources are said to be one; merge them, then retry")
    target = there[0] if there else leads[0]
    for each in leads:
        if each != target:
            _add(known, each, target, _SAME)


def _existing(connection: Connection, references: Sequence[str]) -> list[str]:
    kind = references[0].partition("/")[0]
    ids = [each.partition("/")[2] for each in references]
    columns = VERSIONS.c
    found = connection.execute(
        select(columns.id).where(columns.id.in_(ids), columns.type == kind, columns.current == true())
    ).scalars()
    return [f"{kind}/{each}" for each in found]


def _merge(entry: ResultEntry, known: _Known) -> None:
    """Link a patient who is replaced by another one."""
    if entry.resource["resourceType"] != "Patient":
        return
    own = f"Patient/{entry.resource['id']}"
    for link in entry.resource.get("link", ()):
        if link["type"] != "replaced-by":
            continue
        target = link["other"]["reference"]
        before = known.links.get(own)
        if before is None:
            if known.follow(target, _SAME, _MERGED) == own:
                raise Conflict("patients are merged in a circle")
            _add(known, own, target, _MERGED)
        elif before[0] != target:
            raise Conflict("a patient is merged into two others")


def _add(known: _Known, source: str, target: str, kind: str) -> None:
    known.links[source] = (target, kind)
    known.added.append({"source": source, "target": target, "kind": kind})


def _pointed(entry: ResultEntry, known: _Known) -> ResultEntry:
    """The entry under the id, and with the references, that links lead to."""
    kind = entry.resource["resourceType"]
    target = known.follow(f"{kind}/{entry.resource['id']}", _SAME).partition("/")[2]
    resource = {**_with_links(entry.resource, known, of_person=False), "id": target}
    return Settled.of(entry, resource)


def _with_links(node: Any, known: _Known, *, of_person: bool) -> Any:
    if isinstance(node, Mapping):
        kinds = (_SAME, _MERGED) if of_person else (_SAME,)
        return {
            name: known.follow(value, *kinds)
            if name == "reference" and isinstance(value, str)
            else _with_links(value, known, of_person=name in _OF_PERSON)
            for name, value in node.items()
        }
    if isinstance(node, list | tuple):
        return [_with_links(item, known, of_person=of_person) for item in node]
    return node
