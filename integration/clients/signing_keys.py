"""The keys by which Wardwire proves who it is to a SMART server, and what the world may see of them.

One key signs; all that are listed are published, so that a server that cached the old set goes on while
keys change. A key is named by its RFC 7638 thumbprint, the same in every process and after every restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from integration.errors import SettingsInvalid

_LEAST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key.

    Attributes:
        kid: RFC 7638 thumbprint of its public half.
        algorithm: RS384 or ES384, the two that every SMART server knows.
    """

    kid: str
    algorithm: str
    key: RSAKey | ECKey = field(repr=False)

    def public(self) -> dict[str, Any]:
        """The JWK to publish."""
        shown = self.key.as_dict(private=False)
        return {**shown, "kid": self.kid, "alg": self.algorithm, "use": "sig", "key_ops": ["verify"]}


def read_key(path: Path) -> SigningKey:
    """A private key of a PEM file: RSA of at least 2048 bits, or EC on P-384.

    Raises:
        SettingsInvalid: it is neither, or others than its owner can read it.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsInvalid(f"others may read the signing key {path.name}: chmod 600 it")
        pem = path.read_bytes()
    except OSError:
        raise SettingsInvalid(f"the signing key {path.name} cannot be read") from None
    for kind in ("EC", "RSA"):
        try:
            key = import_key(pem, kind)
        except (JoseError, ValueError, TypeError):
            continue
        signing = _signing_key(key)
        if signing is not None:
            return signing
    wanted = "a private key in PEM: RSA of 2048 bits or more, or EC on P-384"
    raise SettingsInvalid(f"the signing key {path.name} is not {wanted}")


def _signing_key(key: object) -> SigningKey | None:
    if isinstance(key, ECKey) and key.is_private and key.curve_name == "P-384":
        return SigningKey(key.thumbprint(), "ES384", key)
    if isinstance(key, RSAKey) and key.is_private and key.raw_value.key_size >= _LEAST_RSA_BITS:
        return SigningKey(key.thumbprint(), "RS384", key)
    return None


def jwks(keys: Iterable[SigningKey]) -> dict[str, Any]:
    """The public halves as a JWK set (RFC 7517 §5), each once."""
    return {"keys": list({key.kid: key.public() for key in keys}.values())}
