"""What a server's notification says: which resources changed, of which subscription, as event number what.

Every style of sender is read into one form; the table says by what each is told, first match wins.

| style | told by | says |
|---|---|---|
| HAPI FHIR | PUT or DELETE …/{Type}/{id} | one resource was written or deleted |
| CloudEvents, Event Grid (Azure) | ce-type, their media type, an array | one resource an event |
| Pub/Sub push (Google) | `message` and `subscription`, no resourceType | one resource |
| R4 rest-hook without payload | no body | something changed |
| Medplum | X-Medplum-Deleted-Resource | one resource was deleted |
| backport R4; R4B, R5 | Bundle with Parameters or SubscriptionStatus first | numbered events, signs of life |
| R4 rest-hook with payload | any other resource | that resource was written |

Everything is a hint: nothing but names and numbers is taken from it, never the content that was pushed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mappers.domain.issues import Issue, IssueCode, Refused, Severity


class Kind(StrEnum):
    """What a notification is for.

    EVENTS something changed. HANDSHAKE and HEARTBEAT are a server's signs of life. STATUS answers a question
    of ours. VALIDATION asks us to prove that we want to be notified (Event Grid).
    """

    EVENTS = "events"
    HANDSHAKE = "handshake"
    HEARTBEAT = "heartbeat"
    STATUS = "status"
    VALIDATION = "validation"


class Change(StrEnum):
    """What happened to a resource."""

    WRITTEN = "written"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Focus:
    """A resource that is spoken of.

    Attributes:
        version: of the resource, "" where it is not said.
        base: absolute URL or host in front of it as sent; "" for a relative reference. It is compared with
            the configured base, and never called.
    """

    type: str
    id: str
    version: str = ""
    base: str = ""

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        number: in its subscription, where the server counts.
        focus: None where the server does not say what changed.
        mark: the sender's own id of the event, where it has one.
    """

    number: int | None = None
    focus: Focus | None = None
    change: Change = Change.WRITTEN
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What came.

    Attributes:
        style: of the table above, for people: "hapi", "backport", "payload" …
        subscription: `Subscription/id` or the sender's name of it; "" where it is not said.
        status: of the subscription, where it is said: "active", "error" …
        events_since_start: how many events the server has sent by now, where it counts.
        events: in the order of the notification.
        code: what has to be echoed (VALIDATION).
    """

    style: str
    kind: Kind = Kind.EVENTS
    subscription: str = ""
    status: str = ""
    events_since_start: int | None = None
    events: tuple[Event, ...] = field(default=())
    code: str = field(default="", repr=False)

    @property
    def key(self) -> str:
        """What a repeat of this notification has in common with it; "" where nothing names it.

        Subscription and event numbers, else the sender's marks, else resource and version. The resource
        stands beside the number, since a subscription that was set up anew counts from 1 again.
        """
        if self.kind is not Kind.EVENTS or not self.events:
            return ""
        parts = [_key(event) for event in self.events]
        return f"{self.subscription}#{','.join(parts)}" if all(parts) else ""


def _key(event: Event) -> str:
    focus, what = event.focus, ""
    if focus is not None:
        what = f"{focus.reference}/{focus.version}" + ("-" if event.change is Change.DELETED else "")
    if event.number is not None:
        return f"{event.number}:{what}"
    if event.mark:
        return event.mark
    return what if focus is not None and focus.version else ""


def refused(text: str, code: IssueCode = IssueCode.STRUCTURE, location: str = "") -> Refused:
    """A refusal of a whole notification."""
    return Refused(Issue(Severity.FATAL, code, location, text))
