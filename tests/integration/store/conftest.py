"""A migrated database of each kind, keys, blobs and an inbox on it, and a clock that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from integration.store import keys
from integration.store.audit import Audit
from integration.store.blobs import Blobs
from integration.store.database import Database
from integration.store.inbox import Inbox, InboxLimits
from integration.store.keys import Keys
from integration.store.migrations.upgrade import upgrade
from integration.store.outbox import Outbox
from integration.store.records import Arrival, Receipt
from tests.support import postgres

#: A hospital in Nepal: neither UTC nor whole hours.
KATHMANDU = timezone(timedelta(hours=5, minutes=45))


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 11, 22, 15, 0, tzinfo=KATHMANDU)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Store:
    """A store and short ways to use it."""

    database: Database
    url: str
    keys: Keys
    blobs: Blobs
    inbox: Inbox
    outbox: Outbox
    audit: Audit
    clock: Clock
    folder: Path

    def arrival(self, raw: bytes = b"MSH|^~\\&|one", **more: object) -> Arrival:
        values: dict[str, object] = {
            "channel": "lab", "peer": "10.1.2.3:50123", "raw": raw, "received_at": self.clock(),
            "control_id": "M1", "sender": "LAB|HOSP", "trigger": "ORU^R01^ORU_R01", "version": "2.5.1",
            "processing_id": "P", "order_key": "urn:oid:1.2.3|MRN-1",
        }  # fmt: skip
        return Arrival(**values | more)  # type: ignore[arg-type]

    def submit(self, raw: bytes = b"MSH|^~\\&|one", **more: object) -> Receipt:
        return self.inbox.submit(self.arrival(raw, **more)).result(timeout=30)

    def kinds(self) -> list[str]:
        return [record.event.kind for record in self.audit.records()]

    def hold_writer(self) -> Callable[[], None]:
        """Keep the writer thread busy until the result is called: what is submitted meanwhile meets."""
        busy, go = threading.Event(), threading.Event()

        def work(_connection: object) -> None:
            busy.set()
            assert go.wait(30)

        self.database.write(work)
        assert busy.wait(30)
        return go.set

    def execute(self, statement: str) -> None:
        """Run a statement as an intruder with the database's own rights would."""
        self.database.write(lambda connection: connection.exec_driver_sql(statement) and None).result(30)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server."""
    with postgres.any_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without a table, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite'}"
        return
    with postgres.empty_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[object]:
    """Open a store on a URL; all are closed at the end."""
    opened: list[Database] = []

    def make(url: str, *, window: timedelta = timedelta(days=7), inline_bytes: int = 4096) -> Store:
        database = Database(url)
        opened.append(database)
        upgrade(database)
        clock = Clock()
        ring = keys.load_or_generate(tmp_path / "keys.json")
        blobs = Blobs(tmp_path / "blobs", ring)
        inbox = Inbox(
            database, blobs, ring, clock=clock, limits=InboxLimits(window=window, inline_bytes=inline_bytes)
        )
        outbox = Outbox(database, blobs, ring, clock=clock, inline_bytes=inline_bytes)
        return Store(database, url, ring, blobs, inbox, outbox, Audit(database, ring, clock), clock, tmp_path)

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def store(make_store, empty_url: str) -> Store:
    """A migrated store on each kind of database in turn."""
    return make_store(empty_url)


@pytest.fixture
def sqlite_store(make_store, tmp_path: Path) -> Store:
    """A migrated store on SQLite."""
    return make_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
