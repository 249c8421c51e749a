"""Makes the search index anew where a migration emptied it: only who has the keys can read what it is of.

In batches, each a transaction of its own with how far it came, so that a kill in between costs one batch. Of
several processes that start at once, each does what is left.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, delete, false, insert, select, true, update

from integration.store.database import Database
from integration.store.result_tables import INDEX, REBUILD, VERSIONS
from integration.store.result_versions import index_entries
from integration.store.results import Results
from mappers.fhir import r4

_BATCH: Final = 500


def reindex(database: Database, results: Results) -> int:
    """Index what is not indexed; how many resources that were.

    Raises:
        StoreUnavailable: the store does not answer or takes no writes.
        BlobCorrupt: the content of a resource does not decrypt.
    """
    done = 0
    while True:
        count = database.write(lambda connection: _batch(connection, results)).result()
        if count is None:
            return done
        done += count


def _batch(connection: Connection, results: Results) -> int | None:
    """Index the next resources; None when there are none."""
    reached = connection.execute(select(REBUILD.c.after_seq)).scalar_one_or_none()
    if reached is None:
        return None
    versions = VERSIONS.c
    rows = connection.execute(
        select(VERSIONS)
        .where(versions.seq > reached, versions.current == true(), versions.deleted == false())
        .order_by(versions.seq)
        .limit(_BATCH)
    ).all()
    if not rows:
        connection.execute(delete(REBUILD))
        return None
    entries: list[dict[str, Any]] = []
    for row in rows:
        entries += index_entries(row.seq, r4.decode(results.content_of(row)), results.marks)
    connection.execute(delete(INDEX).where(INDEX.c.version_seq.in_([row.seq for row in rows])))
    if entries:
        connection.execute(insert(INDEX), entries)
    connection.execute(update(REBUILD).values(after_seq=rows[-1].seq))
    return len(rows)
