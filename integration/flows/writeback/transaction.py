"""All of a shipment in one transaction Bundle (R4 §3.1.0.11): everything stands there, or nothing.

New resources are created unless they are found by their identifier, known ones are replaced in the version
that was looked at. After a lost answer the next attempt looks first, so that nothing is done twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from integration.errors import RemoteConflict
from integration.flows.writeback.placing import Place, Places, demand_right, says_the_same
from integration.flows.writeback.ports import FhirServer, Wrote
from integration.flows.writeback.single_writes import Depart
from mappers.fhir import departure, r4

Node = dict[str, Any]


class Transaction:
    """Writes the resources of one shipment at once."""

    def __init__(self, server: FhirServer, places: Places, depart: Depart) -> None:
        self._server = server
        self._places = places
        self._depart = depart

    def write(self, found: dict[str, Place]) -> list[Place]:
        """Write what is not done, and once more in the versions that are there now where they moved.

        Raises:
            DestinationRefused: something there outranks it, or it may not leave.
            RemoteError: see `integration.errors`.
        """
        try:
            return self._once(found)
        except RemoteConflict:
            looked = {
                key: self._places.again(place) if place.id and not place.done else place
                for key, place in found.items()
            }
            return self._once(looked)

    def _once(self, found: dict[str, Place]) -> list[Place]:
        current = {
            key: self._places.again(place)
            if place.id and not (place.done or place.version or place.resource)
            else place
            for key, place in found.items()
        }
        going, unchanged = self._entries(current)
        if going:
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [each for _, each in going]}
            told = self._server.transaction(r4.encode(bundle), repeatable=_is_repeatable(bundle))
            answers = [*told, *[None] * (len(going) - len(told))]
            placed = [self._placed(place, each) for (place, _), each in zip(going, answers, strict=False)]
        else:
            placed = []
        stale = [each for each in placed if not each.done]
        self._places.remember([*unchanged, *(each for each in placed if each.done)])
        if stale:
            # They were there in a version that nobody had looked at: now it is known where.
            looked = {each.item.reference: self._places.again(each) for each in stale}
            kept = {each.item.reference: each for each in placed if each.done}
            return [*kept.values(), *self._once({**current, **kept, **looked})]
        return placed

    def _entries(self, found: dict[str, Place]) -> tuple[list[tuple[Place, Node]], list[Place]]:
        """The entries of what has to be written, and what says the same already."""
        there = {
            key: place.link or {"reference": departure.full_url_of(key)}
            for key, place in found.items()
            if place.link or not place.done
        }
        going: list[tuple[Place, Node]] = []
        unchanged: list[Place] = []
        for place in found.values():
            if place.done:
                continue
            resource = self._depart(place, there)
            if resource is None:
                continue
            if place.resource is not None:
                if says_the_same(place.resource, resource):
                    unchanged.append(place)
                    continue
                demand_right(place.resource, resource)
            going.append((place, _entry(place, resource)))
        return going, unchanged

    def _placed(self, place: Place, told: Wrote | None) -> Place:
        """Where an entry is now; `done` unless it was there in a version that nobody had looked at."""
        if place.id:
            return replace(place, version=told.version if told else "", resource=None, done=True)
        if told is None or not told.id:
            fresh = self._places.find([place.item])[place.item.reference]
            return replace(fresh, done=True, held=not fresh.id and place.item.kind != "Provenance")
        done = told.created or place.item.kind in departure.ONCE
        return replace(place, id=told.id, version=told.version, done=done)


def _entry(place: Place, resource: Node) -> Node:
    item = place.item
    if place.id:
        request: Node = {"method": "PUT", "url": f"{item.kind}/{place.id}"}
        if place.version:
            request["ifMatch"] = f'W/"{place.version}"'
        return {"resource": {**resource, "id": place.id}, "request": request}
    request = {"method": "POST", "url": item.kind}
    if item.kind != "Provenance":
        request["ifNoneExist"] = departure.query_of(item.reference)
    return {"fullUrl": departure.full_url_of(item.reference), "resource": resource, "request": request}


def _is_repeatable(bundle: Node) -> bool:
    """Whether the whole is done once, however often it is sent."""
    requests = [each["request"] for each in bundle["entry"]]
    return all(each["method"] == "PUT" or "ifNoneExist" in each for each in requests) and not any(
        "ifMatch" in each for each in requests
    )
