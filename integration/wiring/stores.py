"""The store as every role uses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from integration.errors import SettingsInvalid, StoreUnavailable
from integration.settings import Settings
from integration.store import custody
from integration.store import keys as key_files
from integration.store.audit import Audit
from integration.store.blobs import Blobs
from integration.store.database import Database
from integration.store.inbox import Inbox, InboxLimits
from integration.store.keys import Keys
from integration.store.migrations import HEAD, installed
from integration.store.outbox import Outbox
from integration.store.reindexing import reindex
from integration.store.results import Results
from mappers.domain.attribution import Software


def now() -> datetime:
    """The clock of every role."""
    return datetime.now(UTC)


def software() -> Software:
    """Wardwire as it is installed."""
    return Software("Wardwire", version("wardwire"))


@dataclass(frozen=True, slots=True)
class Store:
    """All rooms of one store."""

    database: Database
    keys: Keys
    blobs: Blobs
    inbox: Inbox
    outbox: Outbox
    results: Results
    audit: Audit


def open_store(settings: Settings) -> Store:
    """Open the store, making folders and keys at first start. Its schema may still be missing.

    Raises:
        SettingsInvalid: the key file is unusable, lost, or another store's; or the URL names no database.
        StoreUnavailable: a folder or the key file cannot be written.
    """
    settings.data_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.store.url)
    keys = _keys(settings, database)
    blobs = Blobs(settings.blobs, keys)
    limits = InboxLimits(window=settings.duplicate_window, inline_bytes=settings.store.inline_bytes)
    return Store(
        database=database,
        keys=keys,
        blobs=blobs,
        inbox=Inbox(database, blobs, keys, clock=now, limits=limits),
        outbox=Outbox(database, blobs, keys, clock=now, inline_bytes=settings.store.inline_bytes),
        results=Results(keys),
        audit=Audit(database, keys, now),
    )


def bring_up_to_date(store: Store) -> str:
    """Migrate the schema, and make anew what a migration left to who has the keys; the schema's version.

    Raises:
        StoreUnavailable: the database does not answer or does not take writes.
    """
    # Only who migrates needs alembic.
    from integration.store.migrations.upgrade import upgrade

    schema = upgrade(store.database)
    reindex(store.database, store.results)
    return schema


def _keys(settings: Settings, database: Database) -> Keys:
    """The keys of the key file, made at first start only: what is stored needs the keys that sealed it."""
    path = settings.key_file
    known = path.exists()
    try:
        in_use = None if _unborn(settings.store.url) else custody.key_in_use(database)
    except StoreUnavailable:
        if not known:
            raise
        in_use = None  # roles start while their database is away; it is looked at again at the next start
    if in_use and not known:
        raise SettingsInvalid(
            f"the key file {path} is lost and the store holds data: restore it from its copy"
        )
    keys = key_files.load_or_generate(path)
    if in_use and not custody.holds(keys, in_use):
        raise SettingsInvalid(f"the key file {path} is not the one that this store's data was sealed with")
    return keys


def _unborn(url: str) -> bool:
    """Whether this is the URL of an SQLite file that is not there yet."""
    return url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()


def demand_current_schema(store: Store) -> None:
    """Refuse to run on a schema that is older than the program.

    Raises:
        SettingsInvalid: `wardwire migrate` has to be run first.
    """
    with store.database.read() as connection:
        if installed(connection) != HEAD:
            raise SettingsInvalid("the database schema is not current: run `wardwire migrate` first")
