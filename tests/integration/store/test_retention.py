"""What is kept no longer, and what is kept all the same."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest

from integration.errors import NotFound
from integration.states import DeliveryState, MessageState
from integration.store.delivery_records import DeliveryFilter, Parcel
from integration.store.records import MessageFilter
from integration.store.retention import Retention, Terms

DAY = timedelta(days=1)


def retention(store, **terms: timedelta) -> Retention:
    return Retention(store.database, store.blobs, Terms(**terms), store.clock)


def ended(store, name: str, size: int = 10, state: MessageState = MessageState.PROCESSED) -> str:
    """A message that has ended."""
    store.submit(name.encode() * size, control_id=name)
    (found,) = store.inbox.list(MessageFilter(control_id=name))
    if state is not MessageState.RECEIVED:
        for each in (MessageState.PROCESSING, state):
            store.inbox.move(found.id, each, actor="worker").result(30)
    return found.id


def files(store) -> list[str]:
    return sorted(each.name for each in store.folder.joinpath("blobs").rglob("*") if each.is_file())


@pytest.mark.parametrize("size", [10, 5000])
def test_bytes_go_and_the_row_stays(store, size):
    """Small ones from their table, large ones from the folder; the erasure is in the audit trail."""
    message_id = ended(store, "OLD", size)
    store.clock.advance(days=2)

    assert 1 == retention(store, messages=DAY).run()
    with pytest.raises(NotFound):
        store.inbox.load(message_id)
    assert MessageState.PROCESSED is store.inbox.list(MessageFilter(control_id="OLD"))[0].state
    assert "message.erased" == store.kinds()[-1]
    assert 0 == retention(store, messages=DAY).run()


@pytest.mark.parametrize("state", [MessageState.RECEIVED, MessageState.PARKED, MessageState.FAILED])
def test_what_has_not_ended_keeps_its_bytes(store, state):
    """However old: a human or a worker still needs them."""
    message_id = ended(store, "OPEN", state=state)
    store.clock.advance(days=100)

    assert 0 == retention(store, messages=DAY).run()
    assert store.inbox.load(message_id).raw


def test_without_a_setting_everything_stays(sqlite_store):
    """That is the default."""
    message_id = ended(sqlite_store, "OLD", 5000)
    sqlite_store.clock.advance(days=10_000)

    assert 0 == retention(sqlite_store).run()
    assert sqlite_store.inbox.load(message_id).raw


def test_a_message_that_waits_to_be_sent_keeps_its_bytes(store):
    """And what was sent goes by a term of its own."""
    message_id = ended(store, "OLD")
    (found,) = store.inbox.list(MessageFilter(control_id="OLD"))
    parcel = Parcel(destination="ehr", form="ORU_R01", pieces=(b"MSH|^~\\&|||||||ORU^R01|", b"|P|2.5.1\r"))
    prepared = store.outbox.prepare(found, parcel)
    store.database.write(lambda c: store.outbox.add(c, [prepared], store.clock())).result(30)
    store.clock.advance(days=2)
    waiting = retention(store, messages=DAY, deliveries=DAY).run()
    (delivery,) = store.outbox.list(DeliveryFilter(message_id=message_id))
    store.outbox.move(delivery.id, DeliveryState.DELIVERED, actor="worker").result(30)
    store.clock.advance(days=2)

    assert (0, 2) == (waiting, retention(store, messages=DAY, deliveries=DAY).run())
    with pytest.raises(NotFound):
        store.outbox.load(delivery.id)
    assert ["delivery.erased"] == [kind for kind in store.kinds() if kind.startswith("delivery.era")]


def test_a_file_is_removed_an_hour_after_it_was_set_aside(sqlite_store):
    """Not before: who asked for it may be about to name it."""
    store = sqlite_store
    ended(store, "OLD", 5000)
    (name,) = files(store)
    store.blobs.set_aside(name)
    early = store.blobs.clear_aside(before=time.time() - 3600, is_named=lambda _: False)
    kept = files(store)
    late = store.blobs.clear_aside(before=time.time() + 1, is_named=lambda _: False)

    assert (0, [f"{name}.aside"], 1, []) == (early, kept, late, files(store))


def test_bytes_that_are_named_again_are_kept(sqlite_store):
    """A message with the bytes of one that is erased is whole, whichever of the two is first."""
    store = sqlite_store
    message_id = ended(store, "OLD", 5000)
    (name,) = files(store)
    store.blobs.set_aside(name)
    meanwhile = store.inbox.load(message_id).raw
    store.blobs.clear_aside(before=time.time() + 1, is_named=lambda found: found == name)

    assert b"OLD" * 5000 == meanwhile == store.inbox.load(message_id).raw
    assert [name] == files(store)


def test_half_written_files_are_swept(sqlite_store):
    """Those of a killed process, not those of one that writes now."""
    store = sqlite_store
    ended(store, "KEPT", 5000)
    folder = next(each for each in store.folder.joinpath("blobs").rglob("*") if each.is_file()).parent
    for name, age in ((".partial-old", 7200), (".partial-new", 0)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (store.clock().timestamp() - age,) * 2)
    retention(store).run()

    assert [".partial-new"] == [name for name in files(store) if name.startswith(".partial")]
