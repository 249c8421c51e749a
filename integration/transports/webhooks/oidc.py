"""A guard for signed tokens of an OpenID provider: Google Pub/Sub push, Azure Event Grid (RFC 7519).

Algorithms are ours to choose, never the token's; a key is found by the token's key id in the set that the
provider publishes. Fetches nothing itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from integration.errors import RemoteError
from integration.transports.webhooks.guards import NO_CREDENTIAL, NOT_ALLOWED, STALE, WRONG, Facts, Refusal

#: Asymmetric only: a provider's public key must never serve as an HMAC secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
#: How long a key set is kept, and how often an unknown key id may ask for it anew; seconds.
KEEP_S = 600.0
ASK_AGAIN_S = 30.0
_LEEWAY_S = 30
#: Where a provider's keys cannot be had, the sender is asked to come again.
UNDECIDED = Refusal(503, "keys-unavailable")


class PublishedKeys:
    """The key set of a provider, kept for a while.

    Args:
        fetch: the JWK set.
        monotonic: seconds.
    """

    def __init__(self, fetch: Callable[[], Mapping[str, Any]], monotonic: Callable[[], float]) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched = 0.0

    def having(self, kid: str) -> KeySet:
        """The set; asked for anew when it is old, or does not know this key.

        Raises:
            RemoteError: it cannot be had, and none is kept.
            JoseError, ValueError, TypeError, KeyError: what was fetched is no key set.
        """
        with self._lock:
            age = self._monotonic() - self._fetched
            known = self._keys is not None and any(key.kid == kid for key in self._keys.keys)
            if self._keys is None or age > KEEP_S or (not known and age > ASK_AGAIN_S):
                try:
                    self._keys = KeySet.import_key_set({"keys": list(self._fetch()["keys"])})
                except RemoteError:
                    if self._keys is None:
                        raise
                self._fetched = self._monotonic()
            return self._keys


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """A token in `Authorization: Bearer`.

    Attributes:
        issuer: `iss`, exactly.
        audience: one of `aud`.
        subjects: accepted `email` (which must be verified) or `sub`; empty accepts all of the audience.
        clock: aware now.
    """

    keys: PublishedKeys
    issuer: str
    audience: str
    subjects: Collection[str] = field(default=())
    clock: Callable[[], datetime]

    def look(self, facts: Facts) -> Refusal | None:
        """Judge the token; the body plays no part."""
        scheme, _, token = facts.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return NO_CREDENTIAL
        try:
            kid = _kid(token)
            claims = jwt.decode(token.strip(), self.keys.having(kid), algorithms=list(ALGORITHMS)).claims
        except RemoteError:
            return UNDECIDED
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            return WRONG
        return self._judge(claims)

    def verify(self, facts: Facts, body: bytes) -> Refusal | None:  # noqa: ARG002
        """Nothing more."""
        return None

    def _judge(self, claims: Mapping[str, Any]) -> Refusal | None:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self.issuer or self.audience not in audiences:
            return WRONG
        now, ends, begins = self.clock().timestamp(), claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(ends, int | float) or not isinstance(begins, int | float):
            return WRONG
        if not begins - _LEEWAY_S <= now < ends + _LEEWAY_S:
            return STALE
        if not self.subjects:
            return None
        email = claims.get("email") if claims.get("email_verified") is True else None
        return None if {email, claims.get("sub")} & set(self.subjects) else NOT_ALLOWED


def _kid(token: str) -> str:
    """The key id that the token claims; "" where it claims none.

    Raises:
        ValueError, JoseError: it is no token.
    """
    protected = jws.extract_compact(token.strip().encode()).headers()
    return str(protected.get("kid", ""))
