"""Encounter from PV1 (v2-to-FHIR, PV1[Encounter])."""

from __future__ import annotations

from typing import Any

from mappers.domain.people import Practitioner, Visit
from mappers.fhir.account import Account
from mappers.fhir.chart import Chart
from mappers.fhir.datatypes import actors, coding, concept, identifiers, period, pruned, text

Node = dict[str, Any]

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
#: Encounter.class is required; a PV1 without PV1-2 has none.
_NO_CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}

#: Attributes that HL7 null takes away -> element.
_ELEMENTS = {"location": "location", "service": "serviceType", "period": "period"}


def write(visit: Visit, *, chart: Chart) -> Node:
    """The Encounter."""
    account = chart.account
    account.origin = visit.origin
    place = text(visit.location)
    resource = chart.head(visit.identity) | pruned(
        {
            "identifier": identifiers(visit.identifiers, account),
            "status": visit.status,
            "class": (visit.encounter_class and coding(visit.encounter_class, account)) or _NO_CLASS,
            "serviceType": concept(visit.service, account),
            "subject": chart.subject,
            "participant": [
                *_participants(visit.attending, "ATND", "attender", account),
                *_participants(visit.referring, "REF", "referrer", account),
                *_participants(visit.consulting, "CON", "consultant", account),
                *_participants(visit.admitting, "ADM", "admitter", account),
            ],
            "period": period(visit.period, account),
            "location": [{"location": {"type": "Location", "display": place}}] if place else None,
        }
    )
    account.wrote_all((visit.origin,), resource)
    return resource


def deletes(visit: Visit) -> tuple[str, ...]:
    """Elements of which the message says that they have no value any more."""
    return tuple(_ELEMENTS[name] for name in visit.emptied)


def _participants(people: tuple[Practitioner, ...], role: str, display: str, account: Account) -> list[Node]:
    kind = {"coding": [{"system": _PARTICIPATION, "code": role, "display": display}]}
    return [{"type": [kind], "individual": who} for who in actors(people, account)]
