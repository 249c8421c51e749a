"""Whose a document is, as the message that carried it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mappers.domain.coding import LOINC
from mappers.domain.documents import ClinicalDocument
from mappers.domain.identifiers import Identifier
from mappers.domain.results import LabReport, Report
from mappers.fhir import patient
from mappers.fhir.categories import SECTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """The chart of a document, as references; None or empty where the message does not say."""

    patient: str | None = None
    encounter: str | None = None
    orders: tuple[str, ...] = ()


def of(message: LabReport, document: ClinicalDocument) -> Whose:
    """The patient, the visit, and the orders that the document belongs to."""
    person = message.patient
    subject = patient.identity_of(person, message.source.sha256).reference if person else None
    visit = message.visit.identity.reference if message.visit else None
    orders = [each.order.identity.reference for each in _reports(message, document) if each.order]
    orders += [each.reference for each in document.related if each.kind == "ServiceRequest"]
    return Whose(patient=subject, encounter=visit, orders=tuple(dict.fromkeys(orders)))


def of_report(message: LabReport, report: Report) -> Whose:
    """The patient, the visit, and the order of a report."""
    person = message.patient
    return Whose(
        patient=patient.identity_of(person, message.source.sha256).reference if person else None,
        encounter=message.visit.identity.reference if message.visit else None,
        orders=(report.order.identity.reference,) if report.order else (),
    )


def section(message: LabReport, document: ClinicalDocument) -> str:
    """Table 0074 code of the report that a document belongs to, else LOINC of its type; "" when unknown."""
    codes = [
        code
        for report in _reports(message, document)
        for concept in report.category
        if (code := concept.code_in(SECTIONS))
    ]
    return next(iter(codes), None) or (document.type.code_in(LOINC) if document.type else None) or ""


def numbers(message: LabReport) -> Iterator[Identifier]:
    """Every number of the message's orders, reports and specimens."""
    orders = [*message.orders, *(report.order for report in message.reports if report.order)]
    for order in orders:
        yield from order.identifiers
        yield from (each for each in (order.requisition, order.accession) if each)
    for report in message.reports:
        yield from report.identifiers
    specimens = [*message.specimens, *(each for report in message.reports for each in report.specimens)]
    for specimen in specimens:
        yield from specimen.identifiers
        yield from (each for each in (specimen.accession,) if each)


def _reports(message: LabReport, document: ClinicalDocument) -> list[Report]:
    """The reports that the document names; where it names none, all of the message."""
    named = [each for each in message.reports if each.identity in document.related]
    return named or list(message.reports)
