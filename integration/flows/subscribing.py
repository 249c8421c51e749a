"""Our Subscriptions at a channel's server: registered once, watched, renewed, asked for again, taken down.

| at the server | then |
|---|---|
| none of ours | created; where the answer is lost, looked for before anything is sent again |
| one of ours, whoever registered it | taken over: never a second one |
| active, and not near its end | nothing |
| near its end (a quarter of its time is left) | its end is moved |
| error | requested again; its events since are caught up |
| off | left alone, and told: somebody there wants it so |
| registered before, and not there any more | registered anew, and caught up |
| silent for more than two of its heartbeats | caught up, and told |

Nobody but us is touched: what bears neither our tag nor our endpoint with our criteria is not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from integration import telemetry
from integration.errors import (
    AddressRefused,
    Conflict,
    RemoteAmbiguous,
    RemoteError,
    RemoteMissing,
    SettingsInvalid,
)
from integration.flows.ports import Fetched
from integration.store import subscriptions
from integration.store.database import Database
from integration.store.ids import utc_text
from integration.store.subscriptions import Known
from mappers.fhir import r4, subscription
from mappers.fhir.subscription import Wish

Node = dict[str, Any]

GONE = "gone"
#: So often a creation whose answer was lost is tried, each time after a look.
_MOST_CREATES = 3
_PAGE = "100"
_LOG = telemetry.logger(__name__)


class Created(Protocol):
    """What a write did."""

    @property
    def id(self) -> str:
        """The id there."""


class SubscriptionServer(Protocol):
    """The server of a channel, as far as Subscriptions go."""

    def read(self, kind: str, resource_id: str) -> Fetched:
        """As `FhirSource.read`."""

    def search(self, kind: str, params: Sequence[tuple[str, str]]) -> Iterator[Fetched]:
        """As `FhirSource.search`."""

    def create(self, kind: str, content: bytes) -> Created:
        """Create a resource.

        Raises:
            RemoteAmbiguous: the answer was lost.
            RemoteError: see `integration.errors`.
        """

    def update(self, kind: str, resource_id: str, content: bytes) -> Created:
        """PUT a resource."""

    def delete(self, kind: str, resource_id: str) -> None:
        """DELETE a resource; what is gone is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribing:
    """For one channel.

    Attributes:
        wishes: what is to be there; asked for at each look, since ends move on.
        lifetime: how long a Subscription lives before it is to be renewed; None: for ever.
        catch_up: a look at all that changed lately.
        clock: aware now.
        pause_s: between two looks on the timer.
    """

    channel: str
    server: SubscriptionServer
    wishes: Callable[[], Sequence[Wish]]
    database: Database
    catch_up: Callable[[], object]
    clock: Callable[[], datetime]
    lifetime: timedelta | None = None
    pause_s: float = 60.0

    def register(self) -> tuple[Known, ...]:
        """Bring about that every wish has its Subscription, and exactly one.

        Raises:
            RemoteError: the server does not answer, or does not want it.
            Conflict: several of ours are there.
            StoreUnavailable: what was done is not remembered; the next time finds it.
        """
        return tuple(self._registered(wish) for wish in self.wishes())

    def _registered(self, wish: Wish) -> Known:
        there = self._found(wish)
        if there is None:
            there = self._created(wish)
        elif subscription.read(there).status in {"error", "off"}:
            there = self._updated(there, wish)
        return self._keep(wish, there)

    def _found(self, wish: Wish) -> Node | None:
        params = [("_count", _PAGE)]
        found = [
            dict(each.resource)
            for each in self.server.search("Subscription", params)
            if each.kind == "Subscription" and subscription.is_ours(dict(each.resource), wish)
        ]
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} Subscriptions of ours are at the server: run unsubscribe, then subscribe"
            )
        return found[0] if found else None

    def _created(self, wish: Wish) -> Node:
        content = subscription.write(wish)
        for attempt in range(1, _MOST_CREATES + 1):
            try:
                made = self.server.create("Subscription", r4.encode(content))
            except RemoteAmbiguous:
                there = self._found(wish)
                if there is not None:
                    return there
                if attempt == _MOST_CREATES:
                    raise
            else:
                return self._read(made.id) or {**content, "id": made.id}
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _updated(self, there: Node, wish: Wish) -> Node:
        anew = subscription.asked_anew(there, wish)
        self.server.update("Subscription", str(there["id"]), r4.encode(anew))
        return self._read(str(there["id"])) or anew

    def _read(self, server_id: str) -> Node | None:
        try:
            return dict(self.server.read("Subscription", server_id).resource)
        except RemoteMissing:
            return None

    def _keep(self, wish: Wish, there: Node) -> Known:
        said, now = subscription.read(there), utc_text(self.clock())
        known = Known(
            channel=self.channel,
            subject=wish.subject,
            style=wish.style.value,
            server_id=str(there["id"]),
            status=said.status,
            ends=said.end or None,
            heartbeat_seconds=said.heartbeat_s,
            registered_at=now,
            checked_at=now,
        )
        self.database.write(lambda connection: subscriptions.keep(connection, known)).result()
        return known

    def remove(self) -> int:
        """Take down all of ours at the server; how many there were.

        Raises:
            RemoteError: as `register`.
        """
        count = 0
        for wish in self.wishes():
            for each in list(self.server.search("Subscription", [("_count", _PAGE)])):
                if each.kind == "Subscription" and subscription.is_ours(dict(each.resource), wish):
                    self.server.delete("Subscription", str(each.resource["id"]))
                    count += 1
        for known in self._known():
            if self._read(known.server_id) is not None:
                self.server.delete("Subscription", known.server_id)
                count += 1
            self._forget(known)
        return count

    def _forget(self, known: Known) -> None:
        self.database.write(
            lambda connection: subscriptions.forget(connection, self.channel, known.subject)
        ).result()

    def _known(self) -> tuple[Known, ...]:
        with self.database.read() as connection:
            return subscriptions.of_channel(connection, self.channel)

    def tick(self) -> float:
        """Look after what was registered; when to look again. Nothing is registered that nobody asked for.

        Raises:
            StoreUnavailable: the store.
        """
        for known in self._known():
            try:
                wish = next((each for each in self.wishes() if each.subject == known.subject), None)
                if wish is not None:
                    self._watch(known, wish)
            except (RemoteError, AddressRefused, Conflict, SettingsInvalid) as error:
                _LOG.warning("subscription.failed", channel=self.channel, code=type(error).__name__)
        return self.pause_s

    def _watch(self, known: Known, wish: Wish) -> None:
        there = self._read(known.server_id)
        if there is None:
            _LOG.warning("subscription.gone", channel=self.channel)
            self._registered(wish)
            self.catch_up()
            return
        said = subscription.read(there)
        if said.status == "error":
            _LOG.warning("subscription.error", channel=self.channel)
            self._keep(wish, self._updated(there, wish))
            self.catch_up()
            return
        if said.status != "off" and self._is_near(said.end):
            there = self._updated(there, wish)
        self._keep(wish, there)
        if replace(known, status=said.status).is_silent(self.clock()):
            _LOG.warning("subscription.silent", channel=self.channel)
            self.catch_up()

    def _is_near(self, end: str) -> bool:
        """Whether a quarter of its time, or less, is left."""
        if not end or self.lifetime is None:
            return False
        try:
            left = datetime.fromisoformat(end) - self.clock()
        except (ValueError, TypeError):
            return False
        return left < self.lifetime / 4
