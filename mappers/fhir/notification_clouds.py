"""Notifications of the clouds: CloudEvents and Event Grid (Azure), Pub/Sub push (Google)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from mappers.domain.issues import IssueCode
from mappers.fhir import r4
from mappers.fhir.hook_request import HookRequest
from mappers.fhir.notification import Change, Event, Focus, Kind, Notification, refused
from mappers.fhir.notification_references import focus_of, text_in

Node = dict[str, Any]
#: Event Grid batches up to a megabyte.
MOST_EVENTS = 5000
_MEDIA_TYPES = frozenset({"application/cloudevents+json", "application/cloudevents-batch+json"})
_AZURE = re.compile(r"Microsoft\.HealthcareApis\.FhirResource(Created|Updated|Deleted)")
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")
_CODE = re.compile(r"[A-Za-z0-9-]{1,128}")
_MARK = re.compile(r"[!-~]{1,128}")
_STORE = re.compile(r"projects/[!-.0-~]+/locations/[!-.0-~]+/datasets/[!-.0-~]+/fhirStores/[!-.0-~]+")
_GOOGLE = "https://healthcare.googleapis.com/v1"
#: Pub/Sub's word for each action.
_ACTIONS = {
    "CreateResource": Change.WRITTEN,
    "UpdateResource": Change.WRITTEN,
    "PatchResource": Change.WRITTEN,
    "DeleteResource": Change.DELETED,
}


def is_cloud_event(request: HookRequest) -> bool:
    """Whether it is one event or several of Azure's kinds, whatever its schema."""
    if (
        "ce-type" in request.headers
        or "aeg-event-type" in request.headers
        or request.media_type in _MEDIA_TYPES
    ):
        return True
    return request.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def read_cloud_events(request: HookRequest) -> Notification:
    """CloudEvents 1.0 (structured, batched, or binary with ce- headers) or the Event Grid schema.

    Raises:
        Refused: no JSON, or an event of another kind.
    """
    # The decoder takes objects; around an array it finds the same tricks at the same depth.
    whole = r4.decode(b'{"events":%b}' % request.body.strip().removeprefix(b"\xef\xbb\xbf"))["events"]
    events = whole if isinstance(whole, list) else [whole]
    if "ce-type" in request.headers:
        events = [{"type": request.headers["ce-type"], "id": request.headers.get("ce-id"), "data": whole}]
    nodes = [each for each in events if isinstance(each, dict)]
    if not nodes or len(nodes) != len(events) or len(nodes) > MOST_EVENTS:
        raise refused("not a list of events")
    if text_in(nodes[0], "eventType") == _VALIDATION:
        code = text_in(_node(nodes[0].get("data")), "validationCode")
        if not _CODE.fullmatch(code):
            raise refused("the validation event has no code")
        return Notification(style="azure", kind=Kind.VALIDATION, code=code)
    return Notification(style="azure", events=tuple(map(_azure, nodes)))


def _azure(node: Node) -> Event:
    kind = _AZURE.fullmatch(text_in(node, "type") or text_in(node, "eventType"))
    data = _node(node.get("data"))
    version, account = data.get("resourceVersionId"), text_in(data, "resourceFhirAccount")
    focus = focus_of(f"{text_in(data, 'resourceType')}/{text_in(data, 'resourceFhirId')}/_history/{version}")
    if kind is None or focus is None or not _HOST.fullmatch(account):
        raise refused("an event is not about a FHIR resource", IssueCode.NOT_SUPPORTED)
    change = Change.DELETED if kind[1] == "Deleted" else Change.WRITTEN
    mark = text_in(node, "id")
    return Event(
        focus=Focus(focus.type, focus.id, focus.version, f"https://{account}"),
        change=change,
        mark=mark if _MARK.fullmatch(mark) else "",
    )


def is_push(body: Node) -> bool:
    """Whether it is the envelope of a Pub/Sub push subscription."""
    return isinstance(body.get("message"), dict) and isinstance(body.get("subscription"), str)


def read_push(body: Node) -> Notification:
    """A message of the Cloud Healthcare API, with the name of a resource or the resource as data.

    Raises:
        Refused: its attributes are not those of a FHIR store.
    """
    message = _node(body.get("message"))
    attributes = _node(message.get("attributes"))
    store, version = text_in(attributes, "storeName"), text_in(attributes, "versionId")
    change = _ACTIONS.get(text_in(attributes, "action"))
    if change is None or not _STORE.fullmatch(store):
        raise refused("the message is not about a resource of a FHIR store", IssueCode.NOT_SUPPORTED)
    name = _resource_name(message.get("data"), store)
    focus = focus_of(f"{name}/_history/{version}" if version else name)
    if focus is None:
        raise refused("the message names no resource")
    mark = text_in(message, "messageId")
    return Notification(
        style="google",
        subscription=_short(text_in(body, "subscription")),
        events=(
            Event(
                focus=Focus(focus.type, focus.id, focus.version, f"{_GOOGLE}/{store}/fhir"),
                change=change,
                mark=mark if _MARK.fullmatch(mark) else "",
            ),
        ),
    )


def _resource_name(data: Any, store: str) -> str:
    """`Type/id`: the data is the full name, or the resource itself."""
    try:
        content = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
        text = content.decode("utf-8")
    except (binascii.Error, ValueError):
        raise refused("the message's data is no base64 of text") from None
    prefix = f"{store}/fhir/"
    if text.startswith(prefix):
        return text.removeprefix(prefix).partition("/_history/")[0]
    resource = r4.decode(content)
    return f"{text_in(resource, 'resourceType')}/{text_in(resource, 'id')}"


def _short(name: str) -> str:
    return name if _MARK.fullmatch(name) else ""


def _node(value: Any) -> Node:
    return value if isinstance(value, dict) else {}
