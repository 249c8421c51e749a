"""One HTTP server that Wardwire calls: only below its base, with its credential, its limits and its breaker.

What failed is repeated here where that can do no harm; everything else is told by the type of an error.

| what happened                              | becomes            | repeated            |
|--------------------------------------------|--------------------|---------------------|
| no connection                              | RemoteUnavailable  | always              |
| the answer was lost; 500, 502, 504         | RemoteAmbiguous; RemoteUnavailable if SAFE | SAFE |
| 408, 425, 429, 503                         | RemoteUnavailable  | SAFE, UNDONE        |
| 401 where the credential can be renewed    |                    | once                |
| 401, 403                                   | RemoteForbidden    | never               |
| 404, 410                                   | RemoteMissing      | never               |
| 409, 412                                   | RemoteConflict     | never               |
| a redirect, any other 4xx or 5xx           | RemoteRefused      | never               |
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

import httpx2
import stamina

from integration.clients.authorization import Authorization
from integration.clients.breaker import Breaker
from integration.clients.exchange import Answer, Limits, exchange
from integration.errors import (
    AddressRefused,
    RemoteAmbiguous,
    RemoteConflict,
    RemoteError,
    RemoteForbidden,
    RemoteMissing,
    RemoteRefused,
    RemoteUnavailable,
)
from mappers.domain.issues import Refused
from mappers.fhir import r4

_COME_AGAIN = frozenset({408, 425, 429, 503})
_UNCLEAR = frozenset({500, 502, 504})
_BROKEN = frozenset({502, 503, 504})
_UNAUTHORIZED = 401
_FORBIDDEN = frozenset({401, 403})
_MISSING = frozenset({404, 410})
_CONFLICT = frozenset({409, 412})
_NO_SUCCESS = 300
_MAX_OUTCOME_BYTES = 2**18
_CODE = re.compile(r"[a-z][a-z_-]{1,39}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Repeat(StrEnum):
    """When a request may be sent once more.

    SAFE: always, since twice is once. UNDONE: when the server said that it did nothing. UNSENT: only when
    no connection stood.
    """

    SAFE = "safe"
    UNDONE = "undone"
    UNSENT = "unsent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call goes on trying.

    Attributes:
        attempts: at most.
        seconds: over all of them; a longer Retry-After ends the call at once.
        first_pause_s: doubles with each attempt, with jitter.
    """

    attempts: int = 4
    seconds: float = 45.0
    first_pause_s: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request below the base.

    Attributes:
        what: method and resource type: all that an error says of it.
        path: relative to the base, without a leading slash.
        absolute: an address that the server named; used instead of path, and refused outside the base.
    """

    what: str
    method: str = "GET"
    path: str = ""
    absolute: str | None = field(default=None, repr=False)
    params: Sequence[tuple[str, str]] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    repeat: Repeat = Repeat.SAFE


class Endpoint:
    """A server.

    Args:
        name: as the settings call it; stands in errors instead of the address.
        base: absolute URL without a slash at the end.
        client: of this endpoint alone; carries TLS and client certificate.
        authorization: its credential goes to the base and nowhere else.
        clock: monotonic seconds.
    """

    def __init__(  # noqa: PLR0913  # what it is made of is handed in
        self,
        *,
        name: str,
        base: str,
        client: httpx2.Client,
        authorization: Authorization,
        limits: Limits,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.base = base.rstrip("/")
        self._client = client
        self._authorization = authorization
        self._limits = limits
        self._patience = patience
        self._breaker = Breaker(clock)

    def call(self, call: Call) -> Answer:
        """Send a request, again where it may be, until it is answered with success.

        Raises:
            RemoteError: as the table of this module says.
            AddressRefused: `absolute` lies outside the base.
        """
        url = self.base if call.absolute is None else self._own(call.absolute)
        if call.absolute is None and call.path:
            url = f"{self.base}/{call.path}"

        try:
            for attempt in stamina.retry_context(
                on=pause_before_repeat,
                attempts=self._patience.attempts,
                timeout=self._patience.seconds,
                wait_initial=self._patience.first_pause_s,
                wait_max=self._patience.seconds / 2,
                wait_jitter=self._patience.first_pause_s,
            ):
                with attempt:
                    return self._once(call, url)
        except Repeatable as failure:
            raise failure.error from None
        raise AssertionError("retries end with an answer or an error")  # pragma: no cover

    def _own(self, url: str) -> str:
        """The address, if it lies below the base: the credential goes nowhere else."""
        if not is_below(url, self.base):
            raise AddressRefused(f"{self.name}: the server named an address outside its own base")
        return url

    def _once(self, call: Call, url: str) -> Answer:
        answer = self._send(call, url)
        if answer.status == _UNAUTHORIZED and self._authorization.renew():
            answer = self._send(call, url)
        if answer.status < _NO_SUCCESS:
            return answer
        error = self._judge(call, answer)
        undone = answer.status in _COME_AGAIN and call.repeat in {Repeat.SAFE, Repeat.UNDONE}
        if undone or (answer.status in _UNCLEAR and call.repeat is Repeat.SAFE):
            self._demand_patience(error)
            raise Repeatable(error)
        raise error

    def _demand_patience(self, error: RemoteError) -> None:
        if (error.retry_after or 0) > self._patience.seconds:
            raise error

    def _send(self, call: Call, url: str) -> Answer:
        if pause := self._breaker.wait():
            raise self._error(RemoteUnavailable, call, "left alone after many failures", retry_after=pause)
        headers = dict(call.headers)
        try:
            value = self._authorization.header()
        except RemoteUnavailable as error:
            raise Repeatable(error) from None
        if value is not None:
            headers["Authorization"] = value
        request = self._client.build_request(
            call.method, url, params=list(call.params) or None, headers=headers, content=call.content
        )
        try:
            answer = exchange(self._client, request, self._limits)
        except RemoteUnavailable as error:
            self._breaker.failed()
            raise Repeatable(self._error(RemoteUnavailable, call, str(error))) from None
        except RemoteAmbiguous as error:
            self._breaker.failed()
            if call.repeat is Repeat.SAFE:
                raise Repeatable(self._error(RemoteUnavailable, call, str(error))) from None
            raise self._error(RemoteAmbiguous, call, str(error)) from None
        if answer.status in _BROKEN:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        return answer

    def _judge(self, call: Call, answer: Answer) -> RemoteError:
        kind: type[RemoteError] = RemoteRefused
        if answer.status in _COME_AGAIN:
            kind = RemoteUnavailable
        elif answer.status in _UNCLEAR:
            kind = RemoteUnavailable if call.repeat is Repeat.SAFE else RemoteAmbiguous
        elif answer.status in _FORBIDDEN:
            kind = RemoteForbidden
        elif answer.status in _MISSING:
            kind = RemoteMissing
        elif answer.status in _CONFLICT:
            kind = RemoteConflict
        codes = outcome_codes(answer.content)
        told = f"{answer.status} {', '.join(codes)}".rstrip()
        return self._error(
            kind,
            call,
            told,
            status=answer.status,
            codes=codes,
            retry_after=answer.retry_after(),
            outcome=answer.content[:_MAX_OUTCOME_BYTES],
        )

    def _error(self, kind: type[RemoteError], call: Call, told: str, **facts: object) -> RemoteError:
        return kind(f"{self.name}: {call.what}: {told}", **facts)  # type: ignore[arg-type]


class Repeatable(Exception):
    """A failure after which the same request may be sent again."""

    def __init__(self, error: RemoteError) -> None:
        super().__init__()
        self.error = error


def pause_before_repeat(error: Exception) -> bool | float:
    """Whether to send again; the seconds of Retry-After outrank a pause of ours."""
    if not isinstance(error, Repeatable):
        return False
    return error.error.retry_after or True


def is_below(url: str, base: str) -> bool:
    """Whether an absolute address has the base's scheme, host and port, and lies in its path."""
    try:
        ours, theirs = urlsplit(base), urlsplit(url)
        same = (_origin(base), "") == (_origin(url), theirs.username or theirs.password or "")
    except ValueError:
        return False
    inside = theirs.path == ours.path or theirs.path.startswith(ours.path.rstrip("/") + "/")
    return same and inside and not {"..", "."}.intersection(re.split("/|%2[fF]", _plain(theirs.path)))


def _plain(path: str) -> str:
    return re.sub("%2[eE]", ".", path)


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454 §4).

    Raises:
        ValueError: the port is no number.
    """
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _DEFAULT_PORTS.get(parts.scheme)


def outcome_codes(content: bytes) -> tuple[str, ...]:
    """OperationOutcome.issue.code of a body, or the `error` of an OAuth answer; no text of theirs."""
    if not content or len(content) > _MAX_OUTCOME_BYTES:
        return ()
    try:
        body = r4.decode(content)
    except Refused:
        return ()
    issues = body.get("issue")
    found = (
        [issue.get("code") for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []
    )
    found.append(body.get("error"))
    return tuple(dict.fromkeys(code for code in found if isinstance(code, str) and _CODE.fullmatch(code)))
