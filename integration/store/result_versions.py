"""How a version of a resource is decided on and laid down in the tables, beneath `Results`.

Works in the caller's transaction; knows neither keys nor sealing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, true, update

from integration.errors import Conflict, EarlierMissing
from integration.store import links
from integration.store.result_records import Outcome, ResultEntry
from integration.store.result_tables import INDEX, VERSIONS
from integration.store.search_marks import Marks
from integration.store.search_values import timestamp
from mappers.domain.results import Standing
from mappers.fhir import accruing, merging, r4

_V = VERSIONS.c
Key = tuple[str, str]


def runs(entries: Iterable[ResultEntry]) -> Iterator[Mapping[Key, ResultEntry]]:
    """The entries in order, parted where a resource comes again."""
    run: dict[Key, ResultEntry] = {}
    for entry in entries:
        key = (entry.resource["resourceType"], entry.resource["id"])
        if key in run:
            yield run
            run = {}
        run[key] = entry
    if run:
        yield run


def current_rows(connection: Connection, keys: Iterable[Key]) -> dict[Key, Row[*tuple[Any, ...]]]:
    """The current version of each of these resources, without content."""
    wanted = set(keys)
    found = select(_V.seq, _V.type, _V.id, _V.version, _V.deleted, _V.standing, _V.subject, _V.digest).where(
        _V.id.in_([key[1] for key in wanted]), _V.current == true()
    )
    rows = connection.execute(found)
    return {(row.type, row.id): row for row in rows if (row.type, row.id) in wanted}


def decide(
    entry: ResultEntry, row: Row[*tuple[Any, ...]] | None, *, same: bool, moved: Mapping[str, str]
) -> Outcome:
    """The table of a write, first match wins. A subject that was merged into another one is that one.

    | stored                          | entry                     | outcome   |
    |---------------------------------|---------------------------|-----------|
    | nothing                         | any                       | CREATED   |
    | any                             | create-only               | EXISTS    |
    | deleted                         | any                       | UPDATED   |
    | higher standing, same result    | report of lower standing  | STALE     |
    | same content                    | same content              | UNCHANGED |
    | with a subject                  | with another or none      | Conflict  |
    | any                             | put together with it      | UPDATED   |
    | higher standing                 | lower standing            | STALE     |
    | any                             | any                       | UPDATED   |
    """
    if row is None:
        return Outcome.CREATED
    if entry.once:
        return Outcome.EXISTS
    if row.deleted:
        return Outcome.UPDATED
    if same:
        return Outcome.STALE if entry.members is not None and _ranks_lower(entry, row) else Outcome.UNCHANGED
    subject = subject_of(entry.resource)
    silent = entry.by_element and subject is None
    before = row.subject and moved.get(row.subject, row.subject)
    if before is not None and before != subject and not silent:
        raise Conflict(f"{row.type}/{row.id} belongs to another subject than the one to be written")
    if joins(entry):
        return Outcome.UPDATED
    return Outcome.STALE if _ranks_lower(entry, row) else Outcome.UPDATED


def _ranks_lower(entry: ResultEntry, row: Row[*tuple[Any, ...]]) -> bool:
    if entry.standing is None or row.standing is None:
        return False
    return entry.standing < accruing.head_of(row.standing)


def moved_subjects(
    connection: Connection, run: Mapping[Key, ResultEntry], stored: Mapping[Key, Row[*tuple[Any, ...]]]
) -> dict[str, str]:
    """Where the subjects of stored resources lead now, for those that are not the subject to be written."""
    others = {
        row.subject
        for key, row in stored.items()
        if row.subject and row.subject != subject_of(run[key].resource)
    }
    return links.moved(connection, others) if others else {}


def to_write(
    entry: ResultEntry, row: Row[*tuple[Any, ...]] | None, known: dict[str, Any] | None
) -> tuple[Mapping[str, Any], str | None]:
    """The resource as it is to stand, and the standing to keep with it.

    Raises:
        EarlierMissing: the entry gives a status to what was never written.
    """
    if entry.promotes:
        return _promoted(entry, row, known)
    said, held = dict(entry.resource), row.standing if row is not None else None
    standing = entry.standing or Standing(0)
    if entry.members is not None:
        roll = accruing.decode(held, known) if known is not None else accruing.Roll()
        report, roll = accruing.accrue(known or {}, roll, said, standing, entry.members)
        return report, roll.encode()
    if not entry.by_element:
        return entry.resource, entry.standing.encode() if entry.standing else None
    rights = merging.decode(held, known) if known is not None else {}
    resource, rights = merging.merge(known or {}, rights, said, standing, entry.deletes)
    return resource, merging.encode(rights)


def _promoted(
    entry: ResultEntry, row: Row[*tuple[Any, ...]] | None, known: dict[str, Any] | None
) -> tuple[Mapping[str, Any], str | None]:
    """What is stored, with the status that the entry gives it; one of no lower rank keeps its own."""
    if row is None or known is None:
        raise EarlierMissing("a result became final and no earlier version of it is stored")
    held = Standing.decode(row.standing) if row.standing else Standing(0)
    if entry.standing is None or not held.rank < entry.standing.rank:
        return known, row.standing
    changed = {name: entry.resource[name] for name in ("status", "issued", "meta") if name in entry.resource}
    return {**known, **changed}, entry.standing.encode()


def joins(entry: ResultEntry | None) -> bool:
    """Whether what is written depends on what is stored."""
    return entry is not None and (entry.by_element or entry.members is not None or entry.promotes)


def is_raised(entry: ResultEntry, held: str | None, standing: str | None) -> bool:
    """Whether a message that says the same as the current version has more right to it."""
    if joins(entry) or held is None or entry.standing is None:
        return standing is not None and held != standing
    return accruing.head_of(held) < entry.standing


def columns(key: Key, version: int, *, message_id: str | None, now: datetime) -> dict[str, Any]:
    """The columns that every version has."""
    return {
        "type": key[0], "id": key[1], "version": version, "last_updated": timestamp(now),
        "current": True, "deleted": False, "message_id": message_id,
        "standing": None, "subject": None, "digest": "", "content": b"",
    }  # fmt: skip


def supersede(connection: Connection, sequences: Sequence[int]) -> None:
    """These versions are current no longer."""
    if sequences:
        connection.execute(update(VERSIONS).where(_V.seq.in_(sequences)).values(current=False))
        connection.execute(delete(INDEX).where(INDEX.c.version_seq.in_(sequences)))


def raise_standing(connection: Connection, raised: Sequence[dict[str, Any]]) -> None:
    """Give versions (`row`) a higher standing (`raised`)."""
    if raised:
        change = update(VERSIONS).where(_V.seq == bindparam("row")).values(standing=bindparam("raised"))
        connection.execute(change, list(raised))


def add(
    connection: Connection, fresh: Sequence[tuple[dict[str, Any], Mapping[str, Any]]], marks: Marks
) -> None:
    """Add versions, and what they are found by."""
    if not fresh:
        return
    numbered = connection.execute(
        insert(VERSIONS).returning(_V.seq, sort_by_parameter_order=True), [values for values, _ in fresh]
    ).scalars()
    rows = [
        row
        for seq, (_, resource) in zip(numbered, fresh, strict=True)
        for row in index_entries(seq, resource, marks)
    ]
    if rows:
        connection.execute(insert(INDEX), rows)


def messages_of(connection: Connection, key: Key) -> tuple[str, ...]:
    """The messages that wrote any version of a resource."""
    found = select(_V.message_id).where(_V.id == key[1], _V.type == key[0], _V.message_id.is_not(None))
    return tuple(connection.execute(found.distinct().order_by(_V.message_id)).scalars())


def written_by(connection: Connection, message_ids: Sequence[str], types: Sequence[str]) -> tuple[Key, ...]:
    """The resources of these types that any of these messages wrote."""
    found = select(_V.type, _V.id).where(_V.message_id.in_(message_ids), _V.type.in_(types)).distinct()
    return tuple((row.type, row.id) for row in connection.execute(found.order_by(_V.type, _V.id)))


def index_entries(seq: int, resource: Mapping[str, Any], marks: Marks) -> list[dict[str, Any]]:
    """The rows of the index for a version."""
    return [
        {
            "version_seq": seq, "type": resource["resourceType"], "parameter": row.parameter,
            "system": row.system, "value": row.value, "low": row.low, "high": row.high,
        }
        for row in marks.rows(resource)
    ]  # fmt: skip


def subject_of(resource: Mapping[str, Any]) -> str | None:
    """The reference of its subject."""
    reference: str | None = resource.get("subject", {}).get("reference")
    return reference


def canonical(resource: Mapping[str, Any]) -> bytes:
    """The resource with its members in one order, without what only a version adds.

    Which message said it (meta.source) is not what it says: the same fact again makes no new version.
    """
    meta = {
        name: value for name, value in resource.get("meta", {}).items()
        if name not in ("versionId", "lastUpdated", "source")
    }  # fmt: skip
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return r4.encode(_ordered({**rest, **({"meta": meta} if meta else {})}))


def unversioned(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource as it was written, without what its version added."""
    meta = {k: value for k, value in resource["meta"].items() if k not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return {**rest, **({"meta": meta} if meta else {})}


def _ordered(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _ordered(node[name]) for name in sorted(node)}
    if isinstance(node, list | tuple):
        return [_ordered(item) for item in node]
    return node
