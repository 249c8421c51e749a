"""Specimen from SPM or OBR-15 (v2-to-FHIR, SPM[Specimen], OBR[Specimen])."""

from __future__ import annotations

from typing import Any

from mappers.domain.results import Container, Specimen
from mappers.fhir.account import Account
from mappers.fhir.chart import Chart, notes_of, timing
from mappers.fhir.datatypes import concept, concepts, identifier, identifiers, pruned, simple_quantity, some

Node = dict[str, Any]


def write(specimen: Specimen, *, request: Node | None, chart: Chart) -> Node:
    """The Specimen. `request` is the Reference to the order that it serves, if any."""
    account = chart.account
    account.origin = specimen.origin
    collection = some(
        {
            **timing("collected", specimen.collected, account),
            "quantity": simple_quantity(specimen.quantity, account),
            "method": concept(specimen.method, account),
            "bodySite": concept(specimen.body_site, account),
        }
    )
    resource = chart.head(specimen.identity) | pruned(
        {
            "identifier": identifiers(specimen.identifiers, account),
            "accessionIdentifier": identifier(specimen.accession, account) if specimen.accession else None,
            "status": specimen.status,
            "type": concept(specimen.type, account),
            "subject": chart.subject,
            "receivedTime": specimen.received and specimen.received.text,
            "request": [request] if request else _taken_for(specimen),
            "parent": [
                {"type": "Specimen", "identifier": each} for each in identifiers(specimen.parents, account)
            ],
            "collection": collection and pruned(collection),
            "container": [_container(each, account) for each in specimen.containers],
            "condition": concepts(specimen.conditions, account),
            "note": notes_of(specimen.notes, "Specimen.note", account),
        }
    )
    account.wrote_all((specimen.origin,), resource, without=("request", "note", "container"))
    return resource


def _container(container: Container, account: Account) -> Node:
    account.wrote(container.origin, "Specimen.container")
    return pruned(
        {
            "identifier": identifiers(container.identifiers, account),
            "type": concept(container.type, account),
            "additiveCodeableConcept": concept(container.additive, account),
        }
    )


def _taken_for(specimen: Specimen) -> list[Node]:
    return [{"reference": each.reference} for each in specimen.orders]
