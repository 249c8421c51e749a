"""All that one message says of a patient, as resources in the order in which a server can take them.

Every resource is judged before it is handed out: what R4 forbids is reported, never written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

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
from mappers.fhir.accruing import Member
from mappers.fhir.chart import Chart, meta

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource to be written.

    Attributes:
        resource: plain JSON data, judged valid.
        standing: how this version ranks against one already there: an older or lower one never overwrites.
        once: never written again when it is there (Device, Provenance).
        by_element: it is put together with what is there, element by element (`merging`).
        aliases: ids by which messages may call it that know another of its numbers only.
        members: of a report that accrues results (`accruing`): what is said of each; None replaces them all.
        promotes: the resource says only that what is there has this status now; it is none by itself.
        numbers: FHIR Identifiers by which what is there is found, by any of them: a statement about an order
            that names no test. It is none by itself.
        deletes: elements of which the message says that they have no value any more (HL7 null).
    """

    resource: Node
    standing: Standing | None = None
    once: bool = False
    by_element: bool = False
    aliases: tuple[str, ...] = ()
    members: tuple[Member, ...] | None = None
    promotes: bool = False
    numbers: tuple[Node, ...] = ()
    deletes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the resource is one by itself, and no statement about one that must be there."""
        return not (self.promotes or self.numbers)


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """The resources of one message.

    Attributes:
        entries: in dependency order: Device, Patient, Encounter, ServiceRequest, Specimen, Observation,
            DiagnosticReport, DocumentReference, Provenance.
        trace: (segment label, FHIR path) pairs for the ledger.
        lost: (segment label, element) pairs of facts that FHIR could not carry.
        issues: what FHIR could not carry; an error says that a resource was not written, which is our fault.
    """

    entries: tuple[Entry, ...]
    trace: tuple[tuple[str, str], ...]
    issues: tuple[Issue, ...] = field(default=())
    lost: tuple[tuple[str, str], ...] = field(default=())

    def bundle(self) -> Node:
        """A transaction (R4 §3.1.0.11): `urn:uuid:` fullUrls and references between entries, PUT by id.

        What only changes a resource that must be there already is a PATCH of its status, by its id or, where
        that is not known, by its number: a server that does not have just one of it refuses.
        """
        shown = [found for entry in self.entries if entry.whole and (found := self._shown(entry))]
        urls = {_reference(each): f"urn:uuid:{each['id']}" for each in shown}
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": urls[_reference(each)],
                    "resource": _with_urls(each, urls),
                    "request": {"method": "PUT", "url": _reference(each)},
                }
                for each in shown
            ]
            + [_patch(entry) for entry in self.entries if not entry.whole],
        }

    def _shown(self, entry: Entry) -> Node | None:
        """The resource; a Provenance without what is none by itself, and none when nothing is left of it."""
        stated = {_reference(each.resource) for each in self.entries if each.numbers}
        resource = entry.resource
        if resource["resourceType"] != "Provenance" or not stated:
            return resource
        targets = [each for each in resource["target"] if each["reference"] not in stated]
        return {**resource, "target": targets} if targets else None


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
    targets = [_reference(entry.resource) for entry in writer.ordered() if not entry.once]
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
        before = self._entries.get(_reference(resource))
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
        self._entries[_reference(resource)] = entry or Entry(resource, self._standing)

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
        self._entries[_reference(resource)] = Entry(
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
            self._entries[_reference(resource)] = Entry(resource, measurement.standing, promotes=True)
            return
        resource = observation.write(
            measurement, report=report, section=section, notes=notes, chart=self.chart
        )
        if _reference(resource) in self._entries:
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


def _patch(entry: Entry) -> Node:
    """What changes of a resource, as a FHIRPath Patch (R4 §3.1.0.10): its status."""
    resource = entry.resource
    kind = resource["resourceType"]
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": f"{kind}.status"},
        {"name": "value", "valueCode": resource["status"]},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    return {"resource": patch, "request": {"method": "PATCH", "url": _address(entry)}}


def _address(entry: Entry) -> str:
    if not entry.numbers:
        return _reference(entry.resource)
    numbers = ",".join(
        "|".join(quote(part, safe="") for part in (each.get("system"), each["value"]) if part)
        for each in entry.numbers
    )
    subject = entry.resource.get("subject", {}).get("reference")
    asked = f"identifier={numbers}" + (f"&subject={subject}" if subject else "")
    return f"{entry.resource['resourceType']}?{asked}"


def _reference(resource: Node) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _with_urls(node: Any, urls: dict[str, str]) -> Any:
    """A copy in which references between entries are fullUrls."""
    if isinstance(node, dict):
        return {
            name: urls.get(value, value)
            if name == "reference" and isinstance(value, str)
            else _with_urls(value, urls)
            for name, value in node.items()
        }
    return [_with_urls(item, urls) for item in node] if isinstance(node, list) else node
