"""NK1: whom to turn to beside the patient. Standard: v2-to-FHIR 1.0.0 NK1[Patient].

The guide leaves it open whether NK1 becomes a RelatedPerson or `Patient.contact`; a feed of results and
orders sends people to call, so it is a contact here.
"""

from __future__ import annotations

from typing import Final

from mappers.domain.coding import Concept
from mappers.domain.people import Contact, ContactPoint
from mappers.domain.times import Period
from mappers.hl7v2 import tables
from mappers.hl7v2.datatypes import codes, people, times
from mappers.hl7v2.elements import SegmentReader

#: Contact-point-use of the fields NK1-5, NK1-6, NK1-40 and NK1-41 where XTN.2 is empty.
_TELECOM_FIELDS: Final = ((5, None), (6, "work"), (40, None), (41, None))


def read(nk1: SegmentReader) -> Contact | None:
    """A contact; None (and nothing taken) when the segment names no way and nobody to turn to (pat-1)."""
    if not any(nk1.valued(n) for n in (2, 4, 5, 6, 13, 40, 41)):
        return None
    name = people.xpn(nk1.first(2))
    address = people.xad(nk1.first(4)) if nk1.valued(4) else None
    telecoms = _telecoms(nk1)
    organization = people.xon(nk1.first(13)) if nk1.valued(13) else None
    if not (name or address or telecoms or organization):
        return None
    began, ended = times.dtm(nk1.first(8)), times.dtm(nk1.first(9))
    return Contact(
        name=name,
        relationships=_relationships(nk1),
        telecoms=telecoms,
        address=address,
        gender=_gender(nk1),
        organization=organization,
        period=Period(began, ended) if began or ended else None,
        origin=nk1.label,
    )


def _relationships(nk1: SegmentReader) -> tuple[Concept, ...]:
    found = (codes.cwe(nk1.first(3), tables.relationship), codes.cwe(nk1.first(7), tables.contact_role))
    return tuple(each for each in found if each)


def _telecoms(nk1: SegmentReader) -> tuple[ContactPoint, ...]:
    return tuple(
        point for n, use in _TELECOM_FIELDS for each in nk1.all(n) for point in people.xtn(each, use=use)
    )


def _gender(nk1: SegmentReader) -> str | None:
    code = nk1.first(15).peek(1)
    gender = tables.sex(code) if code else None
    if gender:
        nk1.first(15).take(1)
    return gender
