"""Categories by diagnostic service section: table 0074 to what US Core 9 searches by.

Where OBR-24 is empty, a report that measures something, or has a specimen, is a laboratory's; nothing is
claimed of the others.
"""

from __future__ import annotations

from typing import Any

from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.results import Measurement, Quantity, Range, Ratio, Report

Node = dict[str, Any]

SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"

#: US Core 9, us-core-documentreference-category.
CLINICAL_NOTE: Node = {
    "coding": [
        {
            "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
            "code": "clinical-note",
            "display": "Clinical Note",
        }
    ]
}
_LABORATORY = frozenset(
    {"BG", "BLB", "CG", "CH", "CP", "GE", "HM", "IMM", "LAB", "MB", "MCB", "MYC", "OSL", "PAR", "PAT", "SP"}
    | {"SR", "TX", "URN", "VR"}
)
_IMAGING = frozenset({"CT", "CTH", "CUS", "IMG", "NMR", "NMS", "OUS", "RAD", "RUS", "RX", "VUS", "XRC"})
_PROCEDURE = frozenset({"AU", "EC", "EN", "PF"})
_THERAPY = frozenset({"OT", "PT", "RC", "RT"})

_LAB = Concept((Coding("LAB", SECTIONS, "Laboratory"),))
_RADIOLOGY = Concept((Coding("LP29684-5", LOINC, "Radiology"),))


def section_of(report: Report) -> str | None:
    """`laboratory`, `imaging`, `procedure` or `therapy` (observation-category), or None."""
    sections = [code for concept in report.category if (code := concept.code_in(SECTIONS))]
    for code in sections:
        found = _category(code)
        if found:
            return found
    if report.category:
        return None
    measured = any(section_of_loose(measurement) for measurement in report.measurements)
    return "laboratory" if report.specimens or measured else None


def section_of_loose(measurement: Measurement) -> str | None:
    """The section of a result that hangs under no OBR: what was measured is a laboratory's."""
    measured = isinstance(measurement.value, (Quantity, Range, Ratio)) or measurement.reference_ranges
    return "laboratory" if measured else None


def _category(section: str) -> str | None:
    if section in _LABORATORY:
        return "laboratory"
    if section in _IMAGING:
        return "imaging"
    if section in _PROCEDURE:
        return "procedure"
    return "therapy" if section in _THERAPY else None


def of_report(report: Report, section: str | None) -> tuple[Concept, ...]:
    """As sent, and what US Core needs: LAB, or LOINC's part for radiology."""
    codes = {code for concept in report.category if (code := concept.code_in(SECTIONS))}
    if section == "laboratory" and "LAB" not in codes:
        return (*report.category, _LAB)
    return (*report.category, _RADIOLOGY) if section == "imaging" else report.category


def of_measurement(measurement: Measurement, section: str | None) -> tuple[Concept, ...]:
    """As sent, and the section's observation category unless one was sent."""
    if section is None or any(concept.code_in(OBSERVATION_CATEGORY) for concept in measurement.category):
        return measurement.category
    display = section.capitalize()
    return (*measurement.category, Concept((Coding(section, OBSERVATION_CATEGORY, display),)))
