"""What resources refer to, from the store: for who has to say whose they are, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from integration.errors import NotFound
from integration.store.database import Database
from integration.store.results import Results
from mappers.fhir import departure, r4

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Finds the current versions of what is referred to."""

    database: Database
    results: Results

    def behind(self, resources: Iterable[Mapping[str, Any]]) -> dict[str, Node]:
        """By reference, what these refer to directly and are not themselves.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        listed = list(resources)
        own = {departure.reference_of(each) for each in listed}
        keys = {departure.key_of(each) for one in listed for each in departure.references(one)}
        found: dict[str, Node] = {}
        with self.database.read() as connection:
            for key in sorted(each for each in keys if each and each not in own):
                kind, _, resource_id = key.partition("/")
                try:
                    stored = self.results.read(connection, kind, resource_id)
                except NotFound:
                    continue
                if not stored.deleted:
                    found[key] = r4.decode(stored.content)
        return found
