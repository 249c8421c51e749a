"""PD1: who looks after the patient. Standard: v2-to-FHIR 1.0.0 PD1[Patient]."""

from __future__ import annotations

from mappers.domain.people import Organization, Practitioner
from mappers.hl7v2.datatypes import people
from mappers.hl7v2.elements import SegmentReader


def caretakers(pd1: SegmentReader) -> tuple[Practitioner | Organization, ...]:
    """Primary care practitioner (PD1-4, withdrawn in v2.7) and facility (PD1-3)."""
    found: list[Practitioner | Organization | None] = [people.xcn(each) for each in pd1.all(4)]
    found += [people.xon(each) for each in pd1.all(3)]
    return tuple(each for each in found if each is not None)
