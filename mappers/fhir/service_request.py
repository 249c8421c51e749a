"""ServiceRequest from ORC, OBR and TQ1 (v2-to-FHIR, ORC[ServiceRequest], OBR[ServiceRequest])."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Order, OrderNotice
from mappers.fhir.account import Account
from mappers.fhir.chart import Chart, notes_of, timing
from mappers.fhir.datatypes import (
    absent,
    actors,
    concept,
    concepts,
    contact_point,
    identifier,
    identifiers,
    pruned,
    text,
)

Node = dict[str, Any]

_STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
_CALLBACK = "http://hl7.org/fhir/StructureDefinition/servicerequest-order-callback-phone-number"
_IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
#: Which segment says what; an order read from other segments than these owes them everything.
_SAID_BY = {
    "ORC": frozenset(
        {"identifier", "basedOn", "replaces", "requisition", "status", "intent", "authoredOn", "requester"}
        | {"extension"}
    ),
    "OBR": frozenset(
        {"identifier", "basedOn", "intent", "category", "priority", "code", "orderDetail", "requester"}
        | {"occurrenceDateTime", "occurrencePeriod", "reasonCode", "note", "extension"}
    ),
    "TQ1": frozenset({"priority", "occurrenceDateTime", "occurrencePeriod", "note"}),
    "DG1": frozenset({"reasonCode"}),
    "IPC": frozenset({"identifier", "orderDetail"}),
    "ZDS": frozenset({"identifier"}),
    "PRT": frozenset({"requester"}),
}

#: Attributes that HL7 null takes away -> element, or extension, as `merging` groups them.
_ELEMENTS = {
    "priority": "priority", "occurrence": "occurrence", "requester": "requester",
    "callback": f"extension {_CALLBACK}", "status_reason": f"extension {_STATUS_REASON}",
}  # fmt: skip


def write(order: Order, *, chart: Chart) -> Node:
    """The ServiceRequest; R4 requires a subject, so an order for nobody known says that it is unknown."""
    account = chart.account
    account.origin = order.origins[0] if order.origins else ""
    requesters = actors(order.requester, account)
    if len(requesters) > 1:
        said = "FHIR has one requester: the first is written"
        account.lose(IssueCode.INFORMATIONAL, said, element="requester")
    clinical = text(order.clinical_information)
    narrowed = concepts(order.details, account) if order.code else []
    resource = chart.head(order.identity) | pruned(
        {
            "extension": _extensions(order, account),
            "identifier": identifiers(_numbers(order), account),
            "basedOn": _parents(order, account),
            "replaces": [{"reference": each.reference} for each in order.replaces],
            "requisition": identifier(order.requisition, account) if order.requisition else None,
            "status": order.status,
            "intent": order.intent,
            "category": concepts(order.category, account),
            "priority": order.priority,
            "code": concept(order.code, account),
            "orderDetail": narrowed,
            "subject": chart.subject or {"extension": absent(), "type": "Patient"},
            "encounter": chart.encounter,
            **timing("occurrence", order.occurrence, account),
            "authoredOn": order.authored_on and order.authored_on.text,
            "requester": requesters[0] if requesters else None,
            "reasonCode": concepts(order.reasons, account),
            "supportingInfo": [{"reference": each.reference} for each in order.supporting],
            "specimen": [{"reference": each.reference} for each in order.specimens],
            "note": [
                *([{"text": clinical}] if clinical else []),
                *notes_of(order.notes, "ServiceRequest.note", account),
            ],
        }
    )
    _trace(order, resource, account, clinical=clinical is not None)
    return resource


def deletes(order: Order) -> tuple[str, ...]:
    """Elements of which the message says that they have no value any more."""
    return tuple(_ELEMENTS[name] for name in order.emptied)


def write_notice(notice: OrderNotice, *, chart: Chart) -> Node:
    """What is said of an order by its number alone: no ServiceRequest by itself, its id is of the number."""
    account = chart.account
    account.origin = notice.origin
    reason = concept(notice.status_reason, account)
    resource = chart.head(notice.identity) | pruned(
        {
            "extension": [{"url": _STATUS_REASON, "valueCodeableConcept": reason}] if reason else None,
            "identifier": identifiers(notice.identifiers, account),
            "status": notice.status,
            "subject": chart.subject,
        }
    )
    account.wrote(notice.origin, "ServiceRequest.status")
    if reason:
        account.wrote(notice.origin, "ServiceRequest.extension")
    return resource


def _numbers(order: Order) -> tuple[Identifier, ...]:
    """Its numbers, the accession number and the study's UID, by which images find their order."""
    found = list(order.identifiers)
    if order.accession:
        kind = order.accession.type or Concept((Coding("ACSN", _IDENTIFIER_TYPE),))
        found.append(replace(order.accession, type=kind))
    return (*found, *([order.study] if order.study else ()))


def _parents(order: Order, account: Account) -> list[Node]:
    """Orders of which only the numbers are known."""
    return [{"type": "ServiceRequest", "identifier": each} for each in identifiers(order.based_on, account)]


def _extensions(order: Order, account: Account) -> list[Node]:
    reason = concept(order.status_reason, account)
    point = contact_point(order.callback) if order.callback else None
    written: list[Node] = []
    if reason:
        written.append({"url": _STATUS_REASON, "valueCodeableConcept": reason})
    if point:
        written.append({"url": _CALLBACK, "valueContactPoint": point})
    return written


def _trace(order: Order, resource: Node, account: Account, *, clinical: bool) -> None:
    for origin in order.origins:
        said = _SAID_BY.get(origin.partition("[")[0])
        without = set() if said is None else resource.keys() - said
        of_obr = origin.startswith("OBR")
        account.wrote_all(
            (origin,), resource, without={*without, "note"} if of_obr and not clinical else without
        )
        if "extension" in resource and (said is None or "extension" in said):
            account.wrote(origin, "ServiceRequest.extension")
