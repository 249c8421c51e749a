"""The worker's story of a notification: what changed is read from the channel's own server and kept.

| the notification | becomes |
|---|---|
| names a resource that a flow reads | its current version, as a message of its own; PROCESSED |
| names one that is gone by now, or was deleted | PROCESSED; its copy here is marked as in error |
| names one that no flow reads | PROCESSED, its ledger says so |
| names one at another server than the channel's | PARKED, reason "foreign-address"; nothing was called |
| says that something changed, not what | a look for all that changed lately; PROCESSED |
| is a sign of life, or answers us | PROCESSED, reason "sign-of-life" |
| counts more events than came | those between are asked for (`$events`), else looked for; PROCESSED |
| comes while the server does not answer | FAILED, tried again later |

What was pushed is never believed: the server is asked, at the base that the settings name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from integration import telemetry
from integration.errors import AddressRefused, RemoteError, RemoteMissing, SettingsInvalid
from integration.flows.catch_up import CatchUp
from integration.flows.fhir_door import FhirDoor
from integration.flows.ports import FhirSource
from integration.states import MessageState
from integration.store import ledgers, messages, subscriptions
from integration.store.database import Database, Transaction
from integration.store.ids import utc_text
from integration.store.records import Act, StoredMessage
from integration.store.subscriptions import Known
from mappers.domain.issues import Refused
from mappers.fhir import hook_request, notification_reader, r4
from mappers.fhir.notification import Event, Focus, Kind, Notification

ACTOR = "worker"
_SIGN_OF_LIFE = "sign-of-life"
_KEPT = "kept-not-supported"
_LOG = telemetry.logger(__name__)


class EventSource(FhirSource, Protocol):
    """A server that may be asked for the events of a Subscription again."""

    def operation(self, path: str, params: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """GET an operation that changes nothing.

        Raises:
            RemoteError: see `integration.errors`.
        """


class Withdraw(Protocol):
    """Marks the local copy of what is gone from its server."""

    def __call__(self, channel: str, kind: str, name: str, *, message_id: str) -> bool:
        """Whether there was one that stood."""


@dataclass(frozen=True, slots=True)
class NotificationFlow:
    """What the story needs.

    Attributes:
        sources: the FHIR servers, by channel.
        kinds: resource types that are read.
        catch_ups: by channel, for notifications that do not say what changed.
        withdraw: marks the local copy of what is gone (`ResourceFlow.withdraw`); whether there was one.
        clock: aware now.
    """

    database: Database
    door: FhirDoor
    sources: Mapping[str, EventSource]
    kinds: Collection[str]
    catch_ups: Mapping[str, CatchUp]
    withdraw: Withdraw
    clock: Callable[[], datetime]

    def process(self, message: StoredMessage) -> None:
        """Process a stored notification to its end.

        Raises:
            Refused, WardwireError: see `retry`.
        """
        assert message.raw is not None
        notification = notification_reader.read(hook_request.parse(message.raw))
        reason = None
        rows: list[dict[str, Any]] = []
        if notification.kind is not Kind.EVENTS:
            reason = _SIGN_OF_LIFE
        else:
            rows = self._events(message, notification)
        rows += self._missed(message, notification)
        line = _line(message, notification, rows)
        now = self.clock()

        def store(connection: Transaction) -> None:
            ledgers.keep(connection, message.id, line)
            _hear(connection, message.channel, notification, now)
            messages.move(connection, message.id, MessageState.PROCESSED, Act(utc_text(now), ACTOR, reason))

        self.database.write(store).result()

    def _missed(self, message: StoredMessage, notification: Notification) -> list[dict[str, Any]]:
        """Events that the server counts and that never came: asked for by number, else looked for."""
        source, known = self.sources.get(message.channel), self._known(message.channel, notification)
        if source is None or known is None or known.events is None:
            return []
        last = _until(notification)
        if last is None or last <= known.events:
            return []
        span = (("eventsSinceNumber", str(known.events + 1)), ("eventsUntilNumber", str(last)))
        _LOG.warning("notification.gap", channel=message.channel, count=last - known.events)
        try:
            answer = source.operation(f"Subscription/{known.server_id}/$events", span)
            told = notification_reader.read(hook_request.HookRequest("POST", "", {}, r4.encode(answer)))
        except (RemoteError, Refused):
            self.catch_ups[message.channel].look()
            return [{"event": known.events + 1, "outcome": "caught-up"}]
        return self._events(message, told) if told.kind is Kind.EVENTS else []

    def _known(self, channel: str, notification: Notification) -> Known | None:
        name = notification.subscription.rpartition("/")[2]
        with self.database.read() as connection:
            found = subscriptions.of_channel(connection, channel) if name else ()
        return next((each for each in found if each.server_id == name), None)

    def _events(self, message: StoredMessage, notification: Notification) -> list[dict[str, Any]]:
        source = self.sources.get(message.channel)
        if source is None:
            raise SettingsInvalid(f"channels.{message.channel}.fhir.base is not set: nothing can be read")
        for event in notification.events:
            if event.focus is not None and not is_ours(event.focus, source.base):
                raise AddressRefused("the notification names a resource at another server than the channel's")
        rows = [self._event(event, source, message) for event in notification.events]
        if any(event.focus is None for event in notification.events):
            self.catch_ups[message.channel].look()
        return rows

    def _event(self, event: Event, source: EventSource, message: StoredMessage) -> dict[str, Any]:
        """What became of one event, for the ledger; ids of the server, no content."""
        focus = event.focus
        if focus is None:
            return {"event": event.number, "outcome": "caught-up"}
        told = {"event": event.number, "resource": focus.reference}
        if focus.type not in self.kinds:
            return {**told, "outcome": _KEPT}
        try:
            found = source.read(focus.type, focus.id)
        except RemoteMissing:
            withdrawn = self.withdraw(message.channel, focus.type, focus.id, message_id=message.id)
            return {**told, "outcome": "withdrawn" if withdrawn else "gone"}
        receipt = self.door.keep(found, channel=message.channel)
        return {**told, "outcome": "known" if receipt.duplicate else "read", "message_id": receipt.message_id}


def _until(notification: Notification) -> int | None:
    """The last event that should have come before this notification; None where nothing is counted."""
    numbers = [event.number for event in notification.events if event.number is not None]
    if numbers:
        return min(numbers) - 1
    return notification.events_since_start if notification.kind is not Kind.EVENTS else None


def _hear(connection: Transaction, channel: str, notification: Notification, now: datetime) -> None:
    name = notification.subscription.rpartition("/")[2]
    if not name:
        return
    numbers = [event.number for event in notification.events if event.number is not None]
    if notification.events_since_start is not None:
        numbers.append(notification.events_since_start)
    subscriptions.heard(connection, channel, name, at=now, events=numbers)


def is_ours(focus: Focus, base: str) -> bool:
    """Whether a reference is to the configured server: relative, or with its base before it.

    Clouds name a host alone, or a store by the path of one version of their interface.
    """
    if not focus.base:
        return True
    try:
        ours, theirs = urlsplit(base), urlsplit(focus.base)
        same = _host(ours) == _host(theirs)
    except ValueError:
        return False
    path = theirs.path.rstrip("/")
    inside = not path or path == ours.path.rstrip("/") or _after_version(path) == _after_version(ours.path)
    return same and inside


def _host(parts: SplitResult) -> tuple[str, int]:
    """Host and port.

    Raises:
        ValueError: the port is no number.
    """
    return (parts.hostname or "").rstrip("."), parts.port or {"http": 80}.get(parts.scheme, 443)


def _after_version(path: str) -> str:
    """The path without its first part: /v1beta1/projects/… and /v1/projects/… are one store."""
    return path.strip("/").partition("/projects/")[2] or path


def _line(message: StoredMessage, notification: Notification, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The ledger of a notification."""
    return {
        "control_id": message.control_id,
        "outcome": "converted",
        "issues": [],
        "segments": {"in": len(rows), "mapped": len(rows), "kept": 0, "reported": 0},
        "rows": [],
        "notification": {
            "style": notification.style,
            "kind": notification.kind.value,
            "subscription": notification.subscription,
            "status": notification.status,
            "events_since_start": notification.events_since_start,
            "events": rows,
        },
    }
