"""One write after the other, in an order in which each reference is resolved, remembered one by one.

Cut off anywhere, the next attempt goes on behind what is remembered; what was written and not remembered is
found there by its identifier. Nothing is created twice, nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from integration.errors import RemoteConflict, RemoteMissing
from integration.flows.writeback.placing import Place, Places, demand_right, gone, says_the_same
from integration.flows.writeback.ports import FhirServer
from mappers.fhir import departure, r4

Node = dict[str, Any]
#: A resource as it leaves, given the References to what of ours is there.
Depart = Callable[[Place, dict[str, Node]], Node | None]


class SingleWrites:
    """Writes the resources of one shipment in turn."""

    def __init__(self, server: FhirServer, places: Places, depart: Depart) -> None:
        self._server = server
        self._places = places
        self._depart = depart

    def write(self, found: dict[str, Place]) -> list[Place]:
        """Write what is not done; what was written.

        Args:
            found: where each is, in the order in which they are written.

        Raises:
            DestinationRefused: something there outranks it, or it may not leave.
            RemoteError: see `integration.errors`.
        """
        there = {key: place.link for key, place in found.items() if place.link}
        written: list[Place] = []
        for key, place in found.items():
            if place.done:
                continue
            resource = self._depart(place, there)
            if resource is None:
                continue
            done = self._update(place, resource) if place.id else self._create(place, resource)
            self._places.remember([done])
            if done.link:
                there[key] = done.link
            written.append(done)
        return written

    def _create(self, place: Place, resource: Node) -> Place:
        item = place.item
        unless = None if item.kind == "Provenance" else departure.query_of(item.reference)
        told = self._server.create(item.kind, r4.encode(resource), unless=unless)
        there = replace(place, id=told.id, version=told.version, held=told.held)
        if told.created or told.held or item.kind in departure.ONCE:
            return there
        # It is there all the same, in a version that nobody has looked at.
        return self._update(self._places.again(there), resource)

    def _update(self, place: Place, resource: Node) -> Place:
        item = place.item
        if place.resource is None and not place.version:
            place = self._places.again(place)
        for attempt in (1, 2):
            if place.resource is not None:
                if says_the_same(place.resource, resource):
                    return place
                demand_right(place.resource, resource)
            content = r4.encode({**resource, "id": place.id})
            try:
                told = self._server.update(item.kind, place.id, content, version=place.version or None)
            except RemoteMissing as error:
                raise gone(error) from None
            except RemoteConflict:
                if attempt == 2:  # noqa: PLR2004  # one more try, no more
                    raise
                place = self._places.again(place)
            else:
                return replace(place, version=told.version, resource=None)
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover
