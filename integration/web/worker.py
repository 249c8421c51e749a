"""The worker of gunicorn: what it refuses itself is answered as everything else is, with an OperationOutcome.

These requests never reach the application: a request line or header that is too long or broken, a body in
broken chunks, a failed TLS handshake. Neither the answer nor the log repeats any of it.
"""

from __future__ import annotations

import json
import ssl
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from integration.telemetry import logger

_LOG = logger(__name__)
_PLAIN: Final = HTTPStatus.BAD_REQUEST
#: A header that the application tried to send is no fault of the client.
_OURS: Final = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
#: What gunicorn raises -> status, FHIR IssueType, and what to do; the first that fits.
_ANSWERS: Final[tuple[tuple[type[Exception], HTTPStatus, str, str], ...]] = (
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG, "too-long",
     "the request line is too long; search by POST to [type]/_search"),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too-long",
     "a header is too long, or there are too many"),
    (errors.ExpectationFailed, HTTPStatus.EXPECTATION_FAILED, "not-supported",
     "what Expect demands is not met"),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED, "not-supported",
     "this Transfer-Encoding is not supported"),
    (errors.ForbiddenProxyRequest, HTTPStatus.FORBIDDEN, "forbidden", "no proxy may speak for a client here"),
    (ssl.SSLError, HTTPStatus.FORBIDDEN, "security", "the TLS handshake failed"),
    (errors.ParseException, _PLAIN, "structure", "this is no HTTP request that can be read"),
)  # fmt: skip


class OutcomeWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker with answers of ours."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:  # noqa: ARG002
        """Answer what could not be read, or what failed outside the application; the connection is closed."""
        status, code, text = _answer_to(exc)
        _LOG.warning("web.refused", status=status.value, reason=type(exc).__name__)
        with suppress(OSError):
            write_nonblock(client, outcome(status, code=code, text=text))


def _answer_to(error: Exception) -> tuple[HTTPStatus, str, str]:
    if not isinstance(error, _OURS):
        for kind, status, code, text in _ANSWERS:
            if isinstance(error, kind):
                return status, code, text
    return HTTPStatus.INTERNAL_SERVER_ERROR, "exception", "the request failed; the server's log says why"


def outcome(status: HTTPStatus, *, code: str, text: str) -> bytes:
    """A whole HTTP response."""
    issue = {"severity": "fatal", "code": code, "diagnostics": text}
    body = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nCache-Control: no-store\r\n"
        f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
