"""Opening the store: keys are made for an empty one, and demanded by one that holds data."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.errors import SettingsInvalid, StoreUnavailable
from integration.settings import Settings
from integration.store import custody, keys
from integration.store.migrations.upgrade import upgrade
from integration.store.records import Arrival
from integration.wiring import stores


def settings_in(folder: Path) -> Settings:
    """Settings of a store in this folder."""
    return Settings(
        store={"url": f"sqlite:///{folder / 'data' / 'store.sqlite'}"},
        security={"key_file": folder / "keys.json"},
    )


@pytest.fixture
def used(tmp_path: Path) -> Settings:
    """Settings of a store that holds a message."""
    settings = settings_in(tmp_path)
    store = stores.open_store(settings)
    upgrade(store.database)
    arrival = Arrival(
        channel="lab", peer="10.1.2.3:50123", raw=b"MSH|^~\\&|one", received_at=stores.now(), order_key="lab"
    )
    store.inbox.submit(arrival).result(30)
    store.database.close()
    return settings


def test_an_empty_store_gets_keys(tmp_path: Path) -> None:
    """Before and after its schema is made."""
    settings = settings_in(tmp_path)
    store = stores.open_store(settings)

    assert keys.load(settings.key_file) == store.keys
    upgrade(store.database)
    assert custody.key_in_use(store.database) is None
    store.database.close()


def test_a_used_store_opens_with_its_keys(used: Settings) -> None:
    """The newest message names the key that made it."""
    store = stores.open_store(used)

    assert store.keys.digest.current.id == custody.key_in_use(store.database)
    store.database.close()


def test_a_lost_key_file_is_not_replaced(used: Settings) -> None:
    """New keys over old data would open nothing of it, and break its audit trail."""
    used.key_file.unlink()

    with pytest.raises(SettingsInvalid, match="lost"):
        stores.open_store(used)
    assert not used.key_file.exists()


def test_the_key_file_of_another_store_is_refused(used: Settings) -> None:
    """It is as good as a lost one."""
    used.key_file.write_text(keys.encode(keys.generate()), encoding="ascii")

    with pytest.raises(SettingsInvalid, match="not the one"):
        stores.open_store(used)


def test_a_rotated_key_file_opens_what_the_old_keys_made(used: Settings) -> None:
    """The key that made the newest message may stand anywhere in the list."""
    old, new = keys.load(used.key_file), keys.generate()
    digest = keys.KeyRing((*new.digest.keys, *old.digest.keys))
    used.key_file.write_text(keys.encode(keys.Keys(old.seal, digest, old.checkpoint)), encoding="ascii")
    store = stores.open_store(used)

    assert new.digest.current == store.keys.digest.current
    store.database.close()


def test_no_keys_are_made_for_a_database_that_does_not_answer(tmp_path: Path) -> None:
    """Nobody knows whether it holds data; with a key file at hand the roles start and wait for it."""
    settings = Settings(
        store={"url": "postgresql+psycopg://nobody@127.0.0.1:1/none"},
        security={"key_file": tmp_path / "keys.json"},
    )
    with pytest.raises(StoreUnavailable):
        stores.open_store(settings)
    assert not settings.key_file.exists()

    keys.load_or_generate(settings.key_file)
    stores.open_store(settings).database.close()
