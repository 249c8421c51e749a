"""Payloads at rest: sealed, durable, named so that a name tells nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.errors import BlobCorrupt, NotFound, SettingsInvalid, StoreUnavailable
from integration.store import keys
from integration.store.blobs import Blobs
from integration.store.keys import KeyRing, Keys
from integration.store.sealing import Sealer

RING = keys.generate()
OTHER = keys.generate()


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "blobs", RING)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


# --- the sealed form ------------------------------------------------------------------------------------


@given(content=st.binary(max_size=200), place=st.text(max_size=20))
def test_what_is_sealed_opens_in_its_place_only(content, place):
    """Any bytes come back; in another place they do not open."""
    sealer = Sealer(RING.seal)
    sealed = sealer.seal(content, bound_to=place)

    assert content == sealer.open(sealed, bound_to=place)
    with pytest.raises(BlobCorrupt):
        sealer.open(sealed, bound_to=place + "x")


@given(content=st.binary(min_size=16, max_size=64), data=st.data())
def test_no_altered_byte_goes_unseen(content, data):
    """Any flipped bit, any cut and any addition breaks the seal."""
    sealed = Sealer(RING.seal).seal(content, bound_to="here")
    at = data.draw(st.integers(0, len(sealed) - 1))
    flipped = bytes([*sealed[:at], sealed[at] ^ (1 << data.draw(st.integers(0, 7))), *sealed[at + 1 :]])

    for altered in (flipped, sealed[:at], sealed + b"\x00"):
        with pytest.raises(BlobCorrupt):
            Sealer(RING.seal).open(altered, bound_to="here")


def test_the_envelope_is_the_documented_one():
    """Magic, version, key id, nonce, ciphertext and tag: what another program needs to read it."""
    sealed = Sealer(RING.seal, randomness=lambda count: b"n" * count).seal(b"content", bound_to="here")
    key_id = RING.seal.current.id.encode()

    assert sealed.startswith(b"WWS\x01" + bytes([len(key_id)]) + key_id + b"n" * 12)
    assert len(sealed) == 5 + len(key_id) + 12 + len(b"content") + 16
    assert b"content" not in sealed


def test_the_same_bytes_are_never_sealed_alike():
    """Nonces are random, so equal payloads cannot be recognised in the database."""
    sealer = Sealer(RING.seal)
    assert 100 == len({sealer.seal(b"same", bound_to="here") for _ in range(100)})


def test_a_rotated_key_opens_what_it_sealed():
    """New work takes the first key of a ring; the others still open. Without the key it does not open."""
    old = Sealer(RING.seal).seal(b"old", bound_to="here")
    rotated = Sealer(KeyRing((*OTHER.seal.keys, *RING.seal.keys)))

    assert b"old" == rotated.open(old, bound_to="here")
    with pytest.raises(BlobCorrupt, match="key file does not hold"):
        Sealer(OTHER.seal).open(old, bound_to="here")
    with pytest.raises(BlobCorrupt, match="key file does not hold"):
        Sealer(RING.seal).open(rotated.seal(b"new", bound_to="here"), bound_to="here")


# --- the folder -------------------------------------------------------------------------------------------


def test_a_blob_comes_back(blobs):
    """Any content, by its name and kind."""
    for content in (b"", b"x", os.urandom(100_000)):
        assert content == blobs.get(blobs.put(content, kind="message"), kind="message")


def test_a_name_tells_nothing(blobs, tmp_path):
    """Names are keyed: without the key nobody can test a guess of the content, and no byte of it shows."""
    name = blobs.put(b"ZZPATIENTZZ", kind="message")
    (path,) = files(tmp_path)

    assert (name[:2], name[2:4], name) == path.parts[-3:]
    assert b"ZZPATIENTZZ" not in path.read_bytes()
    assert name != Blobs(tmp_path / "elsewhere", OTHER).put(b"ZZPATIENTZZ", kind="message")


def test_the_same_content_is_one_file_of_its_kind(blobs, tmp_path):
    """Written once; as another kind it is another blob, and neither opens as the other."""
    first = blobs.put(b"same", kind="message")
    assert first == blobs.put(b"same", kind="message")
    assert 1 == len(files(tmp_path))

    assert first != blobs.put(b"same", kind="document")
    with pytest.raises(BlobCorrupt):
        blobs.get(first, kind="document")


def test_files_are_the_owners_alone(blobs, tmp_path):
    """No group or world bits on any file or folder."""
    blobs.put(b"content", kind="message")
    made = [tmp_path / "blobs", *(tmp_path / "blobs").rglob("*")]
    assert {0} == {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in made}


def test_a_damaged_blob_is_named_as_such_and_mended_by_the_next_copy(blobs, tmp_path):
    """Bit rot is found at reading; a new message with that content does not trust the damaged file."""
    name = blobs.put(b"content", kind="message")
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(BlobCorrupt):
        blobs.get(name, kind="message")

    assert name == blobs.put(b"content", kind="message")
    assert b"content" == blobs.get(name, kind="message")


def test_a_blob_under_another_ones_name_is_found_out(blobs, tmp_path):
    """Swapped files do not open: the name is part of the seal."""
    names = [blobs.put(content, kind="message") for content in (b"one", b"two")]
    paths = [next(path for path in files(tmp_path) if path.name == name) for name in names]
    contents = [path.read_bytes() for path in paths]
    paths[0].write_bytes(contents[1])
    with pytest.raises(BlobCorrupt):
        blobs.get(names[0], kind="message")


@pytest.mark.parametrize("name", ["", "0" * 63, "../" * 20 + "abcd", "0" * 64])
def test_what_is_not_there_is_not_found(blobs, name):
    """Unknown and impossible names alike; none leaves the folder."""
    with pytest.raises(NotFound):
        blobs.get(name, kind="message")


def test_a_digest_key_rotation_keeps_old_blobs_readable(tmp_path):
    """Names of an earlier digest key still verify."""
    name = Blobs(tmp_path, RING).put(b"old", kind="message")
    rotated = Keys(RING.seal, KeyRing((*OTHER.digest.keys, *RING.digest.keys)), RING.checkpoint)

    assert b"old" == Blobs(tmp_path, rotated).get(name, kind="message")
    assert name != Blobs(tmp_path, rotated).put(b"old", kind="message")


def test_synced_before_it_returns(blobs, monkeypatch):
    """File first, then its name: fsync of the file, rename, fsync of the folder and of the new folders."""
    steps = []
    real_sync, real_rename = os.fsync, os.replace

    def sync(descriptor):
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    def rename(source, target, **options):
        steps.append("rename")
        real_rename(source, target, **options)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    blobs.put(b"content", kind="message")

    assert ["file", "rename", "folder"] == steps[-3:]
    assert steps[:-3].count("folder") >= 2


@pytest.mark.parametrize(("number", "words"), [(28, "the disk is full"), (30, "read-only"), (5, "error 5")])
def test_a_disk_that_refuses_is_unavailable(blobs, tmp_path, monkeypatch, number, words):
    """The reason is said, nothing half-written stays."""

    def refuse(descriptor, data):
        raise OSError(number, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with pytest.raises(StoreUnavailable, match=words):
            blobs.put(b"content", kind="message")
    assert [] == files(tmp_path)
    assert b"content" == blobs.get(blobs.put(b"content", kind="message"), kind="message")


def test_leftovers_of_a_killed_process_are_swept(blobs, tmp_path):
    """Half-written files go when they are old; whole ones and those at work stay."""
    name = blobs.put(b"content", kind="message")
    folder = next(path for path in files(tmp_path)).parent
    old, young = folder / ".partial-old", folder / ".partial-young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (1, 1))

    assert 1 == blobs.sweep(before=time.time() - 3600)
    assert (False, True) == (old.exists(), young.exists())
    assert b"content" == blobs.get(name, kind="message")


def test_sixty_megabytes(blobs):
    """A message of 60 MB is kept and read with at most three copies in memory at a time."""
    content = bytes(60_000_000)
    tracemalloc.start()
    name = blobs.put(content, kind="message")
    read = blobs.get(name, kind="message")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert content == read
    assert peak < 2.2 * len(content)


_WRITER = """
    import sys
    from pathlib import Path
    from integration.store import keys
    from integration.store.blobs import Blobs
    blobs = Blobs(Path(sys.argv[1]) / "blobs", keys.load(Path(sys.argv[1]) / "keys.json"))
    for n in range(100_000):
        print(blobs.put(b"%d" % n * 3000, kind="message"), flush=True)
"""


def test_a_killed_writer_leaves_no_broken_blob(tmp_path):
    """Every name that got out stands for a whole file, and no other file passes for a blob."""
    ring = keys.load_or_generate(tmp_path / "keys.json")
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_WRITER), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    names = [writer.stdout.readline().strip() for _ in range(20)]
    writer.kill()
    names += [line.strip() for line in writer.stdout.readlines() if line.endswith("\n")]
    writer.wait(timeout=30)
    writer.stdout.close()
    blobs = Blobs(tmp_path / "blobs", ring)

    assert [b"%d" % n * 3000 for n in range(len(names))] == [
        blobs.get(name, kind="message") for name in names
    ]


# --- the key file -----------------------------------------------------------------------------------------


def test_the_key_file_is_made_once_for_its_owner(tmp_path):
    """At first start keys appear, readable by nobody else; the next start finds them."""
    path = tmp_path / "data" / "keys.json"
    made = keys.load_or_generate(path)

    assert made == keys.load_or_generate(path) == keys.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path] == files(tmp_path)


def test_of_many_first_starts_one_makes_the_keys(tmp_path):
    """Processes that start together agree on one key file."""
    path = tmp_path / "keys.json"
    program = f"from integration.store import keys; from pathlib import Path; print(keys.load_or_generate(Path({str(path)!r})).seal.current.id)"
    starts = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert {keys.load_or_generate(path).seal.current.id} == {
        start.communicate(timeout=60)[0].strip() for start in starts
    }


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path, mode):
    """The message names the file and the remedy."""
    path = tmp_path / "keys.json"
    keys.load_or_generate(path)
    path.chmod(mode)
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        keys.load_or_generate(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"version": 1', '"version": 2'),
        lambda text: text.replace('"seal"', '"other"'),
        lambda text: text.replace(keys.encode(RING)[120:130], "!"),
        lambda text: "[]",
        lambda text: "",
        lambda text: text.replace("wardwire-keys", "ssh"),
    ],
)
def test_a_damaged_key_file_is_refused_without_quoting_it(damage):
    """Settings errors go to logs; keys must not."""
    text = damage(keys.encode(RING))
    with pytest.raises(SettingsInvalid) as caught:
        keys.parse(text)
    secret = keys.encode(RING)[100:140]
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_key_file_is_named(tmp_path):
    """`load` never makes one: a lost key file must not be replaced by another in silence."""
    with pytest.raises(SettingsInvalid, match="no key file"):
        keys.load(tmp_path / "keys.json")


def test_keys_survive_their_text():
    """What is encoded is parsed to the same keys; secrets do not show in a repr."""
    assert RING == keys.parse(keys.encode(RING))
    assert RING.seal.current.secret.hex() not in repr(RING)
    assert "secret" not in repr(RING)


def test_digests_need_the_key():
    """Equal under one key, different under another, and named by it."""
    assert RING.digest_of(b"x") == RING.digest_of(b"x")
    assert RING.digest_of(b"x") != OTHER.digest_of(b"x")
    assert RING.digest_of(b"x").startswith(RING.digest.current.id + ":")
    assert RING.mark_of(b"x") == RING.digest_of(b"x").partition(":")[2][:32]
