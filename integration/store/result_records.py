"""What the result store takes and hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from integration.store.search_query import Cursor
from mappers.domain.results import Standing
from mappers.fhir.accruing import Member


class ResultEntry(Protocol):
    """One resource to write."""

    @property
    def resource(self) -> Mapping[str, Any]:
        """FHIR JSON as a dict, with `resourceType` and `id`."""

    @property
    def standing(self) -> Standing | None:
        """How this version ranks against others of the resource; None may always replace."""

    @property
    def once(self) -> bool:
        """Whether it is only ever created, never replaced (Provenance)."""

    @property
    def by_element(self) -> bool:
        """Whether it is put together with what is stored, element by element (`merging`)."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Ids by which other messages may call it (`links`)."""

    @property
    def members(self) -> tuple[Member, ...] | None:
        """What a report says of its results, which accrue (`accruing`); None where they do not."""

    @property
    def promotes(self) -> bool:
        """Whether it only gives what is stored another status."""

    @property
    def numbers(self) -> tuple[Mapping[str, Any], ...]:
        """Identifiers by which what is stored is found, where its id is not known (`orders`)."""

    @property
    def deletes(self) -> tuple[str, ...]:
        """Elements that it takes away (`merging`)."""


class Outcome(StrEnum):
    """What became of one entry of a write.

    CREATED, UPDATED wrote a version. UNCHANGED: the same content is current already. STALE: what is current
    ranks higher, nothing was written. EXISTS: a create-only entry is there already.
    """

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What became of one entry; `version` is the one that is current now."""

    type: str
    id: str
    version: int
    outcome: Outcome

    @property
    def reference(self) -> str:
        """The relative FHIR reference."""
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResource:
    """One version of a resource.

    Attributes:
        version: FHIR meta.versionId, a number from 1.
        last_updated: FHIR instant in UTC with milliseconds.
        content: its JSON, as it is served; empty when `deleted`.
    """

    type: str
    id: str
    version: int
    last_updated: str
    message_id: str | None
    deleted: bool = False
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search.

    Attributes:
        matches: in the asked order.
        included: what `_include` and `_revinclude` brought along, each once.
        total: matches over all pages; None when not counted.
        next: where the next page starts; None on the last.
        cut: more was to be included than one page may hold.
    """

    matches: tuple[StoredResource, ...] = field(default=())
    included: tuple[StoredResource, ...] = field(default=())
    total: int | None = None
    next: Cursor | None = None
    cut: bool = False
