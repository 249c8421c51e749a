"""ServiceRequest from ORC, OBR and TQ1 (v2-to-FHIR, ORC[ServiceRequest], OBR[ServiceRequest])."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Order
from mappers.fhir.account import Account
from mappers.fhir.chart import Chart, notes_of
from mappers.fhir.datatypes import (
    absent,
    actors,
    concept,
    concepts,
    identifier,
    identifiers,
    pruned,
    text,
)

Node = dict[str, Any]

_IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
#: Which segment says what; an order read from other segments than these owes them everything.
_SAID_BY = {
    "ORC": frozenset({"identifier", "requisition", "status", "intent", "authoredOn", "requester"}),
    "OBR": frozenset(
        {"identifier", "intent", "category", "priority", "code", "occurrenceDateTime", "requester"}
        | {"reasonCode", "note"}
    ),
    "TQ1": frozenset({"priority", "occurrenceDateTime"}),
}


def write(order: Order, *, chart: Chart) -> Node:
    """The ServiceRequest; R4 requires a subject, so an order for nobody known says that it is unknown."""
    account = chart.account
    account.origin = order.origins[0] if order.origins else ""
    requesters = actors(order.requester, account)
    if len(requesters) > 1:
        account.forgave(IssueCode.INFORMATIONAL, "FHIR has one requester: the first is written")
    clinical = text(order.clinical_information)
    resource = chart.head(order.identity) | pruned(
        {
            "identifier": identifiers(_numbers(order), account),
            "requisition": identifier(order.requisition, account) if order.requisition else None,
            "status": order.status,
            "intent": order.intent,
            "category": concepts(order.category, account),
            "priority": order.priority,
            "code": concept(order.code, account),
            "subject": chart.subject or {"extension": absent(), "type": "Patient"},
            "encounter": chart.encounter,
            "occurrenceDateTime": order.occurrence and order.occurrence.text,
            "authoredOn": order.authored_on and order.authored_on.text,
            "requester": requesters[0] if requesters else None,
            "reasonCode": concepts(order.reasons, account),
            "note": [
                *([{"text": clinical}] if clinical else []),
                *notes_of(order.notes, "ServiceRequest.note", account),
            ],
        }
    )
    _trace(order, resource, account, clinical=clinical is not None)
    return resource


def _numbers(order: Order) -> tuple[Identifier, ...]:
    if order.accession is None:
        return order.identifiers
    kind = order.accession.type or Concept((Coding("ACSN", _IDENTIFIER_TYPE),))
    return (*order.identifiers, replace(order.accession, type=kind))


def _trace(order: Order, resource: Node, account: Account, *, clinical: bool) -> None:
    for origin in order.origins:
        said = _SAID_BY.get(origin.partition("[")[0])
        without = set() if said is None else resource.keys() - said
        account.wrote_all((origin,), resource, without=without if clinical else {*without, "note"})
