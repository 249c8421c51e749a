"""All that one message says of a patient, as resources in the order in which a server can take them.

Every resource is judged before it is handed out: what R4 forbids is reported, never written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mappers.domain.attribution import Software
from mappers.domain.identifiers import Identity
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.orders import Note, Order, OrderNotice
from mappers.domain.people import Organization
from mappers.domain.results import LabReport, Measurement, Report, Standing, standing
from mappers.domain.times import Moment
from mappers.fhir import (
    categories,
    device,
    diagnostic_report,
    document_reference_writer,
    encounter,
    merging,
    observation,
    patient,
    provenance,
    r4,
    service_request,
    specimen,
)
from mappers.fhir.account import Account
from mappers.fhir.chart import Chart, meta
from mappers.fhir.written import Entry, WrittenBundle, reference_of

__all__ = ["Entry", "WrittenBundle", "write"]

Node = dict[str, Any]

#: A server that takes one resource after the other finds each reference resolved.
_ORDER = (
    "Device",
    "Patient",
    "Encounter",
    "ServiceRequest",
    "Specimen",
    "Observation",
    "DiagnosticReport",
    "DocumentReference",
    "Provenance",
)


def write(
    report: LabReport, *, software: Software, recorded: Moment, responsible: Organization | None = None
) -> WrittenBundle:
    """Write all resources of a message.

    Args:
        report: what the message says.
        software: what writes it: the Device.
        recorded: now, an instant; Provenance.recorded.
        responsible: the organization on whose behalf Wardwire acts; None means the sending facility.
    """
    account = Account()
    writer = _Writer(report, account)
    made = device.write(software)
    writer.add(made, Entry(made, once=True))
    writer.people()
    for one in report.reports:
        writer.report(one)
    writer.orders()
    writer.loose()
    writer.documents()
    writer.orphan_notes()
    targets = [reference_of(entry.resource) for entry in writer.ordered() if not entry.once]
    if targets:
        making = provenance.Making(software, recorded, responsible)
        made = provenance.write(report.source, targets=targets, making=making, chart=writer.chart)
        writer.add(made, Entry(made, once=True))
    lost = tuple(dict.fromkeys(account.lost))
    return WrittenBundle(tuple(writer.ordered()), tuple(account.trace), tuple(account.issues), lost)


class _Writer:
    """Writes the parts of one message and keeps those that are valid."""

    def __init__(self, report: LabReport, account: Account) -> None:
        source = report.source
        subject = None
        if report.patient is not None:
            identity = patient.identity_of(report.patient, source.sha256)
            subject = {"reference": identity.reference}
        visit = {"reference": report.visit.identity.reference} if report.visit else None
        account.origin = source.origin
        self.chart = Chart(account=account, subject=subject, encounter=visit, meta=meta(source, account))
        self._report = report
        self._account = account
        # Demographics, orders and specimens have no status of results: the later message stands.
        self._standing = standing("final", source.sent_at)
        self._entries: dict[str, Entry] = {}

    def ordered(self) -> list[Entry]:
        """What was kept, in dependency order."""
        return sorted(self._entries.values(), key=lambda entry: _ORDER.index(entry.resource["resourceType"]))

    def add_said(
        self,
        resource: Node,
        rank: Standing | None = None,
        aliases: tuple[Identity, ...] = (),
        deletes: tuple[str, ...] = (),
    ) -> None:
        """Keep a resource of which other messages may say more."""
        names = tuple(each.id for each in aliases)
        rank = rank or self._standing
        before = self._entries.get(reference_of(resource))
        if before is not None:
            resource, _ = merging.merge(before.resource, {}, resource, rank)
            names = tuple(dict.fromkeys((*before.aliases, *names)))
            deletes = tuple(dict.fromkeys((*before.deletes, *deletes)))
        self.add(resource, Entry(resource, rank, by_element=True, aliases=names, deletes=deletes))

    def add(self, resource: Node, entry: Entry | None = None) -> None:
        """Keep a resource, or report why it must not be written."""
        errors = [issue for issue in r4.validate(resource) if issue.severity is Severity.ERROR]
        if errors:
            self._account.issues += errors
            return
        self._entries[reference_of(resource)] = entry or Entry(resource, self._standing)

    def people(self) -> None:
        """Patient and Encounter."""
        report = self._report
        if report.patient is not None:
            identity = patient.identity_of(report.patient, report.source.sha256)
            self.add_said(
                patient.write(report.patient, identity, notes=report.patient_notes, chart=self.chart),
                aliases=report.patient.aliases,
                deletes=patient.deletes(report.patient),
            )
            for one in report.patient.replaces:
                self.add_said(patient.write_replaced(one, by=identity, chart=self.chart))
        if report.visit is not None:
            self.add_said(
                encounter.write(report.visit, chart=self.chart), deletes=encounter.deletes(report.visit)
            )

    def report(self, report: Report) -> None:
        """One order: ServiceRequest, Specimens, Observations, DiagnosticReport."""
        request = None
        if report.order is not None:
            request = {"reference": report.order.identity.reference}
            self._order(report.order)
        for one in report.specimens:
            self.add_said(specimen.write(one, request=request, chart=self.chart))
        section = categories.section_of(report)
        # R4 has no note on a report: readers see a note on the first result (v2-to-FHIR leaves it open).
        notes = report.notes
        for measurement in report.measurements:
            self._measurement(measurement, report=report, section=section, notes=notes)
            notes = ()
        resource = diagnostic_report.write(report, section=section, notes=notes, chart=self.chart)
        members = None if report.complete else diagnostic_report.members(report)
        self.add(resource, Entry(resource, report.standing, members=members))

    def orders(self) -> None:
        """What is asked for: ServiceRequests, their Specimens and what supports them."""
        for order in self._report.orders:
            self._order(order)
        for notice in self._report.notices:
            self._notice(notice)
        for one in self._report.specimens:
            self.add_said(specimen.write(one, request=None, chart=self.chart))
        for measurement in self._report.supporting:
            self._measurement(measurement, report=None, section=None, notes=())

    def documents(self) -> None:
        """DocumentReferences."""
        for document in self._report.documents:
            resource = document_reference_writer.write(document, chart=self.chart)
            if document.by_element:
                self.add_said(resource, document.standing)
            else:
                self.add(resource, Entry(resource, document.standing))

    def _order(self, order: Order) -> None:
        """A ServiceRequest; what is mentioned in passing has less right than what was ordered."""
        rank = replace(self._standing, rank=self._standing.rank - order.mentioned)
        self.add_said(
            service_request.write(order, chart=self.chart),
            rank,
            order.aliases,
            service_request.deletes(order),
        )

    def _notice(self, notice: OrderNotice) -> None:
        """What is said of an order by its number: it is found where it is stored."""
        resource = service_request.write_notice(notice, chart=self.chart)
        self._entries[reference_of(resource)] = Entry(
            resource, self._standing, by_element=True, numbers=tuple(resource["identifier"])
        )

    def loose(self) -> None:
        """Results under no OBR."""
        for measurement in self._report.loose:
            section = categories.section_of_loose(measurement)
            self._measurement(measurement, report=None, section=section, notes=())

    def _measurement(
        self, measurement: Measurement, *, report: Report | None, section: str | None, notes: tuple[Note, ...]
    ) -> None:
        if measurement.promotes:
            resource = observation.write_promotion(measurement, chart=self.chart)
            self._entries[reference_of(resource)] = Entry(resource, measurement.standing, promotes=True)
            return
        resource = observation.write(
            measurement, report=report, section=section, notes=notes, chart=self.chart
        )
        if reference_of(resource) in self._entries:
            text = "two results of one message have the same identity: the later one stands"
            self._account.issues.append(
                Issue(Severity.ERROR, IssueCode.DUPLICATE, self._account.origin, text)
            )
        self.add(resource, Entry(resource, measurement.standing))

    def orphan_notes(self) -> None:
        """Notes on a patient who is not there have no place in FHIR."""
        if self._report.patient is None:
            for note in self._report.patient_notes:
                text = "a note on the patient, and no patient: not written"
                self._account.issues.append(Issue(Severity.WARNING, IssueCode.INCOMPLETE, note.origin, text))
