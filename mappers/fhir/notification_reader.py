"""From a request at a hook to a `Notification`: tells the styles apart, reads those without an envelope."""

from __future__ import annotations

from typing import Any

from mappers.domain.issues import IssueCode
from mappers.fhir import notification_clouds, notification_status, r4
from mappers.fhir.hook_request import HookRequest
from mappers.fhir.notification import Change, Event, Focus, Notification, refused
from mappers.fhir.notification_references import focus_of, text_in

Node = dict[str, Any]


def read(request: HookRequest) -> Notification:
    """Read a notification by the table of `notification`.

    Raises:
        Refused: the body is no JSON of the allowed size, depth and form, or it is nothing that notifies.
    """
    if request.method == "DELETE":
        return _at_path(request, Change.DELETED)
    if request.method == "PUT":
        return _at_path(request, Change.WRITTEN)
    if notification_clouds.is_cloud_event(request):
        return notification_clouds.read_cloud_events(request)
    subscription = _medplum(request, "x-medplum-subscription")
    deleted = request.headers.get("x-medplum-deleted-resource")
    if deleted is not None:
        focus = focus_of(deleted)
        if focus is None:
            raise refused("X-Medplum-Deleted-Resource names no resource")
        return Notification(
            style="medplum", subscription=subscription, events=(Event(focus=focus, change=Change.DELETED),)
        )
    if not request.body.strip():
        return Notification(style="empty", subscription=subscription, events=(Event(),))
    return _body(r4.decode(request.body), subscription)


def _body(body: Node, subscription: str) -> Notification:
    kind = body.get("resourceType")
    if kind is None and notification_clouds.is_push(body):
        return notification_clouds.read_push(body)
    if kind == "Bundle":
        return notification_status.read(body)
    if not body:
        return Notification(style="empty", subscription=subscription, events=(Event(),))
    style = "medplum" if subscription else "payload"
    return Notification(style=style, subscription=subscription, events=(Event(focus=_named_by(body)),))


def _at_path(request: HookRequest, change: Change) -> Notification:
    target = request.target
    if target is None:
        raise refused("the path does not end in the type and id of a resource")
    focus = Focus(*target)
    if change is Change.WRITTEN and request.body.strip():
        named = _named_by(r4.decode(request.body))
        if named.reference != focus.reference:
            raise refused("the path names another resource than the body", IssueCode.CONFLICT)
        focus = named
    return Notification(style="hapi", events=(Event(focus=focus, change=change),))


def _named_by(resource: Node) -> Focus:
    """Which resource this is, and which version of it."""
    focus = focus_of(f"{text_in(resource, 'resourceType')}/{text_in(resource, 'id')}")
    if focus is None:
        raise refused("the body is no resource with a type and an id")
    meta = resource.get("meta")
    version = text_in(meta, "versionId") if isinstance(meta, dict) else ""
    return Focus(focus.type, focus.id, version if len(version) <= 64 else "")  # noqa: PLR2004  FHIR id


def _medplum(request: HookRequest, name: str) -> str:
    focus = (
        focus_of(f"Subscription/{request.headers[name].rpartition('/')[2]}")
        if name in request.headers
        else None
    )
    return focus.reference if focus else ""
