"""The FHIR servers of the channels, as the worker reads them: stories of notifications, catching up."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

from integration.clients.fhir import FhirServer
from integration.flows.catch_up import CatchUp
from integration.flows.fhir_door import NOTIFICATION, RESOURCE, FhirDoor
from integration.flows.fhir_resource import ResourceFlow
from integration.flows.local_copies import Copier, LocalCopies
from integration.flows.notification import NotificationFlow
from integration.flows.submission import SUBMISSION
from integration.settings import Settings
from integration.store.records import StoredMessage
from integration.wiring import stores
from integration.wiring.fhir_servers import SOURCES, build_fhir_server
from integration.wiring.stores import Store
from integration.wiring.submissions import build_submissions
from integration.wiring.subscribing import build_subscribing
from integration.wiring.terms import channel_of, responsible
from mappers.fhir.source_identities import Place


@dataclass(frozen=True, slots=True)
class Feeds:
    """What the worker needs of them.

    Attributes:
        stories: by trigger.
        ticks: by the name of their thread.
    """

    stories: Mapping[str, Callable[[StoredMessage], None]]
    ticks: Mapping[str, Callable[[], float]]


def build_feeds(settings: Settings, store: Store) -> Feeds:
    """The feeds of all channels.

    Raises:
        SettingsInvalid: a file that the settings of a server name cannot be used.
    """
    door = FhirDoor(store.inbox, clock=stores.now, new_id=lambda: uuid.uuid4().hex)
    sources = _sources(settings)
    catch_ups = {name: _catch_up(settings, store, door, name, source) for name, source in sources.items()}
    resources = ResourceFlow(
        store.database, build_copies(settings, store), build_copiers(settings, sources), stores.now
    )
    notifications = NotificationFlow(
        database=store.database,
        door=door,
        sources=sources,
        kinds=frozenset(SOURCES),
        catch_ups=catch_ups,
        withdraw=resources.withdraw,
        clock=stores.now,
    )
    polls = _polls(settings, catch_ups)
    ticks: dict[str, Callable[[], float]] = {
        f"catch-up-{name}": each.tick for name, each in catch_ups.items()
    }
    ticks |= {f"poll-{name}": each.tick for name, each in polls.items()}
    for name, source in sources.items():
        watching = build_subscribing(settings, store, name, source=source, catch_up=catch_ups[name].look)
        ticks[f"subscription-{name}"] = watching.tick
    return Feeds(
        stories={
            NOTIFICATION: notifications.process,
            RESOURCE: resources.process,
            SUBMISSION: build_submissions(settings, store).process,
        },
        ticks=ticks,
    )


def _sources(settings: Settings) -> dict[str, FhirServer]:
    built = {
        name: build_fhir_server(f"channels.{name}.fhir", each.fhir)
        for name, each in settings.channels.items()
    }
    return {name: source for name, source in built.items() if source is not None}


def _catch_up(settings: Settings, store: Store, door: FhirDoor, name: str, source: FhirServer) -> CatchUp:
    return CatchUp(
        channel=name,
        source=source,
        kinds=SOURCES,
        door=door,
        database=store.database,
        clock=stores.now,
        pause_s=settings.channels[name].fhir.catch_up_seconds,
    )


def _polls(settings: Settings, catch_ups: Mapping[str, CatchUp]) -> dict[str, CatchUp]:
    """What polls servers that tell nobody: looks of their own kinds and pace, each with its own cursor."""
    polls: dict[str, CatchUp] = {}
    for name, each in catch_ups.items():
        poll = settings.channels[name].fhir.poll
        if poll.seconds is not None:
            since = datetime.combine(poll.since, time(), UTC) if poll.since else None
            polls[name] = replace(
                each, kinds=poll.kinds, cursor=f"{name} poll", since=since, pause_s=poll.seconds
            )
    return polls


def build_copiers(settings: Settings, sources: Mapping[str, FhirServer]) -> dict[str, Copier]:
    """What makes local copies of what the channels' servers say."""
    return {
        name: Copier(
            place=Place(channel_of(name, settings.channels[name]), source.base),
            source=source,
            software=stores.software(),
            responsible=responsible(settings),
        )
        for name, source in sources.items()
    }


def build_copies(settings: Settings, store: Store) -> LocalCopies:
    """What finds local copies."""
    bases = {name: each.fhir.base for name, each in settings.channels.items() if each.fhir.base is not None}
    return LocalCopies(store.results, bases)
