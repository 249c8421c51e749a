"""The sealed form of bytes at rest: AES-256-GCM in a small versioned envelope. Does no IO.

    magic "WWS" · version 1 · length of the key id · key id · nonce (12 bytes) · ciphertext · tag (16 bytes)

Everything before the nonce, and `bound_to`, which says what the bytes are and belong to, is authenticated: a
payload copied to another row or file does not open. Nonces are random; NIST SP 800-38D §8.3 allows 2^32 of
them under one key (50 messages a second for two and a half years), so rotate the key before that.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integration.errors import BlobCorrupt
from integration.store.keys import KeyRing

_MAGIC = b"WWS\x01"
_NONCE = 12
_TAG = 16


class Sealer:
    """Seals under the current key of a ring, opens under any of them.

    Args:
        ring: AES keys of 32 bytes.
        randomness: gives that many random bytes.
    """

    def __init__(self, ring: KeyRing, randomness: Callable[[int], bytes] = os.urandom) -> None:
        self._ciphers = {key.id.encode(): AESGCM(key.secret) for key in ring.keys}
        current = ring.current.id.encode()
        self._prefix = _MAGIC + bytes((len(current),)) + current
        self._encrypt = self._ciphers[current].encrypt
        self._randomness = randomness

    def seal(self, content: bytes, *, bound_to: str) -> bytes:
        """The envelope around `content`; `bound_to` is needed again to open it."""
        head, body = self.seal_parts(content, bound_to=bound_to)
        return head + body

    def seal_parts(self, content: bytes, *, bound_to: str) -> tuple[bytes, bytes]:
        """The envelope in two parts, so that tens of megabytes are not copied to join them."""
        nonce = self._randomness(_NONCE)
        prefix = self._prefix
        return prefix + nonce, self._encrypt(nonce, content, prefix + bound_to.encode())

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        """What was sealed for this place.

        Raises:
            BlobCorrupt: it was altered, belongs elsewhere, or its key is not in the ring.
        """
        head = len(_MAGIC)
        start = head + 1 + sealed[head] if len(sealed) > head else 0
        if sealed[:head] != _MAGIC or len(sealed) < start + _NONCE + _TAG:
            raise BlobCorrupt("these bytes are not in the sealed form")
        cipher = self._ciphers.get(sealed[head + 1 : start])
        if cipher is None:
            raise BlobCorrupt("sealed under a key that the key file does not hold")
        view = memoryview(sealed)
        try:
            # A view, so that a payload of tens of megabytes is not copied once more.
            return cipher.decrypt(
                sealed[start : start + _NONCE], view[start + _NONCE :], sealed[:start] + bound_to.encode()
            )
        except InvalidTag:
            raise BlobCorrupt("the seal is broken: altered, or sealed for another place") from None
