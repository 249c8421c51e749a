"""Results as versioned FHIR resources: written in the caller's transaction, read, searched.

Nothing is overwritten: a change is a new version, and what ranks lower than the current version is not
written at all. Content is served byte for byte as it was encoded, so decimals keep their digits. Knows
nothing of HTTP or of query strings; what a resource means is the writer's business.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, true, update

from integration.errors import Conflict, NotFound
from integration.store import search_includes, search_plan
from integration.store.keys import Keys
from integration.store.result_records import (
    Outcome,
    Page,
    ResultEntry,
    StoredResource,
    WriteOutcome,
)
from integration.store.result_tables import INDEX, VERSIONS
from integration.store.sealing import Sealer
from integration.store.search_query import Cursor, Search
from integration.store.search_values import index_rows, timestamp
from mappers.domain.results import Standing
from mappers.fhir import r4

_V = VERSIONS.c
Key = tuple[str, str]


class Results:
    """The result store. It holds no connection: every call works in the one it is given.

    Args:
        keys: seal content, and key its digests (the content of a resource can be guessed).
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._sealer = Sealer(keys.seal)

    def write(
        self,
        connection: Connection,
        entries: Iterable[ResultEntry],
        *,
        message_id: str | None,
        now: datetime,
    ) -> tuple[WriteOutcome, ...]:
        """Write resources in the caller's transaction, each as a new version if it says anything new.

        Args:
            connection: inside a transaction of the writer.
            entries: in any order; one resource twice makes two versions in turn.
            message_id: the stored message that they came from.
            now: becomes meta.lastUpdated, cut to milliseconds; aware.

        Raises:
            Conflict: a resource would change its subject. Nothing may be committed then.
        """
        outcomes: list[WriteOutcome] = []
        for run in _runs(entries):
            outcomes += self._write_run(connection, run, message_id=message_id, now=now)
        return tuple(outcomes)

    def _write_run(
        self,
        connection: Connection,
        run: Mapping[Key, ResultEntry],
        *,
        message_id: str | None,
        now: datetime,
    ) -> list[WriteOutcome]:
        stored = _current_rows(connection, run)
        outcomes: list[WriteOutcome] = []
        fresh: list[tuple[dict[str, Any], Mapping[str, Any]]] = []
        for key, entry in run.items():
            row = stored.get(key)
            canonical = _canonical(entry.resource)
            outcome = _decide(entry, row, same=row is not None and self._digests(row.digest, canonical))
            written = outcome in (Outcome.CREATED, Outcome.UPDATED)
            version = (row.version if row else 0) + written
            outcomes.append(WriteOutcome(*key, version, outcome))
            if written:
                values = _columns(key, version, message_id=message_id, now=now)
                values |= {
                    "standing": entry.standing.encode() if entry.standing else None,
                    "subject": _subject(entry.resource),
                    "digest": self._keys.digest_of(canonical),
                    "content": self._seal(entry.resource, values),
                }
                fresh.append((values, entry.resource))
        updated = [outcome for outcome in outcomes if outcome.outcome is Outcome.UPDATED]
        _supersede(connection, [stored[outcome.type, outcome.id].seq for outcome in updated])
        _insert(connection, fresh)
        return outcomes

    def _seal(self, resource: Mapping[str, Any], values: Mapping[str, Any]) -> bytes:
        """The resource as served: with its version and time in meta, other meta kept."""
        meta = {
            **resource.get("meta", {}),
            "versionId": str(values["version"]),
            "lastUpdated": _instant(values["last_updated"]),
        }
        head = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta}
        content = r4.encode({**head, **{name: value for name, value in resource.items() if name not in head}})
        return self._sealer.seal(content, bound_to=_label(values["type"], values["id"], values["version"]))

    def _digests(self, digest: str, canonical: bytes) -> bool:
        """Whether this stored digest is that of `canonical`, under the key it was made with."""
        key_id, _, stored = digest.partition(":")
        return any(
            key.id == key_id
            and hmac.compare_digest(hmac.digest(key.secret, canonical, "sha256").hex(), stored)
            for key in self._keys.digest.keys
        )

    def delete(
        self, connection: Connection, kind: str, resource_id: str, *, message_id: str | None, now: datetime
    ) -> int:
        """Add a version that says the resource is gone; earlier versions stay. Returns that version.

        Raises:
            NotFound: there is no such resource, or it is gone already.
        """
        row = _current_rows(connection, {(kind, resource_id): None}).get((kind, resource_id))
        if row is None or row.deleted:
            raise NotFound("nothing is stored under that id")
        values = _columns((kind, resource_id), row.version + 1, message_id=message_id, now=now)
        values |= {"deleted": True, "subject": row.subject, "standing": row.standing}
        _supersede(connection, [row.seq])
        connection.execute(insert(VERSIONS), [values])
        return int(row.version) + 1

    def read(
        self, connection: Connection, kind: str, resource_id: str, version: int | None = None
    ) -> StoredResource:
        """One version, the current one by default; it may be `deleted`.

        Raises:
            NotFound: there is no such resource or version.
            BlobCorrupt: its content does not decrypt.
        """
        which = _V.current == true() if version is None else _V.version == version
        row = connection.execute(
            select(VERSIONS).where(_V.id == resource_id, _V.type == kind, which)
        ).one_or_none()
        if row is None:
            raise NotFound("nothing is stored under that id")
        return self._open(row)

    def history(
        self, connection: Connection, kind: str, resource_id: str, *, count: int, before: int | None = None
    ) -> tuple[StoredResource, ...]:
        """Versions, newest first.

        Args:
            connection: to read in.
            kind: resource type.
            resource_id: of the resource.
            count: how many at most.
            before: only versions lower than this: the cursor of the next page.

        Raises:
            NotFound: there is no such resource.
        """
        found = select(VERSIONS).where(_V.id == resource_id, _V.type == kind)
        if before is not None:
            found = found.where(_V.version < before)
        rows = connection.execute(found.order_by(_V.version.desc()).limit(count)).all()
        if not rows and before is None:
            raise NotFound("nothing is stored under that id")
        return tuple(map(self._open, rows))

    def search(self, connection: Connection, search: Search) -> Page:
        """One page of what matches, with what it includes."""
        counted = connection.execute(search_plan.total(search)).scalar_one() if search.total else None
        if search.count == 0:
            return Page(total=counted)
        rows = connection.execute(search_plan.page(search)).all()
        more, rows = len(rows) > search.count, rows[: search.count]
        included, cut = search_includes.included(connection, search, rows)
        return Page(
            matches=tuple(map(self._open, rows)),
            included=tuple(map(self._open, included)),
            total=counted,
            next=Cursor(rows[-1].sort_key, rows[-1].seq) if more else None,
            cut=cut,
        )

    def counts(self, connection: Connection) -> Mapping[str, int]:
        """How many resources of each type are current."""
        found = select(_V.type, func.count().label("number")).where(_V.current == true()).group_by(_V.type)
        return {row.type: row.number for row in connection.execute(found)}

    def _open(self, row: Row[*tuple[Any, ...]]) -> StoredResource:
        content = b""
        if not row.deleted:
            content = self._sealer.open(row.content, bound_to=_label(row.type, row.id, row.version))
        return StoredResource(
            type=row.type,
            id=row.id,
            version=row.version,
            last_updated=_instant(row.last_updated),
            message_id=row.message_id,
            deleted=row.deleted,
            content=content,
        )


def _runs(entries: Iterable[ResultEntry]) -> Iterator[Mapping[Key, ResultEntry]]:
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


def _current_rows(connection: Connection, keys: Iterable[Key]) -> dict[Key, Row[*tuple[Any, ...]]]:
    wanted = set(keys)
    found = select(_V.seq, _V.type, _V.id, _V.version, _V.deleted, _V.standing, _V.subject, _V.digest).where(
        _V.id.in_([key[1] for key in wanted]), _V.current == true()
    )
    rows = connection.execute(found)
    return {(row.type, row.id): row for row in rows if (row.type, row.id) in wanted}


def _decide(entry: ResultEntry, row: Row[*tuple[Any, ...]] | None, *, same: bool) -> Outcome:
    """The table of a write, first match wins.

    | stored                          | entry                     | outcome   |
    |---------------------------------|---------------------------|-----------|
    | nothing                         | any                       | CREATED   |
    | any                             | create-only               | EXISTS    |
    | deleted                         | any                       | UPDATED   |
    | same content                    | same content              | UNCHANGED |
    | with a subject                  | with another or none      | Conflict  |
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
        return Outcome.UNCHANGED
    if row.subject is not None and row.subject != _subject(entry.resource):
        raise Conflict(f"{row.type}/{row.id} belongs to another subject than the one to be written")
    if entry.standing and row.standing and entry.standing < Standing.decode(row.standing):
        return Outcome.STALE
    return Outcome.UPDATED


def _columns(key: Key, version: int, *, message_id: str | None, now: datetime) -> dict[str, Any]:
    return {
        "type": key[0], "id": key[1], "version": version, "last_updated": timestamp(now),
        "current": True, "deleted": False, "message_id": message_id,
        "standing": None, "subject": None, "digest": "", "content": b"",
    }  # fmt: skip


def _supersede(connection: Connection, sequences: Sequence[int]) -> None:
    if sequences:
        connection.execute(update(VERSIONS).where(_V.seq.in_(sequences)).values(current=False))
        connection.execute(delete(INDEX).where(INDEX.c.version_seq.in_(sequences)))


def _insert(connection: Connection, fresh: Sequence[tuple[dict[str, Any], Mapping[str, Any]]]) -> None:
    if not fresh:
        return
    numbered = connection.execute(
        insert(VERSIONS).returning(_V.seq, sort_by_parameter_order=True), [values for values, _ in fresh]
    ).scalars()
    rows = [
        {
            "version_seq": seq, "type": values["type"], "parameter": row.parameter,
            "system": row.system, "value": row.value, "low": row.low, "high": row.high,
        }
        for seq, (values, resource) in zip(numbered, fresh, strict=True)
        for row in index_rows(resource)
    ]  # fmt: skip
    if rows:
        connection.execute(insert(INDEX), rows)


def _subject(resource: Mapping[str, Any]) -> str | None:
    reference: str | None = resource.get("subject", {}).get("reference")
    return reference


def _canonical(resource: Mapping[str, Any]) -> bytes:
    """The resource with its members in one order, without what only a version adds.

    Which message said it (meta.source) is not what it says: the same fact again makes no new version.
    """
    meta = {
        name: value for name, value in resource.get("meta", {}).items()
        if name not in ("versionId", "lastUpdated", "source")
    }  # fmt: skip
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return r4.encode(_ordered({**rest, **({"meta": meta} if meta else {})}))


def _ordered(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _ordered(node[name]) for name in sorted(node)}
    if isinstance(node, list | tuple):
        return [_ordered(item) for item in node]
    return node


def _label(kind: str, resource_id: str, version: int) -> str:
    return f"resource {kind}/{resource_id}/{version}"


def _instant(last_updated: str) -> str:
    """FHIR instant of a stored timestamp."""
    return f"{last_updated[:23]}Z"
