"""SMART Backend Services (SMART App Launch 2.2, backend-services and client-confidential-asymmetric).

A token is fetched with a signed assertion that lives four minutes and is used once, kept until shortly before
it ends, and fetched anew once after a 401. Assertions go to the token endpoint, tokens to nobody from here.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from joserfc import jwt

from integration.clients import scopes
from integration.clients.endpoint import outcome_codes
from integration.clients.exchange import Answer, Limits, exchange
from integration.clients.signing_keys import SigningKey
from integration.errors import (
    RemoteAmbiguous,
    RemoteError,
    RemoteForbidden,
    RemoteUnavailable,
    RemoteUnreadable,
)
from mappers.domain.issues import Refused
from mappers.fhir import r4

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: SMART allows five minutes; the clocks of the two may differ.
ASSERTION_SECONDS = 240
#: What a token lasts whose answer does not say.
_USUAL_SECONDS = 300
#: Before its end a token is no longer used: at most this, at most a fifth of its life.
_MARGIN_SECONDS = 30
_FORM = "application/x-www-form-urlencoded"
_DISCOVERY = ".well-known/smart-configuration"
_OK = 200
_SERVER_ERROR = 500
_COME_AGAIN = frozenset({408, 425, 429})
#: RFC 6750 §2.1 allows less; none of these can end a header.
_TOKEN = re.compile(r"[!-~]{1,16384}")
_LIMITS = Limits(max_answer_bytes=2**20, total_seconds=30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who asks.

    Attributes:
        client_id: as registered at the server.
        key: signs; its public half is in our JWK set.
        scope: what is asked for, separated by blanks.
        token_url: None is found by discovery.
    """

    client_id: str
    key: SigningKey
    scope: str
    token_url: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An access token.

    Attributes:
        ends: by the monotonic clock.
        scope: what was granted.
    """

    value: str = field(repr=False)
    ends: float
    scope: str


class BackendServices:
    """The authorization of one server, for any number of threads.

    Args:
        name: of the server in the settings, for errors.
        base: its FHIR base.
        client: who asks.
        http: for discovery and the token endpoint; with the server's TLS.
        clock: seconds since 1970, for assertions.
        monotonic: seconds, for the life of tokens.
    """

    def __init__(  # noqa: PLR0913  # clocks are handed in
        self,
        *,
        name: str,
        base: str,
        client: Client,
        http: httpx2.Client,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._name = name
        self._base = base.rstrip("/")
        self._client = client
        self._http = http
        self._clock = clock
        self._monotonic = monotonic
        self._new_id = new_id
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._token_url = client.token_url

    def header(self) -> str | None:
        """`Bearer` and a token that still lasts.

        Raises:
            RemoteForbidden: the server refuses the client or its scope, or grants less than was asked for.
            RemoteUnavailable: no token could be fetched now.
            RemoteUnreadable: an answer is not what SMART says.
        """
        return f"Bearer {self.token().value}"

    def token(self) -> Token:
        """The token in use; fetched if there is none, as `header`."""
        with self._lock:
            if self._token is None or self._monotonic() >= self._token.ends:
                self._token = self._fetch()
            return self._token

    def renew(self) -> bool:
        """Forget the token; the next one may be taken."""
        with self._lock:
            self._token = None
            return True

    def _fetch(self) -> Token:
        if self._token_url is None:
            self._token_url = self._discover()
        form = {
            "grant_type": "client_credentials",
            "scope": self._client.scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(self._token_url),
        }
        began = self._monotonic()
        headers = {"Content-Type": _FORM, "Accept": "application/json"}
        answer = self._exchange(self._http.build_request("POST", self._token_url, data=form, headers=headers))
        if answer.status != _OK:
            raise self._refusal(answer)
        return self._read_token(self._json(answer), began)

    def _discover(self) -> str:
        request = self._http.build_request(
            "GET", f"{self._base}/{_DISCOVERY}", headers={"Accept": "application/json"}
        )
        answer = self._exchange(request)
        if answer.status != _OK:
            raise self._refusal(answer)
        said = self._json(answer)
        url, algorithms = (
            said.get("token_endpoint"),
            said.get("token_endpoint_auth_signing_alg_values_supported"),
        )
        # Over TLS to whoever the server names; in the clear only where the server itself is in the clear.
        if not isinstance(url, str) or not url.startswith(("https://", f"{self._base.partition(':')[0]}://")):
            raise RemoteUnreadable(
                f"{self._name}: smart-configuration names no token endpoint that may be used"
            )
        algorithm = self._client.key.algorithm
        if isinstance(algorithms, list) and algorithms and algorithm not in algorithms:
            raise RemoteForbidden(f"{self._name}: the server takes no assertions signed by {algorithm}")
        return url

    def _assertion(self, token_url: str) -> str:
        client, now = self._client, int(self._clock())
        header = {"alg": client.key.algorithm, "kid": client.key.kid, "typ": "JWT"}
        claims = {
            "iss": client.client_id,
            "sub": client.client_id,
            "aud": token_url,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": self._new_id(),
        }
        return jwt.encode(header, claims, client.key.key, algorithms=[client.key.algorithm])

    def _read_token(self, said: dict[str, Any], began: float) -> Token:
        value, kind = said.get("access_token"), said.get("token_type")
        if not isinstance(value, str) or not _TOKEN.fullmatch(value) or str(kind).lower() != "bearer":
            raise RemoteUnreadable(f"{self._name}: the token endpoint gave no bearer token")
        seconds = said.get("expires_in", _USUAL_SECONDS)
        if not isinstance(seconds, int) or seconds < 1:
            seconds = _USUAL_SECONDS
        # RFC 6749 §5.1: a grant that says no scope is what was asked for.
        scope = said.get("scope")
        granted = scope if isinstance(scope, str) else self._client.scope
        lacking = scopes.missing(self._client.scope, granted)
        if lacking:
            text = (
                f"the server does not grant {' '.join(lacking)}; take it from auth.scope if it is not needed"
            )
            raise RemoteForbidden(f"{self._name}: {text}", codes=("forbidden",))
        return Token(value, began + seconds - min(_MARGIN_SECONDS, seconds / 5), granted)

    def _exchange(self, request: httpx2.Request) -> Answer:
        try:
            return exchange(self._http, request, _LIMITS)
        except RemoteAmbiguous as error:  # a token too many hurts nobody
            raise RemoteUnavailable(f"{self._name}: authorization: {error}") from None
        except RemoteError as error:
            raise type(error)(f"{self._name}: authorization: {error}") from None

    def _json(self, answer: Answer) -> dict[str, Any]:
        try:
            return r4.decode(answer.content)
        except Refused as refusal:
            raise RemoteUnreadable(f"{self._name}: authorization: {refusal.issue.text}") from None

    def _refusal(self, answer: Answer) -> RemoteError:
        codes = outcome_codes(answer.content)
        told = f"{self._name}: authorization: {answer.status} {', '.join(codes)}".rstrip()
        again = answer.status >= _SERVER_ERROR or answer.status in _COME_AGAIN
        kind = RemoteUnavailable if again else RemoteForbidden
        return kind(told, status=answer.status, codes=codes, retry_after=answer.retry_after())
