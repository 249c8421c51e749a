"""What we know of our resources at destinations, and what destinations said: counterparts, refusals, proofs.

A counterpart is what one resource of ours is at one destination. It lets a delivery go on where it was cut
off, finds what was written without a search, and keeps an older version from going over a newer one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, LargeBinary, String, and_, delete, func, insert, or_, select
from sqlmodel import Field, SQLModel

from integration.store.database import Database
from integration.store.ids import utc_text
from integration.store.result_tables import INDEX, VERSIONS

_TEXT = String().with_variant(String(collation="C"), "postgresql")


class CounterpartRow(SQLModel, table=True):
    """A resource of ours at a destination.

    Attributes:
        reference: ours, `Type/id`.
        remote_id: its id there; "" while the destination holds it for a review of its own.
        remote_version: its version there when we wrote it last; "" when the destination says none.
        version: of ours, that stands there.
        written_at: UTC text.
    """

    __tablename__ = "counterpart"

    destination: str = Field(primary_key=True, sa_type=_TEXT)
    reference: str = Field(primary_key=True, sa_type=_TEXT)
    remote_id: str = Field(sa_type=_TEXT)
    remote_version: str = Field(sa_type=_TEXT)
    version: int
    written_at: str = Field(sa_type=_TEXT)


class RefusalRow(SQLModel, table=True):
    """What a destination said when it refused a delivery last: sealed, for it may name a patient."""

    __tablename__ = "refusal"

    delivery_id: str = Field(primary_key=True, sa_type=_TEXT)
    sealed: bytes = Field(sa_type=LargeBinary)


class ProofRow(SQLModel, table=True):
    """What trials at a destination showed.

    Attributes:
        base: of the server that was tried; another server under the same name has proved nothing.
        report: JSON, in words; no content.
    """

    __tablename__ = "destination_proof"

    destination: str = Field(primary_key=True, sa_type=_TEXT)
    base: str = Field(sa_type=_TEXT)
    tried_at: str = Field(sa_type=_TEXT)
    passed: bool
    report: str = Field(sa_type=_TEXT)


_C = SQLModel.metadata.tables["counterpart"]
_R = SQLModel.metadata.tables["refusal"]
_P = SQLModel.metadata.tables["destination_proof"]
#: Keys asked for at once; SQLite binds a limited number of values.
_AT_ONCE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """As `CounterpartRow`, of one destination.

    Attributes:
        version: of ours; 0 when it is there in a version that we do not know.
    """

    reference: str
    remote_id: str
    remote_version: str
    version: int

    @property
    def remote(self) -> str:
        """Its reference there."""
        return f"{self.reference.partition('/')[0]}/{self.remote_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """As `ProofRow`."""

    base: str
    tried_at: str
    passed: bool
    report: str


class Counterparts:
    """The counterparts at one destination."""

    def __init__(self, database: Database, destination: str, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._destination = destination
        self._clock = clock

    def known(self, references: Sequence[str]) -> dict[str, Counterpart]:
        """The counterparts of these resources of ours, as far as there are any."""
        found: dict[str, Counterpart] = {}
        columns = (_C.c.reference, _C.c.remote_id, _C.c.remote_version, _C.c.version)
        with self._database.read() as connection:
            for start in range(0, len(references), _AT_ONCE):
                some = list(references[start : start + _AT_ONCE])
                query = select(*columns).where(
                    _C.c.destination == self._destination, _C.c.reference.in_(some)
                )
                for row in connection.execute(query):
                    found[row.reference] = Counterpart(**row._mapping)  # noqa: SLF001  # its public name
        return found

    def remember(self, counterparts: Sequence[Counterpart]) -> None:
        """Keep what was written, durably."""
        rows = [
            {
                "destination": self._destination,
                "reference": each.reference,
                "remote_id": each.remote_id,
                "remote_version": each.remote_version,
                "version": each.version,
                "written_at": utc_text(self._clock()),
            }
            for each in counterparts
        ]

        def work(connection: Connection) -> None:
            for row in rows:
                connection.execute(
                    delete(_C).where(
                        _C.c.destination == row["destination"], _C.c.reference == row["reference"]
                    )
                )
            connection.execute(insert(_C), rows)

        if rows:
            self._database.write(work).result()


def keep_refusal(connection: Connection, delivery_id: str, sealed: bytes) -> None:
    """Keep what a destination said, in the caller's transaction; only the last word is kept."""
    connection.execute(delete(_R).where(_R.c.delivery_id == delivery_id))
    connection.execute(insert(_R).values(delivery_id=delivery_id, sealed=sealed))


def refusal(connection: Connection, delivery_id: str) -> bytes | None:
    """What a destination said last, sealed; None when it said nothing that was kept."""
    sealed: bytes | None = connection.execute(
        select(_R.c.sealed).where(_R.c.delivery_id == delivery_id)
    ).scalar()
    return sealed


def keep_proof(connection: Connection, destination: str, proof: Proof) -> None:
    """Keep what trials showed, in the caller's transaction; only the last ones count."""
    connection.execute(delete(_P).where(_P.c.destination == destination))
    connection.execute(
        insert(_P).values(
            destination=destination,
            base=proof.base,
            tried_at=proof.tried_at,
            passed=proof.passed,
            report=proof.report,
        )
    )


def proof(connection: Connection, destination: str) -> Proof | None:
    """What trials at a destination showed; None when none were made."""
    columns = (_P.c.base, _P.c.tried_at, _P.c.passed, _P.c.report)
    row = connection.execute(select(*columns).where(_P.c.destination == destination)).first()
    return Proof(**row._mapping) if row else None  # noqa: SLF001  # its public name


def provenances_of(connection: Connection, references: Sequence[str]) -> tuple[str, ...]:
    """Ids of the Provenances that have any of these as a target, oldest first."""
    found: dict[int, str] = {}
    for start in range(0, len(references), _AT_ONCE):
        query = (
            select(VERSIONS.c.seq, VERSIONS.c.id)
            .select_from(INDEX.join(VERSIONS, VERSIONS.c.seq == INDEX.c.version_seq))
            .where(INDEX.c.type == "Provenance", INDEX.c.parameter == "target")
            .where(INDEX.c.value.in_(list(references[start : start + _AT_ONCE])))
        )
        found |= {row.seq: row.id for row in connection.execute(query)}
    return tuple(dict.fromkeys(found[seq] for seq in sorted(found)))


def superseded_at(connection: Connection, versions: Iterable[tuple[str, int]]) -> dict[str, str]:
    """When each of these versions of resources was followed by the next, as far as one was: FHIR instants."""
    wanted = list(versions)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _AT_ONCE // 3):
        some = wanted[start : start + _AT_ONCE // 3]
        conditions = [
            and_(
                VERSIONS.c.type == reference.partition("/")[0],
                VERSIONS.c.id == reference.partition("/")[2],
                VERSIONS.c.version == version + 1,
            )
            for reference, version in some
        ]
        query = select(
            VERSIONS.c.type, VERSIONS.c.id, func.substr(VERSIONS.c.last_updated, 1, 23).label("at")
        )
        for row in connection.execute(query.where(or_(*conditions))):
            found[f"{row.type}/{row.id}"] = f"{row.at}Z"
    return found
