"""A manifest with all that has to go with it, from the store: what is written there, what is only matched.

| a resource that is referred to | is |
|---|---|
| Device, Specimen, Observation, DiagnosticReport, DocumentReference, Task of ours | written, if not there |
| one of these that was read from a FHIR server | matched |
| Patient, ServiceRequest, Encounter, ImagingStudy, Media, Practitioner and the like | matched |
| Binary | put into the attachment that points to it |
| a Provenance of what is written, older than the next version of that | written |
| a preliminary result that the manifest does not name | referred to where it is there: it may be a draft |

Reads one snapshot of the store. Knows no server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from integration.errors import DestinationRefused, NotFound
from integration.flows.writeback.manifest import Manifest
from integration.store import counterparts
from integration.store.database import Database, Transaction
from integration.store.result_records import StoredResource
from integration.store.results import Results
from mappers.fhir import departure, r4

Node = dict[str, Any]

_WRITTEN: Final = frozenset(departure.ORDER)
#: What one delivery may bring; more is a mistake in what refers to what.
MOST: Final = 1000
_PRELIMINARY: Final = frozenset({"registered", "preliminary"})
_RESULTS: Final = frozenset({"Observation", "DiagnosticReport", "DocumentReference"})
_WITHDRAWN: Final = "entered-in-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One resource to be written.

    Attributes:
        named: by the manifest; else it goes because something refers to it, if it is not there yet.
        linked_only: it is not written, only referred to where it is there.
    """

    reference: str
    version: int
    resource: Node = field(repr=False)
    named: bool
    linked_only: bool = False

    @property
    def kind(self) -> str:
        """Its type."""
        return self.reference.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What goes and what it refers to.

    Attributes:
        items: in the order in which a server can take them.
        context: by reference, what is to be found there.
        binaries: by reference, what attachments point to.
        draft: ours, and nobody signed it.
    """

    items: tuple[Item, ...]
    context: Mapping[str, Node] = field(repr=False)
    binaries: Mapping[str, Node] = field(repr=False)
    draft: bool = False

    @property
    def takes_back(self) -> bool:
        """Whether all of its results are entered in error: it says nothing about anybody any more."""
        said = [item for item in self.items if item.named and item.kind in _RESULTS]
        return bool(said) and all(item.resource.get("status") == _WITHDRAWN for item in said)


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads shipments."""

    database: Database
    results: Results

    def load(self, manifest: Manifest, *, tasks: bool) -> Shipment:
        """All of a manifest.

        Args:
            manifest: which.
            tasks: review Tasks are written too.

        Raises:
            NotFound: a version that it names is not in the store.
            DestinationRefused: it leads to more than one delivery can bear.
            StoreUnavailable: the store does not answer.
        """
        with self.database.read() as connection:
            gathering = _Gathering(connection, self.results, manifest, tasks=tasks)
            gathering.follow()
            gathering.provenances()
            return gathering.shipment()


class _Gathering:
    """One walk from a manifest to all that belongs to it."""

    def __init__(self, connection: Transaction, results: Results, manifest: Manifest, *, tasks: bool) -> None:
        self._connection = connection
        self._results = results
        self._manifest = manifest
        self._tasks = tasks
        self._items: dict[str, Item] = {}
        self._context: dict[str, Node] = {}
        self._binaries: dict[str, Node] = {}
        for reference, version in manifest.versions:
            if tasks or not reference.startswith("Task/"):
                self._take(self._read(reference, version), named=True)

    def _read(self, reference: str, version: int | None = None) -> StoredResource:
        kind, _, key = reference.partition("/")
        return self._results.read(self._connection, kind, key, version)

    def _take(self, stored: StoredResource, *, named: bool) -> None:
        if stored.deleted:
            return
        reference = f"{stored.type}/{stored.id}"
        self._items[reference] = Item(
            reference=reference, version=stored.version, resource=r4.decode(stored.content), named=named
        )

    def follow(self) -> None:
        """Everything that items refer to, and what that refers to as far as it is written itself."""
        done: set[str] = set()
        while pending := [item for key, item in self._items.items() if key not in done]:
            for item in pending:
                done.add(item.reference)
                # What a Provenance is about is not written because of it.
                said = {name: value for name, value in item.resource.items() if name != "target"}
                for key in _keys(departure.references(said)):
                    self._refer(key)
                for key in departure.binaries(item.resource):
                    self._binary(key)
            if len(self._items) + len(self._context) > MOST:
                raise DestinationRefused(f"more than {MOST} resources belong to it", reason="too-many")

    def _refer(self, key: str) -> None:
        if key in self._items or key in self._context:
            return
        try:
            stored = self._read(key)
        except NotFound:
            return
        if stored.deleted:
            return
        resource = r4.decode(stored.content)
        if not self._is_ours(resource):
            self._context[key] = resource
            return
        draft = resource.get("status") in _PRELIMINARY and not self._manifest.draft
        self._items[key] = Item(
            reference=key, version=stored.version, resource=resource, named=False, linked_only=draft
        )

    def _is_ours(self, resource: Mapping[str, Any]) -> bool:
        kind = resource["resourceType"]
        if kind == "Task":
            return self._tasks
        return kind in _WRITTEN and not from_elsewhere(resource)

    def _binary(self, key: str) -> None:
        try:
            stored = self._read(key)
        except NotFound:
            return
        if not stored.deleted:
            self._binaries[key] = r4.decode(stored.content)

    def provenances(self) -> None:
        """The Provenances of what is written, with the Devices that they name."""
        versions = {item.reference: item.version for item in self._items.values()}
        followed = counterparts.superseded_at(self._connection, versions.items())
        for key in counterparts.provenances_of(self._connection, tuple(versions)):
            stored = self._read(f"Provenance/{key}")
            if stored.deleted:
                continue
            resource = r4.decode(stored.content)
            targets = [each for each in _keys(_targets(resource)) if each in versions]
            # What was written with a later version of all that it is about goes with that version.
            if any(stored.last_updated < followed.get(each, "~") for each in targets):
                self._take(stored, named=False)
        self.follow()

    def shipment(self) -> Shipment:
        """What was gathered, in order."""
        return Shipment(
            items=ordered(self._items.values()),
            context=self._context,
            binaries=self._binaries,
            draft=self._manifest.draft,
        )


def from_elsewhere(resource: Mapping[str, Any]) -> bool:
    """Whether it was read from a FHIR server: its source is a URL there."""
    source = resource.get("meta", {}).get("source")
    return isinstance(source, str) and source.startswith(("http://", "https://"))


def ordered(items: Iterable[Item]) -> tuple[Item, ...]:
    """By type, and what is referred to before what refers to it, as far as that goes."""
    listed = sorted(items, key=lambda item: departure.ORDER.index(item.kind))
    waiting = {item.reference: item for item in listed}
    placed: list[Item] = []

    def place(item: Item) -> None:
        if waiting.pop(item.reference, None) is None:
            return
        if item.kind != "Provenance":
            for key in _keys(departure.references(item.resource)):
                if key in waiting and waiting[key].kind != "Provenance":
                    place(waiting[key])
        placed.append(item)

    for item in listed:
        place(item)
    return tuple(placed)


def _keys(references: Iterable[str]) -> tuple[str, ...]:
    found = (departure.key_of(each) for each in references)
    return tuple(dict.fromkeys(key for key in found if key is not None))


def _targets(provenance: Mapping[str, Any]) -> list[str]:
    return [each["reference"] for each in provenance.get("target", ()) if "reference" in each]
