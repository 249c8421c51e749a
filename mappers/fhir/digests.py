"""Digests as URIs: a message is named by what its bytes are (RFC 6920)."""

from __future__ import annotations

import base64
import hashlib

from mappers.domain.coding import Concept


def source_uri(sha256: str) -> str:
    """The `ni:` URI of a SHA-256 digest given as hex: RFC 6920 §3, base64url without padding."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode("ascii")
    return f"ni:///sha-256;{digest}"


def key_of(code: Concept) -> str:
    """A code as a short digest: the same for the same codings, or for the same words where there are none."""
    parts = [f"{each.system or ''}|{each.code}" for each in code.codings if each.code] or [code.text or ""]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
