"""`/hooks/<channel>[/…]`: notifications of FHIR servers, taken by POST, PUT and DELETE.

| what | status |
|---|---|
| a notification, committed; one that came before | 202 |
| a validation event (Event Grid), committed | 200 with its code |
| OPTIONS of an origin that the channel lists (CloudEvents web hooks) | 200 with the origin |
| no credential, or a wrong one; known, and not allowed | 401, 403 |
| no such channel, or no path of a hook | 404 |
| longer than the channel takes | 413 |
| packed | 415 |
| what is no notification; it is kept as refused | 400 with an OperationOutcome |
| the store takes no writes, or a provider's keys cannot be had | 503: send it again |

Who calls is judged first: without a byte of the body where headers say it, else by its bytes before anybody
parses them. Owns the words of HTTP; what came is the affair of the door.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from integration.errors import StoreUnavailable
from integration.store.records import Receipt
from integration.transports.mllp.terms import tls_subject
from integration.transports.webhooks.guards import Facts, Guard, Refusal
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue
from mappers.fhir.hook_request import KEPT, HookRequest
from mappers.fhir.notification import Kind, Notification

METHODS = ("POST", "PUT", "DELETE", "OPTIONS")
_FHIR_JSON = "application/fhir+json; charset=utf-8"
_RETRY_SECONDS = "5"
#: CloudEvents web hooks §4.2: requests a minute; what is too fast waits in the store.
_ALLOWED_RATE = "*"


class Door(Protocol):
    """Where notifications are committed."""

    def receive(
        self, request: HookRequest, *, channel: str, peer: str
    ) -> tuple[Receipt, Notification | None]:
        """Commit one.

        Raises:
            StoreUnavailable: nothing was committed.
        """


@dataclass(frozen=True, slots=True)
class Hook:
    """What one channel accepts.

    Attributes:
        origins: that may ask by OPTIONS whether they may send.
    """

    guard: Guard
    max_body_bytes: int
    origins: frozenset[str] = field(default=frozenset())


def blueprint(
    door: Door,
    hooks: Mapping[str, Hook],
    *,
    behind_proxy: bool,
    refused: Callable[[str, str, str], None],
) -> Blueprint:
    """The routes.

    Args:
        door: where notifications are committed.
        hooks: by channel.
        behind_proxy: every caller seems to be near, so an address proves nothing.
        refused: told the channel, the caller and the code of every refusal at the guard.
    """
    routes = Blueprint("hooks", __name__)

    def receive(channel: str, rest: str = "") -> Response:
        hook = hooks.get(channel)
        if hook is None:
            return _told(HTTPStatus.NOT_FOUND, "there is no such channel")
        if request.method == "OPTIONS":
            return _handshake(hook)
        facts = _facts(behind_proxy=behind_proxy)
        peer = facts.subject or request.remote_addr or "unknown"
        refusal = hook.guard.look(facts)
        if refusal is None and request.content_encoding:
            refused(channel, peer, "packed")
            return _told(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send it unpacked, without Content-Encoding")
        if refusal is None:
            request.max_content_length = hook.max_body_bytes
            try:
                body = request.get_data(cache=False)
            except RequestEntityTooLarge:
                refused(channel, peer, "too-long")
                raise
            refusal = hook.guard.verify(facts, body)
        if refusal is not None:
            refused(channel, peer, refusal.code)
            return _refusal(refusal)
        taken = _hook_request(rest, body)
        if taken is None:
            return _told(HTTPStatus.NOT_FOUND, "the path or a header is none of a notification")
        return _answer(door, taken, channel, peer)

    for rule in ("/hooks/<channel>", "/hooks/<channel>/<path:rest>"):
        routes.add_url_rule(
            rule, "receive", receive, methods=METHODS, provide_automatic_options=False, strict_slashes=False
        )
    routes.register_error_handler(RequestEntityTooLarge, _too_large)
    return routes


def _facts(*, behind_proxy: bool) -> Facts:
    channel = request.environ.get("gunicorn.socket")
    certificate = channel.getpeercert() if isinstance(channel, ssl.SSLSocket) else None
    return Facts(
        headers={name.lower(): value for name, value in request.headers.items()},
        address="" if behind_proxy else request.remote_addr or "",
        subject=tls_subject(certificate),
    )


def _hook_request(rest: str, body: bytes) -> HookRequest | None:
    headers = {name: value for name in KEPT if (value := request.headers.get(name)) is not None}
    taken = HookRequest(request.method, rest.strip("/"), headers, body)
    try:
        taken.encode()
    except ValueError:
        return None
    return taken


def _answer(door: Door, taken: HookRequest, channel: str, peer: str) -> Response:
    try:
        receipt, notification = door.receive(taken, channel=channel, peer=peer)
    except StoreUnavailable:
        return _unavailable("nothing was kept; send it again")
    if receipt.verdict is not Verdict.ACCEPTED or notification is None:
        return _outcome(HTTPStatus.BAD_REQUEST, receipt.issues)
    if notification.kind is Kind.VALIDATION:
        return _json(HTTPStatus.OK, {"validationResponse": notification.code}, "application/json")
    return Response(status=HTTPStatus.ACCEPTED)


def _handshake(hook: Hook) -> Response:
    """CloudEvents HTTP web hooks §4: may this origin send?"""
    origin = request.headers.get("WebHook-Request-Origin")
    if origin is None:
        return Response(status=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join(METHODS)})
    if origin not in hook.origins:
        return _told(HTTPStatus.FORBIDDEN, "this origin is not listed in the channel's hook.origins")
    headers = {
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": _ALLOWED_RATE,
        "Allow": ", ".join(METHODS),
    }
    return Response(status=HTTPStatus.OK, headers=headers)


def _refusal(refusal: Refusal) -> Response:
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _unavailable("who calls cannot be decided now; send it again")
    # The code stays here: it would tell an attacker how far it came.
    answer = _told(HTTPStatus(refusal.status), HTTPStatus(refusal.status).phrase)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="hook"'
    return answer


def _too_large(_: RequestEntityTooLarge) -> Response:
    return _told(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is longer than this hook takes")


def _unavailable(text: str) -> Response:
    answer = _told(HTTPStatus.SERVICE_UNAVAILABLE, text)
    answer.headers["Retry-After"] = _RETRY_SECONDS
    return answer


def _told(status: HTTPStatus, text: str) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def _outcome(status: HTTPStatus, issues: tuple[Issue, ...]) -> Response:
    told = [
        {"severity": each.severity.value, "code": each.code.value, "details": {"text": each.text}}
        for each in issues
    ]
    return _json(status, {"resourceType": "OperationOutcome", "issue": told}, _FHIR_JSON)


def _json(status: HTTPStatus, content: dict[str, Any], content_type: str) -> Response:
    return Response(json.dumps(content), status=status, content_type=content_type)
