"""FHIR answers as bytes: resources as they are stored, Bundles put together around them, OperationOutcomes.

Stored resources are never decoded here, so their digits stay. Knows Flask's Response and no request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from flask import Response

from integration.store.result_records import Page, StoredResource
from integration.web.negotiation import FHIR_JSON
from mappers.domain.issues import Issue, Severity

Link = tuple[str, str]

#: FHIR IssueType and what to say for each HTTP status that can come.
_OUTCOMES = {
    400: ("invalid", "the request cannot be understood"),
    401: ("login", "who calls is not known"),
    403: ("forbidden", "this caller may not do that"),
    404: ("not-found", "there is nothing under this address"),
    405: ("not-supported", "this address does not take this method"),
    406: ("not-supported", "answers are application/fhir+json of FHIR 4.0 only"),
    408: ("timeout", "the request took too long"),
    410: ("deleted", "the resource is deleted; earlier versions are in its _history"),
    413: ("too-long", "the request is longer than this server takes"),
    414: ("too-long", "the address is longer than this server takes; search with POST to _search"),
    415: ("not-supported", "this address does not take this content type"),
    431: ("too-long", "the headers are longer than this server takes"),
    500: ("exception", "something went wrong here; the log has it under this request's id"),
    503: ("transient", "the store does not answer now; try again"),
}


def resource(stored: StoredResource) -> Response:
    """One version, with ETag and Last-Modified."""
    return _stamped(Response(stored.content, mimetype=None, content_type=FHIR_JSON), stored)


def itself(stored: StoredResource, content: bytes, media_type: str) -> Response:
    """The bytes of a Binary under their own media type, as a file to keep: a browser must not run it."""
    answer = _stamped(Response(content, mimetype=None, content_type=media_type), stored)
    answer.headers["Content-Disposition"] = "attachment"
    return answer


def unchanged(stored: StoredResource) -> Response:
    """304: the caller has this version already."""
    return _stamped(Response(status=HTTPStatus.NOT_MODIFIED), stored)


def deleted(stored: StoredResource) -> Response:
    """410: the current version says that the resource is gone."""
    return _stamped(outcome(HTTPStatus.GONE), stored)


def erased(stored: StoredResource) -> Response:
    """410: the bytes of a Binary are kept no longer; as a resource it is still there."""
    return _stamped(outcome(HTTPStatus.GONE, "the bytes were erased: they are kept no longer"), stored)


def _stamped(answer: Response, stored: StoredResource) -> Response:
    answer.headers["ETag"] = etag(stored.version)
    answer.headers["Last-Modified"] = format_datetime(moment(stored), usegmt=True)
    return answer


def etag(version: int) -> str:
    """A weak ETag of the version id (R4 http §3.1.0.1.3)."""
    return f'W/"{version}"'


def moment(stored: StoredResource) -> datetime:
    """When a version was written."""
    return datetime.fromisoformat(stored.last_updated)


def outcome(status: int, text: str | None = None) -> Response:
    """An OperationOutcome for a status, in its own words or in these."""
    code, standard = _OUTCOMES.get(status, ("processing", HTTPStatus(status).phrase))
    return _outcome(status, [_issue("error", code, text or standard)])


def refused(issues: Iterable[Issue]) -> Response:
    """400 for a search that must not be run."""
    return _outcome(HTTPStatus.BAD_REQUEST, [_told(issue) for issue in issues])


def _outcome(status: int, issues: list[dict[str, Any]]) -> Response:
    body = encode({"resourceType": "OperationOutcome", "issue": issues})
    return Response(body, status=status, mimetype=None, content_type=FHIR_JSON)


def _told(issue: Issue) -> dict[str, Any]:
    # R4 OperationOutcome.issue.location: for HTTP, "http." and the parameter's name.
    severity = "error" if issue.severity is Severity.FATAL else issue.severity.value
    return _issue(
        severity, issue.code.value, issue.text, f"http.{issue.location}" if issue.location else None
    )


def _issue(severity: str, code: str, text: str, location: str | None = None) -> dict[str, Any]:
    issue: dict[str, Any] = {"severity": severity, "code": code, "details": {"text": text}}
    return {**issue, "location": [location]} if location else issue


def searchset(page: Page, *, base: str, links: Sequence[Link], issues: Sequence[Issue]) -> Response:
    """A page of a search: matches, what was included, and what had to be said about the query."""
    entries = [_entry(base, stored, b'"search":{"mode":"match"}') for stored in page.matches]
    entries += [_entry(base, stored, b'"search":{"mode":"include"}') for stored in page.included]
    told = [_told(issue) for issue in issues]
    if page.cut:
        told.append(_issue("warning", "incomplete", "more is referred to than one page includes"))
    if told:
        body = encode({"resourceType": "OperationOutcome", "issue": told})
        entries.append(b'{"resource":' + body + b',"search":{"mode":"outcome"}}')
    return _bundle("searchset", page.total, links, entries)


def history(versions: Sequence[StoredResource], *, base: str, links: Sequence[Link]) -> Response:
    """Versions of one resource, newest first, each with the request that made it (R4 http §3.1.0.8)."""
    entries = []
    for stored in versions:
        method = "DELETE" if stored.deleted else "PUT"
        status = "204" if stored.deleted else ("201" if stored.version == 1 else "200")
        told = {
            "request": {"method": method, "url": f"{stored.type}/{stored.id}"},
            "response": {
                "status": status,
                "etag": etag(stored.version),
                "lastModified": stored.last_updated,
            },
        }
        entries.append(_entry(base, stored, encode(told)[1:-1]))
    return _bundle("history", None, links, entries)


def _entry(base: str, stored: StoredResource, more: bytes) -> bytes:
    url = encode(f"{base}/{stored.type}/{stored.id}")
    content = b'"resource":' + stored.content + b"," if stored.content else b""
    return b'{"fullUrl":' + url + b"," + content + more + b"}"


def _bundle(kind: str, total: int | None, links: Sequence[Link], entries: Sequence[bytes]) -> Response:
    head: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        head["total"] = total
    head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    body = encode(head)
    if entries:  # R4 has no empty arrays
        body = body[:-1] + b',"entry":[' + b",".join(entries) + b"]}"
    return Response(body, mimetype=None, content_type=FHIR_JSON)


def encode(value: Any) -> bytes:
    """JSON without surplus blanks; for what holds no decimals."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
