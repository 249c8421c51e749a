"""What stands at the destination already, and whether ours may go over it.

| there | ours |
|---|---|
| nothing | created; but what is entered in error is not created to say so |
| a version of ours that we remember, as new or newer | not written again |
| the same content | not written again |
| an older or lower version | written over it, if it is the version that was looked at |
| one that outranks ours: final over preliminary, withdrawn over standing | parked: someone there decided |
| one that was deleted since | parked: someone there decided |
| held there for a review (202), and not filed yet | waits |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from integration.errors import DestinationBusy, DestinationRefused, RemoteMissing
from integration.flows.writeback.ports import FhirServer, Memory
from integration.flows.writeback.shipment import Item
from integration.store.counterparts import Counterpart
from mappers.domain.standing import standing
from mappers.fhir import departure

Node = dict[str, Any]

_WITHDRAWN: Final = "entered-in-error"
_RANKED: Final = frozenset({"Observation", "DiagnosticReport"})
#: What servers add to a resource by themselves.
_ADDED: Final = ("id", "meta", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One resource at the destination.

    Attributes:
        id: there; "" when it is not there, or held there for a review.
        version: there; "" when that is not known.
        done: our version, or a later one, stands there; or there is nothing to do.
        held: the destination has it and has not filed it yet.
        resource: what stands there, where it was looked at.
    """

    item: Item
    id: str = ""
    version: str = ""
    done: bool = False
    held: bool = False
    resource: Node | None = field(default=None, repr=False)

    @property
    def link(self) -> Node | None:
        """The Reference to it: literal where it has an id there, by identifier where it is held."""
        if self.id:
            return {"reference": f"{self.item.kind}/{self.id}"}
        return departure.logical(self.item.reference) if self.held else None


class Places:
    """Looks where the resources of a shipment are at one destination."""

    def __init__(self, server: FhirServer, memory: Memory) -> None:
        self._server = server
        self._memory = memory

    def find(self, items: Iterable[Item]) -> dict[str, Place]:
        """Where each is, by reference of ours; Provenances are looked for among those of their targets.

        Raises:
            DestinationBusy: one that has to change is held there for a review.
            RemoteError: see `integration.errors`.
        """
        listed = list(items)
        known = self._memory.known([item.reference for item in listed])
        places: dict[str, Place] = {}
        for item in listed:
            place = self._remembered(item, known[item.reference]) if item.reference in known else None
            places[item.reference] = place or self._look(item, places)
        met = [
            each
            for key, each in places.items()
            if each.id and key not in known and each.item.kind in departure.ONCE
        ]
        self.remember(met)
        return places

    def _remembered(self, item: Item, counterpart: Counterpart) -> Place | None:
        once = item.kind in departure.ONCE or not item.named
        done = counterpart.version >= item.version or (once and counterpart.version > 0)
        if counterpart.remote_id:
            return Place(item=item, id=counterpart.remote_id, version=counterpart.remote_version, done=done)
        if done:
            return Place(item=item, done=True, held=True)
        found = self._look(item, {})
        if not found.id:
            raise DestinationBusy(
                "an earlier version waits at the destination for its review", reason="held-there"
            )
        return found

    def _look(self, item: Item, places: Mapping[str, Place]) -> Place:
        if item.kind == "Provenance":
            return self._provenance(item, places)
        query = departure.query_of(item.reference).partition("=")
        hits = {
            found.reference: found
            for found in self._server.search(item.kind, [(query[0], query[2])])
            if found.kind == item.kind and departure.bears(found.resource, item.reference)
        }
        if len(hits) > 1:
            raise DestinationRefused("the destination has it several times", reason="duplicate-there")
        if hits:
            (found,) = hits.values()
            key = found.reference.partition("/")[2]
            done = item.kind in departure.ONCE or item.linked_only
            return Place(item=item, id=key, version=found.version, done=done, resource=dict(found.resource))
        # Who never saw it need not be told that it was wrong.
        withdrawn = item.resource.get("status") == _WITHDRAWN
        return Place(item=item, done=item.linked_only or withdrawn)

    def _provenance(self, item: Item, places: Mapping[str, Place]) -> Place:
        keys = [departure.key_of(each.get("reference", "")) or "" for each in item.resource.get("target", ())]
        at = [places[key] for key in keys if key in places and places[key].id]
        for target in at[:1]:
            params = [("target", f"{target.item.kind}/{target.id}")]
            for found in self._server.search("Provenance", params):
                if departure.bears(found.resource, item.reference):
                    return Place(item=item, id=found.reference.partition("/")[2], done=True)
        return Place(item=item)

    def again(self, place: Place) -> Place:
        """The same place as it is now.

        Raises:
            DestinationRefused: it is gone.
            RemoteError: see `integration.errors`.
        """
        try:
            found = self._server.read(place.item.kind, place.id)
        except RemoteMissing as error:
            raise gone(error) from None
        return replace(place, version=found.version, resource=dict(found.resource))

    def remember(self, places: Iterable[Place]) -> None:
        """Keep where these are, now that our versions stand there."""
        self._memory.remember(
            [
                Counterpart(
                    reference=each.item.reference,
                    remote_id=each.id,
                    remote_version=each.version,
                    version=each.item.version,
                )
                for each in places
                if each.id or each.held
            ]
        )


def gone(error: RemoteMissing) -> DestinationRefused:
    """What was there is not: whoever took it away had a reason."""
    return DestinationRefused(
        "what was written there is gone",
        reason="gone-there",
        response=str(error.status or ""),
        said=error.outcome,
    )


def says_the_same(there: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether what stands there is ours, but for what a server adds."""

    def bare(resource: Mapping[str, Any]) -> Node:
        return {name: value for name, value in resource.items() if name not in _ADDED}

    return bare(there) == bare(ours) and _labels(there) == _labels(ours)


def _labels(resource: Mapping[str, Any]) -> list[Any]:
    return list(resource.get("meta", {}).get("security", []))


def demand_right(there: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Refuse to write over what outranks ours.

    Raises:
        DestinationRefused: someone at the destination decided something else.
    """
    theirs, own = _state(there), _state(ours)
    withdrawn = theirs == _WITHDRAWN and own != _WITHDRAWN
    if withdrawn or (ours["resourceType"] in _RANKED and _rank(theirs) > _rank(own)):
        raise DestinationRefused(
            "what stands there outranks what was to be written", reason="outranked-there"
        )


def _state(resource: Mapping[str, Any]) -> str:
    return str(resource.get("status", ""))


def _rank(status: str) -> int:
    try:
        return standing(status, None).rank
    except KeyError:
        return 0
