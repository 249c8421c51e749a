"""The key set of an OpenID provider: by its address, or by the provider's discovery document."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx2

from integration.clients.exchange import Limits, exchange
from integration.errors import RemoteRefused, RemoteUnavailable, RemoteUnreadable
from mappers.domain.issues import Refused
from mappers.fhir import r4

_DISCOVERY = ".well-known/openid-configuration"
_LIMITS = Limits(max_answer_bytes=2**20, total_seconds=10.0, silent_seconds=5.0)
_OK = 200
_SERVER_ERROR = 500


def fetch(http: httpx2.Client, *, issuer: str, jwks_url: str | None) -> dict[str, Any]:
    """The JWK set (RFC 7517 §5).

    Raises:
        RemoteError: it cannot be had, or what came is none.
    """
    if jwks_url is None:
        jwks_url = str(_get(http, f"{issuer.rstrip('/')}/{_DISCOVERY}").get("jwks_uri"))
        if urlsplit(jwks_url).scheme not in {"https", urlsplit(issuer).scheme}:
            raise RemoteUnreadable("the provider's discovery document names no key set")
    found = _get(http, jwks_url)
    if not isinstance(found.get("keys"), list):
        raise RemoteUnreadable("the provider's key set is none")
    return found


def _get(http: httpx2.Client, url: str) -> dict[str, Any]:
    try:
        request = http.build_request("GET", url, headers={"Accept": "application/json"})
    except httpx2.InvalidURL:
        raise RemoteUnreadable("the provider names an address that is none") from None
    answer = exchange(http, request, _LIMITS)
    if answer.status != _OK:
        kind = RemoteUnavailable if answer.status >= _SERVER_ERROR else RemoteRefused
        raise kind(f"the provider's keys: {answer.status}", status=answer.status)
    try:
        return r4.decode(answer.content)
    except Refused:
        raise RemoteUnreadable("the provider's answer is no JSON") from None
