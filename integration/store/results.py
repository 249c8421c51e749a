"""Results as versioned FHIR resources: written in the caller's transaction, read, searched.

Nothing is overwritten: a change is a new version, and what ranks lower than the current version is not
written at all. Erased bytes are the one exception (`lighten`). Content is served byte for byte as it was
encoded, so decimals keep their digits. Knows nothing of HTTP or of query strings; what a resource means is
the writer's business.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, true, update

from integration.errors import NotFound
from integration.store import links, orders, result_versions, search_includes, search_plan
from integration.store.keys import Keys
from integration.store.result_records import (
    Outcome,
    Page,
    ResultEntry,
    StoredResource,
    WriteOutcome,
)
from integration.store.result_tables import VERSIONS
from integration.store.sealing import Sealer
from integration.store.search_marks import Marks
from integration.store.search_query import Cursor, Search
from integration.store.search_values import LONGEST_VALUE, timestamp
from mappers.fhir import r4

_V = VERSIONS.c
Key = tuple[str, str]


class Results:
    """The result store. It holds no connection: every call works in the one it is given.

    Args:
        keys: seal content, and key its digests (the content of a resource can be guessed).

    Attributes:
        marks: what the search index holds of names, numbers and codes.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.marks = Marks(keys)
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
            Conflict: a resource would change its subject, or two that exist are said to be one.
            EarlierMissing: what is to be changed was never written. Nothing may be committed then.
        """
        found = orders.resolve(
            connection,
            list(entries),
            marks_of=lambda value: self.marks.of("ServiceRequest", "identifier", value[:LONGEST_VALUE]),
            content_of=lambda row: r4.decode(self.content_of(row)),
        )
        settled = links.settle(connection, found, message_id=message_id, now=now)
        outcomes: list[WriteOutcome] = []
        for run in result_versions.runs(settled):
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
        stored = result_versions.current_rows(connection, run)
        known = self._known(connection, run, stored)
        moved = result_versions.moved_subjects(connection, run, stored)
        outcomes: list[WriteOutcome] = []
        fresh: list[tuple[dict[str, Any], Mapping[str, Any]]] = []
        raised: list[dict[str, Any]] = []
        for key, entry in run.items():
            row = stored.get(key)
            resource, standing = result_versions.to_write(entry, row, known.get(key))
            canonical = result_versions.canonical(resource)
            outcome = result_versions.decide(
                entry, row, same=row is not None and self._digests(row.digest, canonical), moved=moved
            )
            written = outcome in (Outcome.CREATED, Outcome.UPDATED)
            version = (row.version if row else 0) + written
            outcomes.append(WriteOutcome(*key, version, outcome))
            if written:
                values = result_versions.columns(key, version, message_id=message_id, now=now)
                values |= {
                    "standing": standing,
                    "subject": result_versions.subject_of(resource),
                    "digest": self._keys.digest_of(canonical),
                    "content": self._seal(resource, values),
                }
                fresh.append((values, resource))
            elif (
                outcome is Outcome.UNCHANGED
                and row
                and result_versions.is_raised(entry, row.standing, standing)
            ):
                raised.append({"row": row.seq, "raised": standing})
        updated = [outcome for outcome in outcomes if outcome.outcome is Outcome.UPDATED]
        result_versions.supersede(connection, [stored[outcome.type, outcome.id].seq for outcome in updated])
        result_versions.raise_standing(connection, raised)
        result_versions.add(connection, fresh, self.marks)
        return outcomes

    def _known(
        self, connection: Connection, run: Mapping[Key, ResultEntry], stored: Mapping[Key, Row[Any]]
    ) -> dict[Key, dict[str, Any]]:
        """The current content of what entries are to be put together with."""
        wanted = [
            row.seq for key, row in stored.items() if result_versions.joins(run[key]) and not row.deleted
        ]
        if not wanted:
            return {}
        found = select(_V.type, _V.id, _V.version, _V.content).where(_V.seq.in_(wanted))
        return {
            (row.type, row.id): result_versions.unversioned(
                r4.decode(self._sealer.open(row.content, bound_to=_label(row.type, row.id, row.version)))
            )
            for row in connection.execute(found)
        }

    def as_served(self, resource: Mapping[str, Any], *, version: int, now: datetime) -> bytes:
        """The bytes of a version before it is written: with its number and time in meta, other meta kept."""
        return _served(resource, version, timestamp(now))

    def lighten(
        self, connection: Connection, row: Row[*tuple[Any, ...]], resource: Mapping[str, Any]
    ) -> None:
        """Seal a version anew without bytes that were erased from it, in the caller's transaction.

        Its number, time, standing and index stay. It gets a second digest beside the first, so that whoever
        says the same again, with the bytes or without them, makes no new version and brings nothing back.

        Args:
            connection: inside a transaction of the writer.
            row: the version.
            resource: as it is served from now on, its meta with it.
        """
        digest = self._keys.digest_of(result_versions.canonical(resource))
        sealed = self._sealer.seal(r4.encode(resource), bound_to=_label(row.type, row.id, row.version))
        changed = update(VERSIONS).where(_V.seq == row.seq)
        connection.execute(changed.values(digest=f"{row.digest} {digest}", content=sealed))

    def _seal(self, resource: Mapping[str, Any], values: Mapping[str, Any]) -> bytes:
        content = _served(resource, values["version"], values["last_updated"])
        return self._sealer.seal(content, bound_to=_label(values["type"], values["id"], values["version"]))

    def _digests(self, digests: str, canonical: bytes) -> bool:
        """Whether one of the stored digests is that of `canonical`, under the key it was made with."""
        made = [each.partition(":") for each in digests.split()]
        return any(
            key.id == key_id
            and hmac.compare_digest(hmac.digest(key.secret, canonical, "sha256").hex(), stored)
            for key in self._keys.digest.keys
            for key_id, _, stored in made
        )

    def delete(
        self, connection: Connection, kind: str, resource_id: str, *, message_id: str | None, now: datetime
    ) -> int:
        """Add a version that says the resource is gone; earlier versions stay. Returns that version.

        Raises:
            NotFound: there is no such resource, or it is gone already.
        """
        row = result_versions.current_rows(connection, {(kind, resource_id): None}).get((kind, resource_id))
        if row is None or row.deleted:
            raise NotFound("nothing is stored under that id")
        values = result_versions.columns((kind, resource_id), row.version + 1, message_id=message_id, now=now)
        values |= {"deleted": True, "subject": row.subject, "standing": row.standing}
        result_versions.supersede(connection, [row.seq])
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
        search = self.marks.asked(search)
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

    def content_of(self, row: Row[*tuple[Any, ...]]) -> bytes:
        """The JSON of a row of versions; empty when it says that the resource is gone.

        Raises:
            BlobCorrupt: it does not decrypt.
        """
        if row.deleted:
            return b""
        return self._sealer.open(row.content, bound_to=_label(row.type, row.id, row.version))

    def _open(self, row: Row[*tuple[Any, ...]]) -> StoredResource:
        return StoredResource(
            type=row.type,
            id=row.id,
            version=row.version,
            last_updated=_instant(row.last_updated),
            message_id=row.message_id,
            deleted=row.deleted,
            content=self.content_of(row),
        )


def _label(kind: str, resource_id: str, version: int) -> str:
    return f"resource {kind}/{resource_id}/{version}"


def _served(resource: Mapping[str, Any], version: int, last_updated: str) -> bytes:
    meta = {
        **resource.get("meta", {}),
        "versionId": str(version),
        "lastUpdated": _instant(last_updated),
    }
    head = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta}
    return r4.encode({**head, **{name: value for name, value in resource.items() if name not in head}})


def _instant(last_updated: str) -> str:
    """FHIR instant of a stored timestamp."""
    return f"{last_updated[:23]}Z"
