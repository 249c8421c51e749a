"""PV1: the visit. Standard: v2-to-FHIR 1.0.0 PV1[Encounter]."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mappers.domain.coding import Coding
from mappers.domain.identifiers import Identifier
from mappers.domain.issues import IssueCode
from mappers.domain.people import Practitioner, Visit
from mappers.domain.times import Period
from mappers.hl7v2 import identities, tables
from mappers.hl7v2.datatypes import codes, identifiers, people, times
from mappers.hl7v2.elements import Element, SegmentReader

#: PL components in the order in which one says them: point of care, room, bed, facility, building, floor.
_LOCATION: Final = (1, 2, 3, 4, 7, 8, 9)
#: Attributes of a visit -> fields whose HL7 null takes them away.
_EMPTIED: Final = {"location": (3,), "service": (10,), "period": (44, 45)}


def read(pv1: SegmentReader, scopes: identities.Sender) -> Visit | None:
    """The visit; None (and nothing taken), said, when PV1-19 does not identify it."""
    identity = identities.encounter(_peek_number(pv1), scopes)
    if identity is None:
        pv1.first(19).inform(
            IssueCode.INCOMPLETE, "no visit number identifies the visit; the segment was kept"
        )
        return None
    ended = times.dtm(pv1.first(45))
    began = times.dtm(pv1.first(44))
    encounter_class, status = _class(pv1)
    visit = Visit(
        identity=identity,
        encounter_class=encounter_class,
        status="finished" if ended else status,
        identifiers=tuple(
            found
            for n, kind in ((19, "VN"), (50, None))
            for each in pv1.all(n)
            if (found := identifiers.cx(each, kind=kind))
        ),
        period=Period(began, ended) if began or ended else None,
        attending=_doctors(pv1, 7),
        referring=_doctors(pv1, 8),
        consulting=_doctors(pv1, 9),
        admitting=_doctors(pv1, 17),
        location=_location(pv1.first(3)),
        service=codes.cwe(pv1.first(10)),
        origin=pv1.label,
    )
    return replace(visit, emptied=pv1.emptied(visit, _EMPTIED))


def _peek_number(pv1: SegmentReader) -> Identifier | None:
    number = pv1.first(19)
    if not number.peek(1):
        return None
    return identifiers.cx(number)


def _class(pv1: SegmentReader) -> tuple[Coding | None, str]:
    """Class and the status that it implies for a visit that has not ended."""
    element = pv1.first(2)
    code = element.text(1)
    if code is None:
        return None, "unknown"
    return tables.patient_class(code) or Coding(code), tables.encounter_status(code) or "unknown"


def _doctors(pv1: SegmentReader, n: int) -> tuple[Practitioner, ...]:
    return tuple(found for each in pv1.all(n) if (found := people.xcn(each)))


def _location(element: Element) -> str | None:
    parts = []
    for n in _LOCATION:
        part = element.part(n)
        text = part.text(1) or part.text(2)
        if text:
            parts.append(text)
    return ", ".join(parts) or None
