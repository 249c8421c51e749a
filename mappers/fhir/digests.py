"""Digests as URIs: a message is named by what its bytes are (RFC 6920)."""

from __future__ import annotations

import base64


def source_uri(sha256: str) -> str:
    """The `ni:` URI of a SHA-256 digest given as hex: RFC 6920 §3, base64url without padding."""
    digest = base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode("ascii")
    return f"ni:///sha-256;{digest}"
