"""What a verification of the audit chain finds, and what signed checkpoints add."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785
import sqlalchemy as sa

from integration.errors import NotFound, StoreUnavailable
from integration.store import audit, checkpoints, keys
from integration.store.audit import Audit
from integration.store.records import BreakReason
from mappers.domain.attribution import AuditEvent
from mappers.domain.times import Moment

AT = Moment("2026-11-22T09:15:00.000000Z")


def event(kind: str = "role.started", **more: object) -> AuditEvent:
    return AuditEvent(kind=kind, at=AT, actor="worker", **more)  # type: ignore[arg-type]


@pytest.fixture
def chain(store):
    """A store with ten records, without the triggers, as an intruder with all rights finds it."""
    store.audit.append(*(event(details={"n": n}) for n in range(10))).result(timeout=30)
    if store.database.dialect == "sqlite":
        store.execute("DROP TRIGGER audit_no_update")
        store.execute("DROP TRIGGER audit_no_delete")
    else:
        store.execute("DROP TRIGGER audit_is_final ON audit")
    return store


def found(store: object, **more: object) -> tuple[int, BreakReason] | None:
    broken = store.audit.verify(**more).broken  # type: ignore[attr-defined]
    return (broken.seq, broken.reason) if broken else None


def test_a_whole_chain_is_whole(chain):
    """The report says how far it holds."""
    report = chain.audit.verify()
    assert (10, True, None) == (report.records, report.whole, report.broken)


def test_an_empty_chain_is_whole(store):
    """Before the first record there is nothing to break."""
    report = store.audit.verify()
    assert (0, True, audit.GENESIS) == (report.records, report.whole, report.last_hash)


@pytest.mark.parametrize(
    "column",
    ["at", "kind", "actor", "outcome", "message_id", "resource", "details", "prev", "hash", "version"],
)
def test_any_altered_column_is_found(chain, column):
    """Every column is bound by the hash; the first altered record is named."""
    value = "2" if column == "version" else "'x'"
    chain.execute(f"UPDATE audit SET {column} = {value} WHERE seq IN (4, 7)")
    assert (4, BreakReason.ALTERED) == found(chain)


def test_whitespace_in_details_is_an_alteration(chain):
    """Not the meaning is bound but the text."""
    chain.execute("UPDATE audit SET details = '{\"n\": 3}' WHERE seq = 4")
    assert (4, BreakReason.ALTERED) == found(chain)


@pytest.mark.parametrize("seq", [1, 5, 9])
def test_a_removed_record_is_found(chain, seq):
    """A gap in the numbers names the first that is missing."""
    chain.execute(f"DELETE FROM audit WHERE seq = {seq}")
    assert (seq, BreakReason.REMOVED) == found(chain)


def test_a_removed_record_whose_gap_was_closed_is_found(chain):
    """Renumbering the rest changes what their hashes cover."""
    chain.execute("DELETE FROM audit WHERE seq = 5")
    for seq in range(6, 11):
        chain.execute(f"UPDATE audit SET seq = {seq - 1} WHERE seq = {seq}")
    assert (5, BreakReason.ALTERED) == found(chain)


def test_swapped_records_are_found(chain):
    """Two records that change places are altered ones."""
    chain.execute("UPDATE audit SET seq = 99 WHERE seq = 4")
    chain.execute("UPDATE audit SET seq = 4 WHERE seq = 6")
    chain.execute("UPDATE audit SET seq = 6 WHERE seq = 99")
    assert (4, BreakReason.ALTERED) == found(chain)


def test_a_forged_record_with_a_right_hash_is_found(chain):
    """A record that was hashed anew no longer fits its successor."""
    fact = audit._fact(event(details={"n": "forged"}))
    with chain.database.read() as connection:
        prev = connection.exec_driver_sql("SELECT prev FROM audit WHERE seq = 4").scalar_one()
    digest = audit._digest(4, prev, fact)
    chain.execute(f"UPDATE audit SET details = '{fact.details}', hash = '{digest}' WHERE seq = 4")
    assert (5, BreakReason.REORDERED) == found(chain)


def rewrite(store, changed: int) -> None:
    """All of the chain anew from one altered record on, as an intruder who knows the form can."""
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM audit ORDER BY seq").mappings().all()
    link = audit.Link(changed - 1, rows[changed - 2]["hash"])
    facts = [
        audit.Fact(row["at"], row["kind"], "nobody" if row["seq"] == changed else row["actor"], row["outcome"],
                   row["message_id"], row["resource"], row["details"])
        for row in rows[changed - 1 :]
    ]  # fmt: skip

    def work(connection):
        connection.execute(sa.text(f"DELETE FROM audit WHERE seq >= {changed}"))
        audit.extend(connection, facts, link)

    store.database.write(work).result(timeout=30)


def test_a_chain_written_anew_deceives_without_a_checkpoint(chain):
    """Why checkpoints exist: a consistent chain is whole by itself."""
    rewrite(chain, 4)
    assert found(chain) is None


def test_a_checkpoint_finds_a_chain_written_anew(chain):
    """A signed hash does not fit the new chain."""
    chain.audit.checkpoint()
    rewrite(chain, 4)
    assert (10, BreakReason.REWRITTEN) == found(chain)


def test_a_checkpoint_finds_a_cut_off_end(chain, tmp_path):
    """Also when the intruder removed the database's own checkpoints: the file elsewhere knows."""
    file = tmp_path / "elsewhere" / "checkpoints.ndjson"
    chain.audit.checkpoint(file=file)
    assert found(chain, checkpoint_file=file) is None
    chain.execute("DELETE FROM audit WHERE seq > 8")
    assert (9, BreakReason.TRUNCATED) == found(chain)
    chain.execute("DELETE FROM checkpoint")

    assert found(chain) is None
    assert (9, BreakReason.TRUNCATED) == found(chain, checkpoint_file=file)


def test_a_vanished_chain_is_found(chain, tmp_path):
    """All records gone: nothing is broken but what the checkpoint knew."""
    file = tmp_path / "checkpoints.ndjson"
    chain.audit.checkpoint(file=file)
    chain.execute("DELETE FROM audit")
    chain.execute("DELETE FROM checkpoint")
    assert (1, BreakReason.TRUNCATED) == found(chain, checkpoint_file=file)


def test_a_checkpoint_says_how_the_chain_stands(store, tmp_path):
    """Count, last number and hash, time, key; it is itself an event of the chain."""
    store.audit.append(event(), event()).result(timeout=30)
    end = store.audit.verify().last_hash
    file = tmp_path / "checkpoints.ndjson"
    point = store.audit.checkpoint(file=file, actor="user:ada")

    assert (2, 2, end) == (point.count, point.last_seq, point.last_hash)
    assert "2026-11-22T09:15:00.000000Z" == point.at
    assert (point,) == checkpoints.read_file(file)
    last = list(store.audit.records())[-1].event
    assert ("audit.checkpointed", "user:ada") == (last.kind, last.actor)
    assert 2 == store.audit.verify(checkpoint_file=file).checkpoints


def test_a_checkpoint_line_can_be_verified_elsewhere(sqlite_store, tmp_path):
    """With the public key in it and the documented text, any Ed25519 implementation will do."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    file = tmp_path / "checkpoints.ndjson"
    sqlite_store.audit.checkpoint(file=file)
    line = json.loads(file.read_text())
    signature = base64.b64decode(line.pop("signature"))
    public = base64.b64decode(line.pop("public_key"))
    Ed25519PublicKey.from_public_bytes(public).verify(
        signature, b"wardwire audit checkpoint\n" + rfc8785.dumps(line)
    )
    assert line["key_id"] == "c-" + hashlib.sha256(public).hexdigest()[:8]


@pytest.mark.parametrize(
    "forge",
    [
        lambda line: line.replace('"last_seq":10', '"last_seq":9'),
        lambda line: line.replace('"count":10', '"count":11'),
        lambda line: line.replace('"at":"2026', '"at":"2027'),
        lambda line: line.replace('"signature":"', '"signature":"A'),
        lambda line: line[:40],
        lambda line: "not json",
        lambda line: "[]",
    ],
)
def test_a_forged_checkpoint_is_found(chain, tmp_path, forge):
    """A line that our keys did not sign breaks the proof: it must not pass for one."""
    file = tmp_path / "checkpoints.ndjson"
    chain.audit.checkpoint(file=file)
    file.write_text(forge(file.read_text().strip()) + "\n")
    assert found(chain, checkpoint_file=file)[1] is BreakReason.UNSIGNED


def test_a_strangers_checkpoint_is_not_believed(sqlite_store):
    """Only keys of the key file sign; an earlier one of them still does."""
    stranger = Audit(sqlite_store.database, keys.generate(), sqlite_store.clock)
    sqlite_store.audit.append(event()).result(timeout=30)
    point = stranger.checkpoint()

    assert (point.last_seq, BreakReason.UNSIGNED) == found(sqlite_store)
    rotated = keys.Keys(
        sqlite_store.keys.seal,
        sqlite_store.keys.digest,
        keys.KeyRing((*sqlite_store.keys.checkpoint.keys, *stranger.keys.checkpoint.keys)),
    )
    assert Audit(sqlite_store.database, rotated, sqlite_store.clock).verify().whole


def test_checkpoints_of_a_growing_chain_all_agree(store, tmp_path):
    """One after the other, in the table and in the file."""
    file = tmp_path / "checkpoints.ndjson"
    for n in range(3):
        store.submit(b"%d" % n, control_id=str(n))
        store.audit.checkpoint(file=file)
    report = store.audit.verify(checkpoint_file=file)

    assert (6, 6, True) == (report.records, report.checkpoints, report.whole)


def test_a_checkpoint_file_that_is_not_there(sqlite_store, tmp_path):
    """Asking for a proof with a file that is gone is an error, never a silent pass."""
    with pytest.raises(NotFound):
        sqlite_store.audit.verify(checkpoint_file=tmp_path / "gone.ndjson")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnavailable):
        sqlite_store.audit.checkpoint(file=tmp_path / "folder")
