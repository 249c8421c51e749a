"""ServiceRequest of FHIR -> the order: its numbers, what was asked for, and why."""

from __future__ import annotations

from typing import Any

from mappers.domain.identifiers import Identity
from mappers.domain.orders import Note, Order
from mappers.fhir import datatypes_reader as types

Node = dict[str, Any]

ACCESSION = "ACSN"


def read(resource: Node, *, identity: Identity) -> Order:
    """What a ServiceRequest says."""
    numbers = types.identifiers(resource.get("identifier"))
    notes = (types.text(each.get("text")) for each in types.nodes(resource.get("note")))
    return Order(
        identity=identity,
        status=types.text(resource.get("status")) or "unknown",
        intent=types.text(resource.get("intent")) or "order",
        identifiers=numbers,
        requisition=types.identifier(resource.get("requisition")),
        accession=next((each for each in numbers if types.has_type(each, ACCESSION)), None),
        code=types.concept(resource.get("code")),
        details=types.concepts(resource.get("orderDetail")),
        category=types.concepts(resource.get("category")),
        priority=types.text(resource.get("priority")),
        authored_on=types.moment(resource.get("authoredOn")),
        occurrence=types.moment(resource.get("occurrenceDateTime")),
        reasons=types.concepts(resource.get("reasonCode")),
        notes=tuple(Note(words, "ServiceRequest.note") for words in notes if words),
        origins=("ServiceRequest",),
    )
