"""Recordings that are kept no longer: sound inside stored versions of resources, erased when nobody waits.

The one change that a version can see: its content is sealed anew without the bytes (`mappers.fhir.erasure`),
under the same number and time, in one transaction with the audit record. Everything else that it says stays,
and so do the digests of the recording in Provenances. Knows neither formats of sound nor drafts nor
deliveries: `Claims` does.

| a version of Media, DocumentReference, Binary | then |
|---|---|
| is younger than the term, or holds no sound | nothing |
| somebody waits for it (`Claims.holds`) | it is asked about again in the next run |
| cannot be opened, or what waits for it cannot | it is kept, and a warning says which |
| holds sound that nobody waits for | the bytes are erased |

Content is sealed, so each version has to be opened once to know. What was looked at is remembered in this
process only: after a start, and nowhere else, all are looked at again. A run that is killed has erased what
it has committed; the next one goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Row, false, func, select

from integration import telemetry
from integration.errors import BlobCorrupt
from integration.store import audit, result_versions
from integration.store.database import Database, Transaction
from integration.store.ids import utc_text
from integration.store.keys import Keys
from integration.store.result_tables import VERSIONS
from integration.store.results import Results
from integration.store.search_values import timestamp
from mappers.domain.attribution import AuditEvent
from mappers.domain.issues import Refused
from mappers.domain.times import Moment
from mappers.fhir import codec, erasure

Key = tuple[str, str]

_ACTOR: Final = "retention"
_TYPES: Final = ("Binary", "DocumentReference", "Media")
#: What may name a Binary that came with it.
_DOCUMENTS: Final = ("DocumentReference", "Media")
_BATCH: Final = 500
#: Ours was not longer when it was written; what is, is of an operator's larger limit.
_MOST_BYTES: Final = 1 << 30
_LOG = telemetry.logger(__name__)
_V = VERSIONS.c


class Claims(Protocol):
    """Who decides what is a recording and whether anybody waits for it."""

    def is_sound(self, content: bytes, said: str) -> bool:
        """Whether bytes that are said to be of a media type are a recording."""

    def holds(self, connection: Transaction, keys: Sequence[Key], message_ids: Sequence[str]) -> bool:
        """Whether anybody waits for what these resources, of these messages, hold.

        Raises:
            BlobCorrupt: what decides it cannot be opened.
        """


@dataclass(slots=True, kw_only=True)
class Recordings:
    """Erases recordings.

    Attributes:
        clock: aware now.
    """

    database: Database
    results: Results
    keys: Keys
    claims: Claims
    clock: Callable[[], datetime]
    #: Versions up to this one were looked at.
    _passed: int = field(default=0, init=False)
    #: Those among them that somebody waits for.
    _waiting: set[int] = field(default_factory=set, init=False)

    def erase(self, *, before: datetime) -> int:
        """Erase what was stored before a moment and nobody waits for; from how many versions.

        Raises:
            StoreUnavailable: the store does not answer or takes no writes.
        """
        erased = sum(self._try(seq) for seq in sorted(self._waiting))
        limit = timestamp(before)
        young, after = self._first_young(limit), self._passed
        while found := self._due(limit, after):
            for seq in found:
                erased += self._try(seq)
            after = found[-1]
        self._passed = after if young is None else min(after, young - 1)
        return erased

    def _first_young(self, limit: str) -> int | None:
        with self.database.read() as connection:
            found = select(func.min(_V.seq)).where(*_of_interest(self._passed), _V.last_updated >= limit)
            young: int | None = connection.execute(found).scalar_one()
            return young

    def _due(self, limit: str, after: int) -> Sequence[int]:
        found = select(_V.seq).where(*_of_interest(after), _V.last_updated < limit)
        with self.database.read() as connection:
            return connection.execute(found.order_by(_V.seq).limit(_BATCH)).scalars().all()

    def _try(self, seq: int) -> bool:
        """Erase the sound of one version; False when it has none, or is still waited for."""
        self._waiting.discard(seq)
        with self.database.read() as connection:
            row = _row(connection, seq)
            if not self._lighter(row)[1]:
                return False
            free = not self._is_held(connection, row)
        # Asked again with the write lock: what begins to wait in between is seen there.
        erased = free and self.database.write(lambda connection: self._erase(connection, seq)).result()
        if not erased:
            self._waiting.add(seq)
        return erased

    def _erase(self, connection: Transaction, seq: int) -> bool:
        row = _row(connection, seq)
        left, gone = self._lighter(row)
        if not gone or self._is_held(connection, row):
            return False
        self.results.lighten(connection, row, left)
        event = AuditEvent(
            kind="recording.erased",
            at=Moment(utc_text(self.clock())),
            actor=_ACTOR,
            message_id=row.message_id,
            resource=f"{row.type}/{row.id}/_history/{row.version}",
            details={
                "bytes": sum(map(len, gone)),
                "digests": tuple(self.keys.digest_of(content) for content in gone),
            },
        )
        audit.append(connection, event)
        return True

    def _lighter(self, row: Row[Any]) -> tuple[dict[str, Any], tuple[bytes, ...]]:
        """The version without sound, and the sound."""
        try:
            content = self.results.content_of(row)
            if b'"data":"' not in content:
                return {}, ()
            resource = codec.decode(content, max_bytes=_MOST_BYTES)
        except (BlobCorrupt, Refused):
            _LOG.warning("recordings.unreadable", resource_type=row.type, resource_id=row.id)
            return {}, ()
        return erasure.erase(resource, self.claims.is_sound)

    def _is_held(self, connection: Connection, row: Row[Any]) -> bool:
        keys: list[Key] = [(row.type, row.id)]
        messages = result_versions.messages_of(connection, keys[0])
        if row.type == "Binary":
            keys += result_versions.written_by(connection, messages, _DOCUMENTS)
        try:
            return self.claims.holds(connection, keys, messages)
        except (BlobCorrupt, Refused):
            _LOG.warning("recordings.undecided", resource_type=row.type, resource_id=row.id)
            return True


def _of_interest(after: int) -> tuple[Any, ...]:
    return (_V.seq > after, _V.type.in_(_TYPES), _V.deleted == false())


def _row(connection: Connection, seq: int) -> Row[Any]:
    return connection.execute(select(VERSIONS).where(_V.seq == seq)).one()
