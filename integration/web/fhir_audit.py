"""That somebody saw a result is on disk before they see it: ids and parameter names, never their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from integration.store import audit
from integration.store.database import Database
from integration.store.ids import utc_text
from integration.store.result_records import StoredResource
from integration.store.search_query import Search
from mappers.domain.attribution import AuditEvent
from mappers.domain.times import Moment

AUDIT_EVENT = "AuditEvent"
#: A reader waits no longer than this for the record of their reading.
_PATIENCE_SECONDS = 30.0


class Disclosures:
    """Keeps who read what.

    Args:
        database: whose writer thread appends to the audit chain.
        clock: the present moment, aware.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def read(self, seen: Sequence[StoredResource], *, actor: str, request_id: str, interaction: str) -> None:
        """Versions of one resource that were read.

        Raises:
            StoreUnavailable: nothing was recorded, so nothing may be shown.
        """
        first = seen[0]
        of_one = f"{first.type}/{first.id}"
        details: dict[str, str | tuple[str, ...]] = {"interaction": interaction, "request_id": request_id}
        if interaction == "history":
            details["versions"] = tuple(str(version.version) for version in seen)
        else:
            of_one += f"/_history/{first.version}"
        kind = "audit.read" if first.type == AUDIT_EVENT else "result.read"
        self._keep(kind, actor, of_one, details)

    def searched(
        self, search: Search, seen: Iterable[StoredResource], *, actor: str, request_id: str
    ) -> None:
        """Resources that a search showed, and what it asked by, not for.

        Raises:
            StoreUnavailable: as `read`.
        """
        details: dict[str, str | tuple[str, ...]] = {
            "parameters": tuple(sorted({name for name, _ in search.applied})),
            "request_id": request_id,
            "shown": tuple(f"{resource.type}/{resource.id}" for resource in seen),
            "type": search.kind,
        }
        self._keep("result.searched", actor, None, details)

    def searched_trail(
        self, parameters: Iterable[str], seen: Iterable[StoredResource], *, actor: str, request_id: str
    ) -> None:
        """Records of the trail itself that a search showed.

        Raises:
            StoreUnavailable: as `read`.
        """
        details: dict[str, str | tuple[str, ...]] = {
            "parameters": tuple(sorted(set(parameters))),
            "request_id": request_id,
            "shown": tuple(each.id.partition("-")[0] for each in seen),
        }
        self._keep("audit.searched", actor, None, details)

    def _keep(
        self, kind: str, actor: str, resource: str | None, details: dict[str, str | tuple[str, ...]]
    ) -> None:
        event = AuditEvent(
            kind=kind, at=Moment(utc_text(self._clock())), actor=actor, resource=resource, details=details
        )
        kept = self._database.write(lambda connection: audit.append(connection, event))
        kept.result(timeout=_PATIENCE_SECONDS)
