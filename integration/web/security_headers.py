"""What every answer tells a browser not to do, and the id that every answer carries."""

from __future__ import annotations

import re

from flask import Response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

#: Only our own style sheet and pictures; no script, no frame, no form, nothing from elsewhere.
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: Where people decide: forms to ourselves, and recordings of ours.
_ACTING_POLICY = _PAGE_POLICY.replace("form-action 'none'", "form-action 'self'; media-src 'self'")
_HEADERS = {
    "Content-Security-Policy": _PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_YEAR = 365 * 24 * 3600


def add(answer: Response, *, over_tls: bool, acts: bool = False) -> None:
    """Put the headers on an answer; results of patients are kept in no cache.

    Args:
        answer: to put them on.
        over_tls: whether the caller came by TLS.
        acts: whether people decide something there: forms may be sent to us, recordings played.
    """
    for name, value in _HEADERS.items():
        answer.headers[name] = value
    if acts:
        answer.headers["Content-Security-Policy"] = _ACTING_POLICY
        # Without a referrer browsers send `Origin: null` with a form, and nobody could tell whose it is.
        answer.headers["Referrer-Policy"] = "same-origin"
    if "Cache-Control" not in answer.headers:
        answer.headers["Cache-Control"] = "no-store"
    if over_tls:
        answer.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"


def accepted_request_id(given: str | None) -> str | None:
    """The caller's X-Request-Id, if it is one that can stand in logs and audit records."""
    return given if given and _REQUEST_ID.fullmatch(given) else None
