"""One HTTP exchange: a request, an answer within limits of size and time, and failures with a name.

Follows no redirect and asks for no proxy of the environment. Texts of errors name no address, no parameter
and nothing of a body: any of them may name a patient. Knows nothing of FHIR and repeats nothing.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from integration.errors import RemoteAmbiguous, RemoteUnavailable, RemoteUnreadable

MEBIBYTE = 2**20
_SECONDS = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of an answer is borne, and how long it may take.

    Attributes:
        connect_seconds: until a connection stands.
        silent_seconds: without a byte in either direction.
        total_seconds: from the request to the last byte of the answer.
        max_answer_bytes: of the body, unpacked.
    """

    connect_seconds: float = 5.0
    silent_seconds: float = 30.0
    total_seconds: float = 120.0
    max_answer_bytes: int = 64 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False, default=b"")

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def retry_after(self) -> float | None:
        """Seconds of Retry-After (RFC 9110 §10.2.3); None where it is absent or not to be understood."""
        text = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(text):
            return float(text)
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def timeouts(limits: Limits) -> httpx2.Timeout:
    """The limits in the words of the library."""
    return httpx2.Timeout(limits.silent_seconds, connect=limits.connect_seconds, pool=limits.connect_seconds)


def exchange(client: httpx2.Client, request: httpx2.Request, limits: Limits) -> Answer:
    """Send one request and read its answer to the end.

    Raises:
        RemoteUnavailable: no connection, or TLS did not agree; nothing was sent.
        RemoteAmbiguous: it was sent, in whole or in part, and no whole answer came.
        RemoteUnreadable: the answer is longer than allowed, or packed in a way that was not asked for.
    """
    deadline = time.monotonic() + limits.total_seconds
    request.headers["Accept-Encoding"] = "gzip"
    try:
        response = client.send(request, stream=True, follow_redirects=False)
        try:
            content = _body(response, limits.max_answer_bytes, deadline)
        finally:
            response.close()
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as error:
        raise RemoteUnavailable(f"no connection ({type(error).__name__})") from None
    except httpx2.TransportError as error:
        raise RemoteAmbiguous(f"no whole answer ({type(error).__name__})") from None
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, content)


def _body(response: httpx2.Response, most: int, deadline: float) -> bytes:
    """The body, unpacked here: a few kilobytes of gzip can become gigabytes in the library's hands."""
    packed = response.headers.get("content-encoding", "identity").strip().lower()
    if packed not in {"identity", "gzip", "x-gzip"}:
        raise RemoteUnreadable("the answer is packed in a way that was not asked for")
    unpack = zlib.decompressobj(wbits=31) if packed.endswith("gzip") else None
    whole = bytearray()
    for chunk in response.iter_raw():
        room = most + 1 - len(whole)
        try:
            whole += unpack.decompress(chunk, room) if unpack else chunk
        except zlib.error:
            raise RemoteUnreadable("the answer is no gzip, although it says so") from None
        if len(whole) > most or (unpack and unpack.unconsumed_tail):
            raise RemoteUnreadable(f"the answer is longer than {most} bytes")
        if time.monotonic() > deadline:
            raise RemoteAmbiguous("no whole answer (it took too long)")
    if unpack and not unpack.eof and whole:
        raise RemoteAmbiguous("no whole answer (it ends within its packing)")
    return bytes(whole)
