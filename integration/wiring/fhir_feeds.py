"""The FHIR servers of the channels, as the worker reads them: stories of notifications, catching up."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from integration.clients.fhir import FhirServer
from integration.flows.catch_up import CatchUp
from integration.flows.fhir_door import NOTIFICATION, RESOURCE, FhirDoor
from integration.flows.notification import NotificationFlow, ResourceFlow
from integration.settings import Settings
from integration.store.records import StoredMessage
from integration.wiring import stores
from integration.wiring.fhir_servers import SOURCES, build_fhir_server
from integration.wiring.stores import Store


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
    sources: dict[str, FhirServer] = {}
    catch_ups: dict[str, CatchUp] = {}
    for name, channel in settings.channels.items():
        source = build_fhir_server(f"channels.{name}.fhir", channel.fhir)
        if source is None:
            continue
        sources[name] = source
        catch_ups[name] = CatchUp(
            channel=name,
            source=source,
            kinds=SOURCES,
            door=door,
            database=store.database,
            clock=stores.now,
            pause_s=channel.fhir.catch_up_seconds,
        )
    notifications = NotificationFlow(
        database=store.database,
        door=door,
        sources=sources,
        kinds=frozenset(SOURCES),
        catch_ups=catch_ups,
        clock=stores.now,
    )
    return Feeds(
        stories={
            NOTIFICATION: notifications.process,
            RESOURCE: ResourceFlow(store.database, stores.now).process,
        },
        ticks={f"catch-up-{name}": each.tick for name, each in catch_ups.items()},
    )
