"""The installation's seal over what somebody signed: a JWS (RFC 7515) with EdDSA (RFC 8037).

It binds who, when, why and the digest of each version together, so that none of them can be exchanged without
this installation's key. It is the seal of the installation that authenticated the person, no certificate of
the person's own. The key is that of the audit checkpoints, whose public half is in the checkpoint file.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from integration.store.canonical import canonical
from integration.store.keys import Keys

_TYPE = "wardwire-signature+jws"


def seal(keys: Keys, facts: Mapping[str, Any]) -> str:
    """The facts as a compact JWS under the current key."""
    key = keys.checkpoint.current
    header = _part({"alg": "EdDSA", "kid": key.id, "typ": _TYPE})
    signed = f"{header}.{_part(facts)}"
    return f"{signed}.{_encoded(Ed25519PrivateKey.from_private_bytes(key.secret).sign(signed.encode()))}"


def opened(keys: Keys, jws: str) -> dict[str, Any] | None:
    """The facts of a JWS that one of our keys signed; None for any other text."""
    try:
        header, facts, signature = jws.split(".")
        named = json.loads(_decoded(header))
        key = next(key for key in keys.checkpoint.keys if key.id == named["kid"])
        public = Ed25519PrivateKey.from_private_bytes(key.secret).public_key()
        public.verify(_decoded(signature), f"{header}.{facts}".encode())
        found: dict[str, Any] = json.loads(_decoded(facts))
    except (ValueError, KeyError, TypeError, StopIteration, InvalidSignature):
        return None
    return found if named.get("typ") == _TYPE else None


def _part(value: Mapping[str, Any]) -> str:
    return _encoded(canonical(value).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
