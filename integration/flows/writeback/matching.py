"""Whose a result is at a server that is not ours: what is found there by its identifiers, never created.

| type | found by | none or several |
|---|---|---|
| any, read from this very server | its URL (`meta.source`) | gone: as if not found |
| Patient | identifiers of the configured assigners, the best that is known there | parked |
| ServiceRequest | its numbers with an assigner | parked, or a number alone (`missing_orders`) |
| ImagingStudy | Study Instance UID | parked, or the UID alone (`missing_studies`) |
| any other (Encounter, Media …) | identifiers with a system | one of them alone, else its display |

An order has to be of the same patient. A patient who was merged into another one there is not found: a human
decides. An order or study that was entered in error there is not found either, but for results that are
entered in error themselves: they may be taken back because of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from integration.errors import DestinationRefused, RemoteMissing, RemoteRefused
from integration.flows.ports import Fetched
from integration.flows.writeback.ports import FhirServer, Terms
from mappers.fhir import departure

Node = dict[str, Any]
Numbers = Sequence[tuple[str, str]]

_UID: Final = "urn:dicom:uid"
_WITHDRAWN: Final = "entered-in-error"
#: What takes the results of it along when it is entered in error.
_GROUNDS: Final = frozenset({"ServiceRequest", "ImagingStudy"})
#: What has to be there, and is not looked for by whatever number it has.
_DEMANDED: Final = ("Patient", "ServiceRequest", "ImagingStudy")


class Matcher:
    """Finds the context of one shipment.

    Args:
        server: the destination.
        terms: what was agreed with it.
        takes_back: the results are entered in error.
    """

    def __init__(self, server: FhirServer, terms: Terms, *, takes_back: bool = False) -> None:
        self._server = server
        self._terms = terms
        self._takes_back = takes_back
        self._patients: dict[str, str] = {}

    def links(self, context: Mapping[str, Node]) -> dict[str, Node]:
        """By reference of ours, the Reference that stands for it there; what has none is left out.

        Raises:
            DestinationRefused: what has to be there is not, or is there several times.
            RemoteError: see `integration.errors`.
        """
        found: dict[str, Node] = {}
        # Patients first: an order has to be of the same one.
        for reference in sorted(context, key=_rank):
            link = self._link(reference, context[reference])
            if link is not None:
                found[reference] = link
                if reference.startswith("Patient/"):
                    self._patients[reference] = link["reference"]
        return found

    def _link(self, reference: str, resource: Node) -> Node | None:
        kind = reference.partition("/")[0]
        own = self._read_from_here(resource)
        if own is not None:
            return {"reference": own}
        match kind:
            case "Patient":
                return {"reference": self._patient(resource)}
            case "ServiceRequest":
                return self._order(resource)
            case "ImagingStudy":
                return self._study(resource)
        return self._other(kind, resource)

    def _read_from_here(self, resource: Node) -> str | None:
        """Its reference, if it was read from this server and is there still."""
        source = resource.get("meta", {}).get("source", "")
        base = f"{self._server.base}/"
        key = departure.key_of(source.removeprefix(base)) if source.startswith(base) else None
        if key is None or not key.startswith(f"{resource['resourceType']}/"):
            return None
        try:
            there = self._server.read(*key.split("/"))
        except RemoteMissing:
            return None
        return key if _is_current(there.resource) or self._is_taken_along(there) else None

    def _patient(self, resource: Node) -> str:
        assigners = self._terms.patient_assigners
        if not assigners:
            raise _refused("patient-unmatched", "patient_assigners is not set: nobody can be matched")
        numbers = [
            (system, value) for system in assigners for held, value in _numbers(resource) if held == system
        ]
        for number in numbers:
            found = self._hits("Patient", [number])
            if len(found) > 1:
                raise _refused("patient-ambiguous", "several patients have the number there")
            if found:
                return found[0].reference
        text = "no patient has any of the numbers there" if numbers else "no number of a configured assigner"
        raise _refused("patient-unmatched", text)

    def _order(self, resource: Node) -> Node:
        assigners = self._terms.order_assigners
        numbers = [each for each in _numbers(resource) if not assigners or each[0] in assigners]
        found = self._hits("ServiceRequest", numbers)
        if len(found) == 1:
            self._demand_same_patient(resource, found[0])
            return {"reference": found[0].reference}
        if not found and self._terms.missing_orders == "identifier":
            return _named("ServiceRequest", resource, numbers)
        if found:
            raise _refused("order-ambiguous", "several orders have its numbers there")
        text = (
            "no order has any of its numbers there" if numbers else "the order has no number with an assigner"
        )
        raise _refused("order-unmatched", text)

    def _demand_same_patient(self, order: Node, there: Fetched) -> None:
        ours = departure.key_of(order.get("subject", {}).get("reference", ""))
        expected = self._patients.get(ours or "")
        theirs = there.resource.get("subject", {}).get("reference", "").removeprefix(f"{self._server.base}/")
        if expected is not None and departure.key_of(theirs) != expected:
            raise _refused("order-of-another-patient", "the order there is of another patient")

    def _study(self, resource: Node) -> Node:
        numbers = [each for each in _numbers(resource) if each[0] == _UID]
        found = self._hits("ImagingStudy", numbers)
        if len(found) == 1:
            return {"reference": found[0].reference}
        if numbers and self._terms.missing_studies == "identifier":
            return _named("ImagingStudy", resource, numbers)
        if found:
            raise _refused("study-ambiguous", "several studies have the UID there")
        raise _refused("study-unmatched", "no study has the UID there")

    def _other(self, kind: str, resource: Node) -> Node | None:
        numbers = list(_numbers(resource))
        try:
            found = self._hits(kind, numbers) if numbers else []
        except RemoteRefused:
            found = []  # not ours to look at, or not to be searched there: its number still tells it
        if len(found) == 1:
            return {"reference": found[0].reference}
        # Without any, what is ours is named by its id here.
        return _named(kind, resource, numbers) if numbers else None

    def _hits(self, kind: str, numbers: Numbers) -> list[Fetched]:
        """What has any of these numbers there; a server that leaves a search half done is not believed."""
        hits: dict[str, Fetched] = {}
        for system, value in numbers:
            for each in self._server.search(kind, [("identifier", f"{_escaped(system)}|{_escaped(value)}")]):
                if each.kind == kind and departure.has_identifier(each.resource, system, value):
                    hits[each.reference] = each
        current = [each for each in hits.values() if _is_current(each.resource)]
        return current or [each for each in hits.values() if self._is_taken_along(each)]

    def _is_taken_along(self, there: Fetched) -> bool:
        """Whether it was entered in error, and so are the results that name it."""
        return self._takes_back and there.kind in _GROUNDS and there.resource.get("status") == _WITHDRAWN


def _rank(reference: str) -> tuple[int, str]:
    kind = reference.partition("/")[0]
    return (_DEMANDED.index(kind) if kind in _DEMANDED else len(_DEMANDED), reference)


def _numbers(resource: Node) -> Iterator[tuple[str, str]]:
    """(system, value) of the identifiers that are one everywhere: those with a system."""
    listed = resource.get("identifier", [])
    master = resource.get("masterIdentifier")
    for each in [*(listed if isinstance(listed, list) else [listed]), *([master] if master else [])]:
        if each.get("system") and each.get("value"):
            yield each["system"], each["value"]


def _named(kind: str, resource: Node, numbers: Numbers) -> Node:
    """A reference by identifier alone: the first of these numbers, else any that it has."""
    if numbers:
        system, value = numbers[0]
        return {"type": kind, "identifier": {"system": system, "value": value}}
    listed = resource.get("identifier", [])
    if listed:
        return {"type": kind, "identifier": listed[0]}
    raise _refused("order-unmatched", "the order has no number at all")


def _is_current(resource: Mapping[str, Any]) -> bool:
    """Whether it stands for itself: not withdrawn, not merged into another one."""
    if resource.get("status") == _WITHDRAWN:
        return False
    links = resource.get("link", [])
    return not any(isinstance(each, dict) and each.get("type") == "replaced-by" for each in links)


def _escaped(text: str) -> str:
    """As a search wants it (R4 search §3.1.1.5.7)."""
    for sign in "\\,|$":
        text = text.replace(sign, f"\\{sign}")
    return text


def _refused(reason: str, text: str) -> DestinationRefused:
    return DestinationRefused(text, reason=reason)
