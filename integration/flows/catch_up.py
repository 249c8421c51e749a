"""Catching up with a FHIR server: whatever notifications were lost, what changed lately is found by search.

`_lastUpdated=ge…` with an overlap, all pages, for each type that is read; what is known changes nothing. It
runs at start and on a timer, so that gaps in event numbers, missed heartbeats and servers without events need
nothing of their own, and at once where a notification does not say what changed. A server that notifies
nobody is polled by a second look, with kinds, pace and cursor of its own (`channels.*.fhir.poll`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from integration import telemetry
from integration.errors import AddressRefused, RemoteError
from integration.flows.fhir_door import FhirDoor
from integration.flows.ports import FhirSource
from integration.store import catch_ups
from integration.store.database import Database

#: Entries of a page.
_COUNT = "100"
_LOG = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """For one channel, from any thread and process; what two find at once is kept once.

    Attributes:
        kinds: resource types that are read.
        overlap: how far before the last look the next one begins: clocks differ, and indices lag. The first
            look of a channel begins so far before its start.
        pause_s: between two looks on the timer.
        cursor: under which it is remembered how far this look came; "" is the channel's name.
        since: where the first look begins; None: at its start, less the overlap.
        clock: aware now.
    """

    channel: str
    source: FhirSource
    kinds: Sequence[str]
    door: FhirDoor
    database: Database
    clock: Callable[[], datetime]
    overlap: timedelta = timedelta(minutes=10)
    pause_s: float = 300.0
    cursor: str = ""
    since: datetime | None = None

    @property
    def _name(self) -> str:
        return self.cursor or self.channel

    def tick(self) -> float:
        """Look, and say when to look again; a server that does not answer is looked at then.

        Raises:
            StoreUnavailable: the store; what was found will be found again.
        """
        try:
            self.look()
        except (RemoteError, AddressRefused) as error:
            _LOG.warning("catch_up.failed", channel=self.channel, code=type(error).__name__)
        return self.pause_s

    def look(self) -> int:
        """Keep all that changed since the last look; how many versions were new.

        Raises:
            RemoteError, AddressRefused: the search did not come to its end; the next one begins as early.
            StoreUnavailable: as `tick`.
        """
        began = self.clock()
        with self.database.read() as connection:
            since = catch_ups.seen_until(connection, self._name) or self.since or began
        # RFC 3339 with Z: a plus sign in a query is a blank to some servers.
        text = f"{(since - self.overlap).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        params = (("_lastUpdated", f"ge{text}"), ("_count", _COUNT))
        new = 0
        for kind in self.kinds:
            for found in self.source.search(kind, params):
                if found.kind == kind:
                    new += not self.door.keep(found, channel=self.channel).duplicate
        self.database.write(lambda connection: catch_ups.move(connection, self._name, began)).result()
        if new:
            _LOG.info("catch_up.found", channel=self.channel, count=new)
        return new
