"""What writing back asks of a FHIR server and of our memory of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from integration.flows.ports import Fetched
from integration.store.counterparts import Counterpart

Node = dict[str, Any]


class Wrote(Protocol):
    """What became of a write."""

    @property
    def id(self) -> str:
        """Its id there; "" where the server does not say one yet."""

    @property
    def version(self) -> str:
        """Its version there; "" where the server says none."""

    @property
    def created(self) -> bool:
        """False when it was there already, or was updated."""

    @property
    def held(self) -> bool:
        """The server took it and files it after a review of its own (202)."""


class FhirServer(Protocol):
    """The FHIR server of a destination. Every method raises RemoteError as `integration.errors` says."""

    @property
    def base(self) -> str:
        """Its base URL, without a slash at the end."""

    def capabilities(self) -> Node:
        """The CapabilityStatement."""

    def read(self, kind: str, resource_id: str) -> Fetched:
        """The current version."""

    def search(self, kind: str, params: Sequence[tuple[str, str]] = ()) -> Iterator[Fetched]:
        """All matches, over all pages."""

    def create(self, kind: str, content: bytes, *, unless: str | None = None) -> Wrote:
        """Create a resource, unless a search finds it."""

    def update(self, kind: str, resource_id: str, content: bytes, *, version: str | None = None) -> Wrote:
        """Replace a resource, if it has this version."""

    def delete(self, kind: str, resource_id: str) -> None:
        """Delete a resource; one that is gone already is none the less gone."""

    def transaction(self, content: bytes, *, repeatable: bool) -> Sequence[Wrote | None]:
        """Do all or nothing; what became of each entry."""


class Memory(Protocol):
    """What we know of our resources at one destination."""

    def known(self, references: Sequence[str]) -> dict[str, Counterpart]:
        """The counterparts of these."""

    def remember(self, counterparts: Sequence[Counterpart]) -> None:
        """Keep what was written, durably."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed with a destination.

    Attributes:
        name: of the destination.
        style: "transaction", "writes" or "auto".
        patient_assigners: systems of identifiers that name a patient there, best first.
        order_assigners: systems of order numbers that are known there; empty means any.
        missing_orders: "park" or "identifier".
        missing_studies: "park" or "identifier".
        us_core_notes: only what US Core 9 "Writing Clinical Notes" promises to take.
        tasks: review Tasks are written too.
        max_document_bytes: of one attachment.
    """

    name: str
    style: str = "auto"
    patient_assigners: tuple[str, ...] = ()
    order_assigners: tuple[str, ...] = ()
    missing_orders: str = "park"
    missing_studies: str = "park"
    us_core_notes: bool = False
    tasks: bool = False
    max_document_bytes: int = 5 * 2**20
