"""A channel with a scripted FHIR server, a worker and a reader of documents, over a store of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from integration import telemetry
from integration.errors import AddressRefused, RemoteMissing, RemoteUnavailable
from integration.flows.catch_up import CatchUp
from integration.flows.fhir_door import NOTIFICATION, RESOURCE, FhirDoor
from integration.flows.fhir_resource import ResourceFlow
from integration.flows.notification import NotificationFlow
from integration.settings import Settings
from integration.store import extractions, ledgers, search_reader
from integration.store.migrations.upgrade import upgrade
from integration.store.records import MessageFilter
from integration.wiring import extraction, fhir_feeds, stores, workers
from mappers.fhir import r4
from mappers.fhir.hook_request import HookRequest

BASE = "https://ehr.example/fhir"
KINDS = ("DocumentReference", "ImagingStudy", "Media")


@dataclass
class Found:
    """A version as a server gives it."""

    resource: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its type."""
        return self.resource["resourceType"]

    @property
    def version(self) -> str:
        """Of its meta."""
        return self.resource.get("meta", {}).get("versionId", "")

    @property
    def raw(self) -> bytes:
        """As a server writes it."""
        return json.dumps(self.resource, indent=1).encode()

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.kind}/{self.resource['id']}"


@dataclass
class Server:
    """A server that holds what it was given."""

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False
    base: str = BASE

    def has(self, resource: dict[str, Any], *, minute: int = 0) -> None:
        """A new version of a resource, last updated at that minute."""
        key = f"{resource['resourceType']}/{resource['id']}"
        before = self.resources.get(key, {}).get("meta", {}).get("versionId", "0")
        meta = {
            **resource.get("meta", {}),
            "versionId": str(int(before) + 1),
            "lastUpdated": f"2026-11-22T09:{minute:02}:00Z",
        }
        self.resources[key] = {**resource, "meta": meta}

    def read(self, kind: str, name: str) -> Found:
        """As `FhirSource`."""
        self._answer(f"{kind}/{name}")
        if f"{kind}/{name}" not in self.resources:
            raise RemoteMissing("gone", status=410)
        return Found(self.resources[f"{kind}/{name}"])

    def search(self, kind: str, params: Any) -> Iterator[Found]:
        """As `FhirSource`."""
        self._answer(f"{kind}?{'&'.join('='.join(pair) for pair in params)}")
        yield from (Found(each) for each in self.resources.values() if each["resourceType"] == kind)

    def content(self, address: str) -> tuple[bytes, str]:
        """As `FhirSource`."""
        if not address.startswith(f"{BASE}/"):
            raise AddressRefused("elsewhere")
        self._answer(address)
        if address not in self.contents:
            raise RemoteMissing("gone", status=404)
        return self.contents[address]

    def _answer(self, asked: str) -> None:
        self.asked.append(asked)
        if self.down:
            raise RemoteUnavailable("down")


class Feed:
    """The channel `ehr` and what a worker does for it."""

    def __init__(self, folder: Path, **channel: Any) -> None:
        self.server = Server()
        self.settings = Settings(
            store={"url": f"sqlite:///{folder / 'store.sqlite'}"},
            channels={"ehr": {"fhir": {"base": BASE}, **channel}},
        )
        self.store = stores.open_store(self.settings)
        upgrade(self.store.database)
        self.ids = iter(range(10_000))
        self.door = FhirDoor(self.store.inbox, clock=stores.now, new_id=lambda: f"fresh-{next(self.ids)}")
        sources: Any = {"ehr": self.server}
        self.resources = ResourceFlow(
            self.store.database,
            fhir_feeds.build_copies(self.settings, self.store),
            fhir_feeds.build_copiers(self.settings, sources),
            stores.now,
        )
        self.catch_up = CatchUp(
            channel="ehr", source=self.server, kinds=KINDS, door=self.door, database=self.store.database,
            clock=stores.now, overlap=timedelta(minutes=10),
        )  # fmt: skip
        notifications = NotificationFlow(
            database=self.store.database, door=self.door, sources=sources, kinds=KINDS,
            catch_ups={"ehr": self.catch_up}, withdraw=self.resources.withdraw, clock=stores.now,
        )  # fmt: skip
        feeds = fhir_feeds.Feeds(
            {NOTIFICATION: notifications.process, RESOURCE: self.resources.process}, ticks={}
        )
        metrics = telemetry.metrics(CollectorRegistry())
        self.worker = workers.build_flow(self.settings, self.store, metrics, feeds)
        self.reading = extraction.build_flow(self.settings, self.store)

    def notified(self, reference: str, *, method: str = "PUT") -> None:
        """A notification that names a resource, and all that it leads to."""
        path = reference if method in {"PUT", "DELETE"} else ""
        self.door.receive(HookRequest(method, path, {}, b""), channel="ehr", peer="ehr")
        self.work()

    def changed(self, resource: dict[str, Any], *, minute: int = 0) -> None:
        """A new version there, notified and worked through."""
        self.server.has(resource, minute=minute)
        self.notified(f"{resource['resourceType']}/{resource['id']}")

    def work(self) -> None:
        """Process and read until nothing is left to do."""
        while waiting := self.store.inbox.undispatched(100):
            for each in waiting:
                self.worker.process(each.message_id)
            self.store.inbox.mark_dispatched([each.message_id for each in waiting]).result(30)
        while readings := self.reading.readings.undispatched(100):
            for each in readings:
                self.reading.read(each.message_id)
            self.reading.readings.mark_dispatched([each.message_id for each in readings]).result(30)

    def messages(self, trigger: str = RESOURCE) -> list[Any]:
        """Messages of a kind, oldest first."""
        found = self.store.inbox.list(MessageFilter(limit=1000))
        return [each for each in reversed(found) if each.trigger == trigger]

    def ledger(self, message_id: str) -> dict[str, Any]:
        """The ledger of a message."""
        with self.store.database.read() as connection:
            found = ledgers.find(connection, message_id)
        assert found is not None
        return found

    def state_of_reading(self, message_id: str) -> tuple[str, str | None]:
        """How far a reading is, and why."""
        with self.store.database.read() as connection:
            found = extractions.find(connection, message_id)
        assert found is not None
        return found.state.value, found.reason

    def all(self, kind: str, **params: str) -> list[dict[str, Any]]:
        """Current resources of a type, newest first."""
        pairs = [("_count", "100"), *((name.replace("_", "-"), value) for name, value in params.items())]
        search = search_reader.read(kind, pairs, base="http://x").value
        with self.store.database.read() as connection:
            page = self.store.results.search(connection, search)
        return [r4.decode(each.content) for each in page.matches]

    def only(self, kind: str) -> dict[str, Any]:
        """The one resource of a type; of documents the one that was read: a draft has one of its own."""
        every = self.all(kind)
        (found,) = [each for each in every if kind != "DocumentReference" or _is_read(each)]
        return found


def _is_read(document: dict[str, Any]) -> bool:
    return document["meta"].get("source", "").startswith(BASE)
