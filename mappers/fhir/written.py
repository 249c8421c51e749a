"""What a message becomes: resources with what a store must know to write them, and the Bundle of them.

Knows no message and no domain; `result_bundle` and its like fill it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mappers.domain.issues import Issue
from mappers.domain.standing import Standing
from mappers.fhir.accruing import Member

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource to be written.

    Attributes:
        resource: plain JSON data, judged valid.
        standing: how this version ranks against one already there: an older or lower one never overwrites.
        once: never written again when it is there (Device, Provenance).
        by_element: it is put together with what is there, element by element (`merging`).
        aliases: ids by which messages may call it that know another of its numbers only.
        members: of a report that accrues results (`accruing`): what is said of each; None replaces them all.
        promotes: the resource says only that what is there has this status now; it is none by itself.
        numbers: FHIR Identifiers by which what is there is found, by any of them: a statement about an order
            that names no test. It is none by itself.
        deletes: elements of which the message says that they have no value any more (HL7 null).
    """

    resource: Node
    standing: Standing | None = None
    once: bool = False
    by_element: bool = False
    aliases: tuple[str, ...] = ()
    members: tuple[Member, ...] | None = None
    promotes: bool = False
    numbers: tuple[Node, ...] = ()
    deletes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the resource is one by itself, and no statement about one that must be there."""
        return not (self.promotes or self.numbers)


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """The resources of one message.

    Attributes:
        entries: in dependency order: Device, Patient, Encounter, ServiceRequest, Specimen, Observation,
            DiagnosticReport, DocumentReference, Provenance.
        trace: (segment label, FHIR path) pairs for the ledger.
        lost: (segment label, element) pairs of facts that FHIR could not carry.
        issues: what FHIR could not carry; an error says that a resource was not written, which is our fault.
    """

    entries: tuple[Entry, ...]
    trace: tuple[tuple[str, str], ...]
    issues: tuple[Issue, ...] = field(default=())
    lost: tuple[tuple[str, str], ...] = field(default=())

    def bundle(self) -> Node:
        """A transaction (R4 §3.1.0.11): `urn:uuid:` fullUrls and references between entries, PUT by id.

        What only changes a resource that must be there already is a PATCH of its status, by its id or, where
        that is not known, by its number: a server that does not have just one of it refuses.
        """
        shown = [found for entry in self.entries if entry.whole and (found := self._shown(entry))]
        urls = {reference_of(each): f"urn:uuid:{each['id']}" for each in shown}
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": urls[reference_of(each)],
                    "resource": _with_urls(each, urls),
                    "request": {"method": "PUT", "url": reference_of(each)},
                }
                for each in shown
            ]
            + [_patch(entry) for entry in self.entries if not entry.whole],
        }

    def _shown(self, entry: Entry) -> Node | None:
        """The resource; a Provenance without what is none by itself, and none when nothing is left of it."""
        stated = {reference_of(each.resource) for each in self.entries if each.numbers}
        resource = entry.resource
        if resource["resourceType"] != "Provenance" or not stated:
            return resource
        targets = [each for each in resource["target"] if each["reference"] not in stated]
        return {**resource, "target": targets} if targets else None


def _patch(entry: Entry) -> Node:
    """What changes of a resource, as a FHIRPath Patch (R4 §3.1.0.10): its status."""
    resource = entry.resource
    kind = resource["resourceType"]
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": f"{kind}.status"},
        {"name": "value", "valueCode": resource["status"]},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    return {"resource": patch, "request": {"method": "PATCH", "url": _address(entry)}}


def _address(entry: Entry) -> str:
    if not entry.numbers:
        return reference_of(entry.resource)
    numbers = ",".join(
        "|".join(quote(part, safe="") for part in (each.get("system"), each["value"]) if part)
        for each in entry.numbers
    )
    subject = entry.resource.get("subject", {}).get("reference")
    asked = f"identifier={numbers}" + (f"&subject={subject}" if subject else "")
    return f"{entry.resource['resourceType']}?{asked}"


def reference_of(resource: Node) -> str:
    """The relative reference of a resource."""
    return f"{resource['resourceType']}/{resource['id']}"


def _with_urls(node: Any, urls: dict[str, str]) -> Any:
    """A copy in which references between entries are fullUrls."""
    if isinstance(node, dict):
        return {
            name: urls.get(value, value)
            if name == "reference" and isinstance(value, str)
            else _with_urls(value, urls)
            for name, value in node.items()
        }
    return [_with_urls(item, urls) for item in node] if isinstance(node, list) else node
