"""`POST /fhir` and `POST /fhir/{ImagingStudy,Media,DocumentReference,Binary}`: direct submission.

| what | status |
|---|---|
| a resource, committed; the same again | 201 with Location, ETag and an OperationOutcome |
| what `If-None-Exist` finds | 200 with its Location |
| a Bundle, committed | 200 with a Bundle of responses, one for each entry |
| no token, or not from here | 401, 403, before anything is read |
| no JSON, a name twice, not UTF-8, nested too deeply | 400 with an OperationOutcome |
| what contradicts what is stored | 409 |
| `If-None-Exist` finds several | 412 |
| longer than the server takes | 413 |
| packed, or neither FHIR JSON nor (for Binary) a media type | 415 |
| no valid R4, a type that is not taken, an address that may not be fetched | 422 with an OperationOutcome |
| the store takes no writes | 503: send it again |

PUT and DELETE are answered 405: what was submitted is corrected by submitting it again under its identifier.
Owns the words of HTTP; what a submission means is the affair of the door.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Protocol

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from integration.errors import StoreUnavailable
from integration.flows.submission import Answered, Row, Sent
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.fhir.submission_parts import SINGLE, Style

FHIR_JSON = "application/fhir+json; charset=utf-8"
_JSON = frozenset({"application/fhir+json", "application/json", "text/json"})
_VERSIONS = frozenset({"", "4.0", "4.0.1"})
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_RETRY_SECONDS = "5"
#: Of the issue that refuses all; any other is 422.
_STATUSES = {
    IssueCode.STRUCTURE: HTTPStatus.BAD_REQUEST,
    IssueCode.DUPLICATE: HTTPStatus.BAD_REQUEST,
    IssueCode.TOO_COSTLY: HTTPStatus.BAD_REQUEST,
    IssueCode.INVALID: HTTPStatus.BAD_REQUEST,
    IssueCode.CONFLICT: HTTPStatus.CONFLICT,
    IssueCode.BUSINESS_RULE: HTTPStatus.PRECONDITION_FAILED,
    IssueCode.TOO_LONG: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class Door(Protocol):
    """Where submissions are committed."""

    def submit(self, sent: Sent) -> Answered:
        """Take one.

        Raises:
            StoreUnavailable: nothing was committed.
        """


def blueprint(
    door: Door, *, base: str, caller: Callable[[], str], refused: Callable[[str, str], None]
) -> Blueprint:
    """The routes.

    Args:
        door: where submissions are committed.
        base: of the FHIR face, for Location.
        caller: who sends, for the audit trail.
        refused: told the caller and a code of what is refused without being kept.
    """
    routes = Blueprint("fhir_submission", __name__, url_prefix="/fhir")

    def receive(kind: str | None = None) -> Response:
        told = _unwanted(kind)
        if told is not None:
            refused(caller(), "unsupported-media-type")
            return told
        try:
            body = request.get_data(cache=False)
            if not _is_whole(body):
                return _outcome(
                    HTTPStatus.BAD_REQUEST, [_issue(IssueCode.INCOMPLETE, "the body ended early")]
                )
        except RequestEntityTooLarge:
            refused(caller(), "too-long")
            raise
        sent = Sent(
            body=body,
            kind=kind,
            media_type=_raw_type(kind),
            unless=request.headers.get("If-None-Exist", ""),
            peer=caller(),
        )
        try:
            answered = door.submit(sent)
        except StoreUnavailable:
            answer = _outcome(
                HTTPStatus.SERVICE_UNAVAILABLE,
                [_issue(IssueCode.PROCESSING, "nothing was kept; send it again")],
            )
            answer.headers["Retry-After"] = _RETRY_SECONDS
            return answer
        return _answer(answered, base)

    routes.add_url_rule("", "receive", receive, methods=["POST"])
    for each in sorted(SINGLE):
        routes.add_url_rule(f"/{each}", "receive", receive, methods=["POST"], defaults={"kind": each})
    return routes


def _unwanted(kind: str | None) -> Response | None:
    if request.content_encoding:
        text = "send it unpacked, without Content-Encoding"
    elif not _MEDIA_TYPE.fullmatch(request.mimetype):
        text = "say what it is in Content-Type"
    elif request.mimetype in _JSON:
        parameters = {name.lower(): value for name, value in request.mimetype_params.items()}
        if parameters.get("charset", "utf-8").lower() != "utf-8":
            text = "FHIR JSON is in UTF-8"
        elif parameters.get("fhirversion", "") not in _VERSIONS:
            text = "only FHIR 4.0 is taken"
        else:
            return None
    elif kind == "Binary":
        return None
    else:
        text = "send application/fhir+json"
    answer = _outcome(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, [_issue(IssueCode.NOT_SUPPORTED, text)])
    answer.headers["Accept-Post"] = "application/fhir+json"
    return answer


def _raw_type(kind: str | None) -> str:
    """The media type of a Binary that comes as its bytes; "" for JSON, which says it itself."""
    return request.mimetype if kind == "Binary" and request.mimetype not in _JSON else ""


def _is_whole(body: bytes) -> bool:
    """Whether all of the body came.

    Raises:
        RequestEntityTooLarge: it was cut.
    """
    if request.content_length is not None:
        return len(body) == request.content_length
    if request.max_content_length is not None and len(body) >= request.max_content_length:
        raise RequestEntityTooLarge
    return True


def _answer(answered: Answered, base: str) -> Response:
    if answered.issue is not None:
        issues = [each for row in answered.rows for each in row.issues] or [answered.issue]
        status = _STATUSES.get(answered.issue.code, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _outcome(status, issues)
    if answered.style is Style.SINGLE:
        return _single(answered.rows[0], base)
    kind = "transaction-response" if answered.style is Style.TRANSACTION else "batch-response"
    entries = [{"response": _response(row, base)} for row in answered.rows]
    return _json(HTTPStatus.OK, {"resourceType": "Bundle", "type": kind, "entry": entries})


def _single(row: Row, base: str) -> Response:
    status = HTTPStatus.CREATED if row.created else HTTPStatus.OK
    answer = _outcome(status, row.issues or [_informed(row)])
    if "return=minimal" in ",".join(request.headers.getlist("Prefer")).replace(" ", ""):
        answer.set_data(b"")
    answer.headers["Location"] = f"{base}/{row.reference}/_history/{row.version}"
    answer.headers["ETag"] = f'W/"{row.version}"'
    return answer


def _response(row: Row, base: str) -> dict[str, Any]:
    if not row.reference:
        return {"status": "422 Unprocessable Entity", "outcome": _body(row.issues)}
    told: dict[str, Any] = {
        "status": "201 Created" if row.created else "200 OK",
        "location": f"{base}/{row.reference}/_history/{row.version}",
        "etag": f'W/"{row.version}"',
    }
    return {**told, "outcome": _body(row.issues)} if row.issues else told


def _informed(row: Row) -> Issue:
    text = "kept" if row.created else "it was here already"
    return Issue(Severity.INFORMATION, IssueCode.INFORMATIONAL, "", text)


def _issue(code: IssueCode, text: str) -> Issue:
    return Issue(Severity.ERROR, code, "", text)


def _body(issues: Iterable[Issue]) -> dict[str, Any]:
    told = []
    for each in issues:
        issue: dict[str, Any] = {
            "severity": each.severity.value,
            "code": each.code.value,
            "details": {"text": each.text},
        }
        told.append({**issue, "expression": [each.location]} if each.location else issue)
    return {"resourceType": "OperationOutcome", "issue": told}


def _outcome(status: HTTPStatus, issues: Iterable[Issue]) -> Response:
    return _json(status, _body(issues))


def _json(status: HTTPStatus, content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), status=status, content_type=FHIR_JSON)
