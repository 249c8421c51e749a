"""The key file: what seals payloads, keys digests and signs checkpoints; its form and its safety on disk.

    {"format": "wardwire-keys", "version": 1,
     "seal": [{"id": "s-…", "secret": "<base64 of 32 bytes>"}], "digest": […], "checkpoint": […]}

Of each list the first key is used for new work and the others still open and verify what they made, so a
rotation is a new first entry. Whoever loses this file loses every payload: it belongs into the backup, apart
from the data. Digests are compared under the current key only, so within a week after its rotation a resend
of a message that came before it counts as new.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from integration.errors import SettingsInvalid
from integration.store.durable_files import publish

_FORMAT = "wardwire-keys"
_VERSION = 1
_USES = ("seal", "digest", "checkpoint")
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of 32 bytes and the public name that is written beside everything it made."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys of one use, the current one first."""

    keys: tuple[Key, ...]

    @property
    def current(self) -> Key:
        """The key for new work."""
        return self.keys[0]


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one installation."""

    seal: KeyRing
    digest: KeyRing
    checkpoint: KeyRing

    def digest_of(self, content: bytes) -> str:
        """Keyed HMAC-SHA-256, "key id:hex": comparable here, meaningless to who lacks the key."""
        key = self.digest.current
        return f"{key.id}:{hmac.digest(key.secret, content, 'sha256').hex()}"

    def mark_of(self, content: bytes) -> str:
        """Half of that, 32 hex digits: enough to tell contents apart in a column or an index."""
        return hmac.digest(self.digest.current.secret, content, "sha256")[:16].hex()


def generate(randomness: Callable[[int], bytes] = os.urandom) -> Keys:
    """New keys for a new installation."""
    return Keys(*(KeyRing((_new_key(use, randomness(_SECRET_BYTES)),)) for use in _USES))


def _new_key(use: str, secret: bytes) -> Key:
    # A checkpoint key is named by its public half, so that who verifies elsewhere can tell which it is.
    named_by = public_bytes(secret) if use == "checkpoint" else hashlib.sha256(b"key id:" + secret).digest()
    return Key(f"{use[0]}-{hashlib.sha256(named_by).hexdigest()[:8]}", secret)


def public_bytes(secret: bytes) -> bytes:
    """The raw Ed25519 public key (RFC 8032) of a checkpoint key."""
    return (
        Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    )


def encode(keys: Keys) -> str:
    """The text of a key file."""
    rings: dict[str, Any] = {
        use: [
            {"id": key.id, "secret": base64.b64encode(key.secret).decode()} for key in getattr(keys, use).keys
        ]
        for use in _USES
    }
    return json.dumps({"format": _FORMAT, "version": _VERSION, **rings}, indent=2) + "\n"


def parse(text: str) -> Keys:
    """Read the text of a key file, e.g. out of a secret in the environment.

    Raises:
        SettingsInvalid: it is no key file of this version; the message never repeats any of it.
    """
    try:
        content = json.loads(text)
        if content["format"] != _FORMAT or content["version"] != _VERSION:
            raise SettingsInvalid("the key file is of another format or version")
        return Keys(*(_ring(content[use]) for use in _USES))
    except (ValueError, KeyError, TypeError):
        raise SettingsInvalid("the key file is damaged: restore it from the backup") from None


def _ring(entries: list[dict[str, str]]) -> KeyRing:
    keys = tuple(Key(entry["id"], _secret(entry["secret"])) for entry in entries)
    if not keys or not all(key.id and key.id.isascii() and len(key.id) <= 64 for key in keys):  # noqa: PLR2004
        raise ValueError
    return KeyRing(keys)


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None
    if len(secret) != _SECRET_BYTES:
        raise ValueError
    return secret


def load(path: Path) -> Keys:
    """The keys in this file.

    Raises:
        SettingsInvalid: it is missing, damaged, or others than its owner may read or write it.
    """
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except FileNotFoundError:
        raise SettingsInvalid(f"there is no key file {path}") from None
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"the key file {path} cannot be read") from None
    if mode & 0o077:
        raise SettingsInvalid(f"others may read the key file {path}: chmod 600 it")
    return parse(text)


def load_or_generate(path: Path, randomness: Callable[[int], bytes] = os.urandom) -> Keys:
    """The keys in this file; at first start it is made, on disk before the first byte is sealed with it.

    Of several processes that start at once, one makes the file and all use that one.

    Raises:
        SettingsInvalid: as `load`.
        StoreUnavailable: the file cannot be written.
    """
    if not path.exists():
        publish(path, encode(generate(randomness)).encode(), replace=False)
    return load(path)
