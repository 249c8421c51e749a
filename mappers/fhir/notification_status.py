"""Topic-based notifications: a Bundle that begins with Parameters (backport on R4) or SubscriptionStatus.

hl7.fhir.uv.subscriptions-backport, "Notifications"; R5 §2.46. The two differ in where a name stands, so one
is turned into the other's members before it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mappers.domain.issues import IssueCode
from mappers.fhir.notification import Event, Focus, Kind, Notification, refused
from mappers.fhir.notification_references import focus_of, text_in

Node = dict[str, Any]
#: Events of one notification; a server that sends more than it says (backport-max-count) is refused.
MOST_EVENTS = 10_000
_KINDS = {
    "handshake": Kind.HANDSHAKE,
    "heartbeat": Kind.HEARTBEAT,
    "event-notification": Kind.EVENTS,
    "query-status": Kind.STATUS,
    "query-event": Kind.EVENTS,
}
_NUMBER = re.compile(r"\d{1,18}")


def read(bundle: Node) -> Notification:
    """A notification Bundle, told by its first entry and not by its type, which differs between versions.

    Raises:
        Refused: its first entry says nothing of a subscription, or its kind is none.
    """
    resources = [_node(entry.get("resource")) for entry in _nodes(bundle.get("entry"))]
    head = resources[0] if resources else {}
    style = {"Parameters": "backport", "SubscriptionStatus": "status"}.get(text_in(head, "resourceType"))
    if style is None:
        text = "the Bundle begins with no subscription status; post other Bundles to /fhir"
        raise refused(text, IssueCode.NOT_SUPPORTED, "Bundle.entry[0].resource")
    members = _members(head) if style == "backport" else head
    kind = _KINDS.get(text_in(members, "type"))
    if kind is None:
        raise refused("the notification's type is none", IssueCode.CODE_INVALID, "Bundle.entry[0].resource")
    subscription = focus_of(text_in(_node(members.get("subscription")), "reference"))
    versions = {focus.reference: focus.version for focus in map(_pushed, resources[1:]) if focus}
    events = tuple(_event(node, versions) for node in _nodes(members.get("notificationEvent")))
    if len(events) > MOST_EVENTS:
        raise refused(f"more than {MOST_EVENTS} events in one notification", IssueCode.TOO_LONG)
    if kind is Kind.EVENTS and not events:
        # Backport allows a payload of nothing: something changed, and the count says how often.
        events = tuple(Event(focus=focus) for focus in map(_pushed, resources[1:]) if focus) or (Event(),)
    return Notification(
        style=style,
        kind=kind,
        subscription=f"{subscription.base}/{subscription.reference}".lstrip("/") if subscription else "",
        status=text_in(members, "status"),
        events_since_start=_number(members.get("eventsSinceSubscriptionStart")),
        events=events,
    )


def _event(node: Node, versions: dict[str, str]) -> Event:
    focus = focus_of(text_in(_node(node.get("focus")), "reference"))
    if focus is not None and not focus.version:
        focus = Focus(focus.type, focus.id, versions.get(focus.reference, ""), focus.base)
    return Event(_number(node.get("eventNumber")), focus)


def _pushed(resource: Node) -> Focus | None:
    """Which version of which resource came along."""
    focus = focus_of(f"{text_in(resource, 'resourceType')}/{text_in(resource, 'id')}")
    version = text_in(_node(resource.get("meta")), "versionId")
    if focus is None:
        return None
    return Focus(focus.type, focus.id, version if len(version) <= 64 else "")  # noqa: PLR2004  FHIR id


def _members(parameters: Node) -> Node:
    """Parameters of the backport profile as the members of a SubscriptionStatus."""
    members: Node = {}
    events = []
    for name, value in _parts(parameters.get("parameter")):
        if name == "notificationEvent":
            events.append(dict(_parts(value)))
        else:
            members[name] = value
    return {**members, "notificationEvent": events}


def _parts(parameters: Any) -> Iterator[tuple[str, Any]]:
    """(name in camel case, value or parts) of each parameter."""
    for node in _nodes(parameters):
        first, *rest = text_in(node, "name").split("-")
        value = next((node[key] for key in node if key.startswith("value")), node.get("part"))
        yield first + "".join(word.capitalize() for word in rest), value


def _number(value: Any) -> int | None:
    """An event number: a string, since JSON numbers do not hold 64 bits; a number from the careless."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _node(value: Any) -> Node:
    return value if isinstance(value, dict) else {}


def _nodes(value: Any) -> list[Node]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
