"""The door for FHIR: read what names a notification, commit it, and only then answer.

| what came | becomes | answer |
|---|---|---|
| what came before (by `Notification.key`, else its bytes) | an audit record | the earlier answer |
| a sign of life, or word of something that nothing names | a message of its own | accepted |
| anything else that notifies | a message; its subject's later ones wait for it | accepted |
| what is no notification, or no JSON that may be read | kept as refused | refused, with the reason |
| anything while the store takes no writes | nothing | StoreUnavailable: the sender keeps it |

What changed is read from the server itself later; nothing of the body but names and numbers is believed. What
was read comes in by the same door, as a message of its own: bytes, digest, audit and order are as for others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration.flows.ports import Fetched
from integration.store.inbox import Inbox
from integration.store.records import Arrival, Receipt
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue, Refused
from mappers.fhir import notification_reader
from mappers.fhir.hook_request import HookRequest
from mappers.fhir.notification import Kind, Notification

#: `Arrival.trigger` of a notification; MSH-9 cannot be it, since it holds a blank.
NOTIFICATION = "FHIR notification"
#: The same of a resource as it was read.
RESOURCE = "FHIR resource"


@dataclass(frozen=True, slots=True)
class FhirDoor:
    """The door.

    Attributes:
        clock: aware now.
        new_id: a fresh name for what has none.
    """

    inbox: Inbox
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def keep(self, found: Fetched, *, channel: str) -> Receipt:
        """Commit a version of a resource as it was read from the channel's server, once.

        Raises:
            StoreUnavailable: nothing was committed.
        """
        key = f"{found.reference}/_history/{found.version}" if found.version else ""
        subject = _reference(found.resource, "subject") or _reference(found.resource, "patient")
        arrival = Arrival(
            channel=channel,
            peer=f"fhir:{channel}",
            raw=found.raw,
            received_at=self.clock(),
            control_id=key,
            sender=found.kind,
            trigger=RESOURCE,
            order_key=f"{channel}|patient|{subject}" if subject else f"{channel}|{found.reference}",
            # One version is one thing, though a search and a read write it differently.
            unstable=(0, len(found.raw)) if key else None,
        )
        return self.inbox.submit(arrival).result()

    def receive(
        self, request: HookRequest, *, channel: str, peer: str
    ) -> tuple[Receipt, Notification | None]:
        """Commit a request at a hook, and say what it is; None is no notification.

        Raises:
            StoreUnavailable: nothing was committed; answer so that the sender tries again.
        """
        notification: Notification | None = None
        issues: tuple[Issue, ...] = ()
        try:
            notification = notification_reader.read(request)
        except Refused as refusal:
            issues = (refusal.issue,)
        raw = request.encode()
        key = notification.key if notification else ""
        nameless = notification is not None and not key and not _is_told_by_its_bytes(request, notification)
        arrival = Arrival(
            channel=channel,
            peer=peer,
            raw=raw,
            received_at=self.clock(),
            control_id=self.new_id() if nameless else key,
            sender=notification.subscription if notification else "",
            trigger=NOTIFICATION,
            order_key=f"{channel}|{_subject(notification)}",
            # What has a name of its own is known by it: envelopes of the same event differ in their times.
            unstable=(0, len(raw)) if key else None,
            verdict=Verdict.ACCEPTED if notification else Verdict.ERROR,
            issues=issues,
        )
        return self.inbox.submit(arrival).result(), notification


def _is_told_by_its_bytes(request: HookRequest, notification: Notification) -> bool:
    """Whether the same bytes again would be the same news: not for signs of life, deletions or empty ones."""
    return notification.kind is Kind.EVENTS and len(request.body.strip()) > len(b"{}")


def _subject(notification: Notification | None) -> str:
    """What keeps its order: the resource, if it is one alone; else all of the channel."""
    events = notification.events if notification else ()
    focuses = {event.focus.reference for event in events if event.focus}
    return focuses.pop() if len(focuses) == 1 else ""


def _reference(resource: Mapping[str, Any], name: str) -> str:
    node = resource.get(name)
    reference = node.get("reference") if isinstance(node, dict) else None
    return reference if isinstance(reference, str) else ""
