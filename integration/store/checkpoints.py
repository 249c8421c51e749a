"""Signed checkpoints: how long the audit chain was at a moment, and how it ended.

A chain shows what was altered in it, not that its end was cut off, nor that somebody wrote all of it anew. A
checkpoint signed with Ed25519 (RFC 8032) and kept on another machine shows both. The file holds one a line,
with the public key, so that it can be verified without Wardwire.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from integration.errors import NotFound
from integration.store.canonical import canonical
from integration.store.durable_files import make_folder, sync_folder, unavailable_on_oserror
from integration.store.keys import Key, Keys, public_bytes
from integration.store.records import SignedCheckpoint
from integration.store.statements import insert

_VERSION = 1
_COLUMNS = ("last_seq", "count", "at", "last_hash", "key_id", "signature")
#: Keeps a signature from being mistaken for one over something else.
_CONTEXT = "wardwire audit checkpoint\n"


def sign(keys: Keys, *, at: str, count: int, last_seq: int, last_hash: str) -> SignedCheckpoint:
    """A checkpoint under the current key."""
    key = keys.checkpoint.current
    point = SignedCheckpoint(
        at=at, count=count, last_seq=last_seq, last_hash=last_hash, key_id=key.id, signature=""
    )
    signature = Ed25519PrivateKey.from_private_bytes(key.secret).sign(_signed_bytes(point))
    return SignedCheckpoint(
        at=at, count=count, last_seq=last_seq, last_hash=last_hash, key_id=key.id,
        signature=base64.b64encode(signature).decode(),
    )  # fmt: skip


def is_genuine(point: SignedCheckpoint, keys: Keys) -> bool:
    """Whether one of our keys signed it."""
    key = _key(point.key_id, keys)
    if key is None:
        return False
    public = Ed25519PrivateKey.from_private_bytes(key.secret).public_key()
    try:
        public.verify(base64.b64decode(point.signature, validate=True), _signed_bytes(point))
    except (InvalidSignature, ValueError):
        return False
    return True


def keep(connection: Connection, point: SignedCheckpoint) -> None:
    """Store a checkpoint in the caller's transaction."""
    row = tuple(getattr(point, column) for column in _COLUMNS)
    insert(connection, "checkpoint", _COLUMNS, [row])


def stored(connection: Connection) -> tuple[SignedCheckpoint, ...]:
    """The checkpoints in the database, oldest first."""
    rows = connection.exec_driver_sql(f"SELECT {', '.join(_COLUMNS)} FROM checkpoint ORDER BY last_seq")  # noqa: S608
    return tuple(SignedCheckpoint(**row._mapping) for row in rows)  # noqa: SLF001  # SQLAlchemy's public name


def append_to_file(path: Path, point: SignedCheckpoint, keys: Keys) -> None:
    """Add a line to a checkpoint file, synced.

    Raises:
        StoreUnavailable: the file does not take it.
    """
    key = _key(point.key_id, keys)
    public = base64.b64encode(public_bytes(key.secret)).decode() if key else ""
    line = canonical({**_content(point), "public_key": public, "signature": point.signature})
    with unavailable_on_oserror("the checkpoint file"):
        make_folder(path.absolute().parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            os.write(descriptor, line.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(path.absolute().parent)


def read_file(path: Path) -> tuple[SignedCheckpoint, ...]:
    """The checkpoints of a file. A line that cannot be read stands for one that nobody signed.

    Raises:
        NotFound: there is no such file.
    """
    with unavailable_on_oserror("the checkpoint file"):
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            raise NotFound(f"there is no checkpoint file {path}") from None
    return tuple(_read_line(line) for line in lines)


def _read_line(line: bytes) -> SignedCheckpoint:
    try:
        content = json.loads(line)
        return SignedCheckpoint(
            at=str(content["at"]), count=int(content["count"]), last_seq=int(content["last_seq"]),
            last_hash=str(content["last_hash"]), key_id=str(content["key_id"]),
            signature=str(content["signature"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return SignedCheckpoint(at="", count=0, last_seq=0, last_hash="", key_id="", signature="")


def _key(key_id: str, keys: Keys) -> Key | None:
    return next((key for key in keys.checkpoint.keys if key.id == key_id), None)


def _content(point: SignedCheckpoint) -> dict[str, str | int]:
    return {
        "at": point.at, "count": point.count, "key_id": point.key_id,
        "last_hash": point.last_hash, "last_seq": point.last_seq, "v": _VERSION,
    }  # fmt: skip


def _signed_bytes(point: SignedCheckpoint) -> bytes:
    return (_CONTEXT + canonical(_content(point))).encode()
