"""The inbox: what a receipt promises, for threads and coroutines, and when things break."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from integration.errors import StoreUnavailable
from integration.states import MessageState
from integration.store import keys
from integration.store.audit import Audit
from integration.store.blobs import Blobs
from integration.store.database import Database
from integration.store.inbox import Inbox
from integration.store.records import MessageFilter
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue, IssueCode, Severity

LARGE = b"MSH|^~\\&|large|" + bytes(range(256)) * 40
NOT_PRODUCTION = Issue(
    Severity.ERROR, IssueCode.NOT_SUPPORTED, "MSH[1]-11", "not the processing id here", "202"
)


@pytest.mark.parametrize("raw", [b"MSH|^~\\&|small", LARGE, b"", bytes(range(256))])
def test_bytes_come_back_verbatim(store, raw):
    """Small and large messages are read back as they were received."""
    receipt = store.submit(raw)

    assert raw == store.inbox.load(receipt.message_id).raw


def test_a_stored_message_has_what_the_door_knew(store):
    """Every fact of the arrival is in the record, times in UTC."""
    receipt = store.submit()
    stored = store.inbox.load(receipt.message_id)

    assert (Verdict.ACCEPTED, (), False) == (receipt.verdict, receipt.issues, receipt.duplicate)
    assert "2026-11-22T09:15:00.000000Z" == stored.received_at
    assert ("lab", "10.1.2.3:50123", "LAB|HOSP", "M1") == (
        stored.channel, stored.peer, stored.sender, stored.control_id,
    )  # fmt: skip
    assert ("ORU^R01^ORU_R01", "2.5.1", "P") == (stored.trigger, stored.version, stored.processing_id)
    assert (MessageState.RECEIVED, 0, 0, None) == (
        stored.state, stored.attempts, stored.replays, stored.parent_id,
    )  # fmt: skip
    assert len(b"MSH|^~\\&|one") == stored.size


def test_one_transaction_holds_row_and_audit_record(store):
    """The audit record names the message, its size and keyed digest, and carries its number."""
    receipt = store.submit()
    stored = store.inbox.load(receipt.message_id)
    (record,) = store.audit.trail(receipt.message_id)

    assert ("message.received", stored.seq) == (record.event.kind, record.seq)
    assert {"channel": "lab", "digest": stored.digest, "size": 12, "verdict": "AA"} == record.event.details


def test_a_large_message_is_a_file_and_a_small_one_is_not(sqlite_store):
    """Only what is larger than the limit leaves the database."""
    sqlite_store.submit(b"small")
    assert [] == list(sqlite_store.folder.glob("blobs/??/??/*"))

    sqlite_store.submit(LARGE, control_id="M2")
    assert 1 == len(list(sqlite_store.folder.glob("blobs/??/??/*")))


def test_nothing_on_disk_shows_the_patient(sqlite_store):
    """Neither payload nor order key can be read in any file of the store."""
    marker = b"ZZPATIENTZZ"
    for raw, control_id in ((marker, "M1"), (marker + LARGE, "M2")):
        sqlite_store.submit(raw, control_id=control_id, order_key=marker.decode())
    sqlite_store.database.close()
    files = [path for path in sqlite_store.folder.rglob("*") if path.is_file()]

    assert len(files) >= 3
    assert [] == [path.name for path in files if marker in path.read_bytes() or marker.decode() in path.name]


def test_a_refused_message_is_kept_and_not_processed(store):
    """What the door refuses is stored with its issues and never handed to the engine."""
    receipt = store.submit(verdict=Verdict.REJECTED, issues=(NOT_PRODUCTION,))
    stored = store.inbox.load(receipt.message_id)

    assert (Verdict.REJECTED, (NOT_PRODUCTION,)) == (receipt.verdict, receipt.issues)
    assert (MessageState.REFUSED, (NOT_PRODUCTION,)) == (stored.state, stored.issues)
    assert b"MSH|^~\\&|one" == stored.raw
    assert () == store.inbox.undispatched()
    assert ["message.refused"] == store.kinds()


def test_fields_of_any_shape_are_stored(store):
    """NUL, controls, lone surrogates and endless ids neither stop the store nor make two messages one."""
    odd = ["\x00", "a\x1fb", "\udc80", "é" * 5000, "é" * 5001, "\u2028", "'; DROP TABLE message; --"]
    receipts = [store.submit(b"%d" % n, control_id=text, sender=text) for n, text in enumerate(odd)]

    assert [Verdict.ACCEPTED] * len(odd) == [receipt.verdict for receipt in receipts]
    assert len(odd) == len({receipt.message_id for receipt in receipts})
    assert all(len(store.inbox.load(r.message_id).control_id) <= 199 for r in receipts)
    assert store.submit(b"3", control_id="é" * 5000, sender="é" * 5000).duplicate


def test_coroutines_get_their_receipts(store):
    """Many coroutines at once: each its own receipt, all in one chain."""

    async def send() -> list[str]:
        loop = asyncio.get_running_loop()
        futures = [
            store.inbox.submit_async(store.arrival(b"%d" % n, control_id=str(n)), loop) for n in range(200)
        ]
        return [receipt.message_id for receipt in await asyncio.gather(*futures)]

    ids = asyncio.run(send())

    assert 200 == len(set(ids))
    assert b"123" == store.inbox.load(ids[123]).raw
    assert 200 == store.audit.verify().records


def test_order_of_one_key_survives_a_large_message(store):
    """What is sent behind a large message of the same patient is committed behind it."""

    async def send() -> None:
        loop = asyncio.get_running_loop()
        futures = [
            store.inbox.submit_async(
                store.arrival(LARGE * 20 if n % 5 == 0 else b"%d" % n, control_id=str(n)), loop
            )
            for n in range(40)
        ]
        await asyncio.gather(*futures)

    asyncio.run(send())
    rows = sorted(store.inbox.list(MessageFilter()), key=lambda message: message.seq)

    assert [str(n) for n in range(40)] == [message.control_id for message in rows]


def test_a_cancelled_coroutine_holds_nobody_up(store):
    """A connection that goes away while its large message is written does not block its order key."""

    async def send() -> str:
        loop = asyncio.get_running_loop()
        gone = store.inbox.submit_async(store.arrival(LARGE, control_id="gone"), loop)
        behind = store.inbox.submit_async(store.arrival(b"behind", control_id="behind"), loop)
        gone.cancel()
        return (await asyncio.wait_for(behind, 30)).message_id

    assert b"behind" == store.inbox.load(asyncio.run(send())).raw


def test_a_full_disk_for_blobs_refuses_the_message(sqlite_store, monkeypatch):
    """No blob, no row, no receipt, no rubbish; afterwards all is well again."""
    real = os.write

    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("integration.store.durable_files.os.write", full)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        sqlite_store.inbox.submit(sqlite_store.arrival(LARGE))
    monkeypatch.setattr("integration.store.durable_files.os.write", real)

    assert [] == sqlite_store.kinds()
    assert [] == list(sqlite_store.folder.glob("blobs/??/??/*"))
    assert Verdict.ACCEPTED == sqlite_store.submit(LARGE).verdict


_SENDER = """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    from integration.store import keys
    from integration.store.blobs import Blobs
    from integration.store.database import Database
    from integration.store.inbox import Inbox
    from integration.store.records import Arrival

    folder, url = Path(sys.argv[1]), sys.argv[2]
    ring = keys.load(folder / "keys.json")
    inbox = Inbox(Database(url), Blobs(folder / "blobs", ring), ring, clock=lambda: datetime.now(UTC))
    for n in range(100_000):
        raw = b"%d" % n * (1 if n % 3 else 5000)
        arrival = Arrival(channel="c", peer="p", raw=raw, received_at=datetime.now(UTC), control_id=str(n))
        print(inbox.submit(arrival).result().message_id, flush=True)
"""


def test_whatever_was_receipted_survives_kill_9(store):
    """A process is killed while it sends: every receipt that it got out stands for a message on disk."""
    sender = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_SENDER), str(store.folder), store.url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sender.stdout is not None
    receipts = [sender.stdout.readline().strip() for _ in range(60)]
    sender.send_signal(signal.SIGKILL)
    receipts += [line.strip() for line in sender.stdout.readlines() if line.endswith("\n")]
    sender.wait(timeout=30)
    sender.stdout.close()

    database = Database(store.url)
    ring = keys.load(store.folder / "keys.json")
    inbox = Inbox(database, Blobs(store.folder / "blobs", ring), ring, clock=store.clock)
    for n, message_id in enumerate(receipts):
        assert b"%d" % n * (1 if n % 3 else 5000) == inbox.load(message_id).raw
    assert Audit(database, ring, store.clock).verify().whole
    database.close()
