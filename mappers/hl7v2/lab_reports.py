"""Plans of a message to the domain: orders, specimens, measurements, documents and notes of each patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mappers.domain.attribution import MessageSource
from mappers.domain.documents import ClinicalDocument
from mappers.domain.identifiers import Identity
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.orders import Order
from mappers.domain.results import LabReport, Measurement, Report, Specimen
from mappers.domain.times import Moment
from mappers.hl7v2 import attachments, backgrounds, filings, identities, narratives, plan
from mappers.hl7v2.accounts import Account
from mappers.hl7v2.elements import SegmentReader
from mappers.hl7v2.grammar import SpecimenGroup
from mappers.hl7v2.plan import Filing, Request, Result, Subject
from mappers.hl7v2.segments import obr, obx, prt, pv1
from mappers.hl7v2.tokens import Segment

_Specimens = Mapping[SpecimenGroup | None, Specimen]
_NONE: Final[_Specimens] = {}


@dataclass(slots=True)
class _Chart:
    """What one patient's `LabReport` is going to hold."""

    reports: list[Report] = field(default_factory=list)
    loose: list[Measurement] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    supporting: list[Measurement] = field(default_factory=list)
    specimens: list[Specimen] = field(default_factory=list)
    documents: list[ClinicalDocument] = field(default_factory=list)


class Builder:
    """Makes the reports of one message; identities hold for all its patients.

    Args:
        account: of the message.
        scopes: of its sender.
        subjects: the plans of its patients.
        sent_at: MSH-7.
        event: trigger event.
    """

    def __init__(
        self,
        account: Account,
        scopes: identities.Sender,
        subjects: Sequence[Subject],
        *,
        sent_at: Moment | None,
        event: str,
    ) -> None:
        self._account = account
        self._scopes = scopes
        self._event = event
        self._sent_at = sent_at
        self._nowhere = obr.Heading(at=sent_at, sent=sent_at)
        requests = [request for each in subjects for request in each.requests]
        self._observations = plan.observation_identities([each for one in subjects for each in one.results()])
        self._reports = plan.report_identities(requests)
        codes = {each: obr.code(each.obr) for each in requests if each.obr}
        self._desk = backgrounds.Desk(account, scopes, codes)
        self._specimens = backgrounds.read_specimens(self._desk, requests)
        self._documents = {
            each: self._attachments(each.contents.documents, each.notes) for each in requests if each.asks
        }
        self._orders = backgrounds.read_orders(
            self._desk,
            requests,
            supporting={each: self._support_of(each) for each in requests},
            specimens=self._specimens,
        )
        self._taken = backgrounds.taken_for(self._specimens, self._orders)

    def lab_report(self, subject: Subject, source: MessageSource) -> LabReport:
        """All that is said of one patient."""
        group = subject.group
        chart = _Chart()
        alone = backgrounds.read_alone(self._desk, subject)
        chart.specimens += alone.values()
        known = dict(alone)
        for request in reversed(subject.requests):
            known |= self._specimens[request]
        self._loose(subject.loose, chart, {**known, **alone}, subject.notes)
        for request in subject.requests:
            if request.obr is None:
                self._loose(request.contents, chart, _NONE, subject.notes)
                subject.notes += [*request.group.order_notes, *request.notes]
            elif request.asks:
                self._asked(request, chart)
            else:
                self._report(request, request.obr, chart)
        for filing in subject.filings:
            self._file(filing, chart)
        linked = subject.patient.replaces if subject.patient else ()
        said = (chart.reports, chart.loose, chart.orders, chart.documents, chart.specimens, subject.notices)
        if not any((*said, linked)):
            self._say_empty(subject)
        return LabReport(
            source=source,
            patient=subject.patient,
            visit=pv1.read(self._account.reader(group.pv1), self._scopes) if group.pv1 else None,
            reports=tuple(chart.reports),
            loose=tuple(chart.loose),
            patient_notes=self._desk.notes(subject.notes),
            orders=tuple({each.identity: each for each in chart.orders}.values()),
            notices=tuple(subject.notices),
            supporting=tuple(chart.supporting),
            specimens=tuple({each.identity: each for each in chart.specimens}.values()),
            documents=tuple(chart.documents),
        )

    def _loose(
        self, contents: plan.Contents, chart: _Chart, specimens: _Specimens, notes: list[Segment]
    ) -> None:
        """What hangs under no OBR; comments on what cannot be written go to `notes`."""
        for each in (*contents.results, *contents.supporting):
            chart.loose.append(self._measurement(each, self._nowhere, specimens))
        chart.documents += self._attachments(contents.documents, notes)

    def _asked(self, request: Request, chart: _Chart) -> None:
        """An order, with what supports it and what it is to be done on."""
        order = self._orders[request]
        chart.orders.append(order)
        chart.specimens += [self._taken[each.identity] for each in self._specimens[request].values()]
        chart.supporting += [
            self._measurement(each, self._nowhere, self._specimens[request])
            for each in request.contents.supporting
        ]
        chart.documents += self._documents[request]

    def _report(self, request: Request, head: SegmentReader, chart: _Chart) -> None:
        heading = obr.heading(head, sent_at=self._sent_at)
        specimens = self._specimens[request]
        order = self._orders.get(request)
        results, identity = request.contents.results, self._reports[request]
        related = (identity, *([order.identity] if order else []))
        chart.documents += self._attachments(request.contents.documents, request.notes, heading, related)
        measurements = tuple(self._measurement(each, heading, specimens) for each in results)
        participants = [self._account.reader(each) for each in request.group.details.get("PRT", ())]
        acting = [(each, found) for each in participants if (found := prt.performers(each))]
        contents = obr.Contents(
            code=self._desk.codes[request],
            numbers=request.numbers,
            order=order,
            measurements=measurements,
            specimens=tuple(dict.fromkeys(specimens.values())),
            notes=self._desk.notes(request.notes),
            performers=tuple(who for _, found in acting for who in found),
            narrative=narratives.narrative(results, measurements),
            conclusion=narratives.conclusion(results, measurements),
            complete=self._account.context.channel.snapshots,
            origins=(
                *(each.label for each in (request.orc, head) if each and (each is head or each.touched)),
                *(each.label for each, _ in acting),
            ),
        )
        chart.reports.append(obr.read(head, identity=identity, head=heading, contents=contents))
        supporting = [self._measurement(each, heading, specimens) for each in request.contents.supporting]
        chart.supporting += supporting

    def _file(self, filing: Filing, chart: _Chart) -> None:
        sent = filings.Sent(self._event, self._sent_at, tuple(each.identity for each in chart.orders))
        notes = [segment for each in filing.contents.documents for segment in each.notes]
        texts = filings.texts(filing)
        notes += [segment for each in texts for segment in each.notes]
        comments = self._desk.notes([*filing.notes, *notes])
        chart.documents += filings.read(filing, scopes=self._scopes, sent=sent, notes=comments)
        others = [each for each in filing.contents.results if each not in texts]
        self._loose(plan.Contents(others, [], filing.contents.supporting), chart, _NONE, [])

    def _attachments(
        self,
        results: Sequence[Result],
        notes: list[Segment],
        head: obr.Heading | None = None,
        related: tuple[Identity, ...] = (),
    ) -> list[ClinicalDocument]:
        """The documents of OBX; comments on those that hold none go to `notes`."""
        found: list[ClinicalDocument] = []
        for each in results:
            identity = self._observations[each]
            document = attachments.read(
                each.obx, identity=identity, head=head or self._nowhere, related=related
            )
            if document is None:
                notes += each.notes
            else:
                found.append(replace(document, notes=self._desk.notes(each.notes)))
        return found

    def _support_of(self, request: Request) -> tuple[Identity, ...]:
        documents = self._documents.get(request, ())
        return (
            *(self._observations[each] for each in request.contents.supporting),
            *(each.identity for each in documents),
        )

    def _measurement(self, result: Result, heading: obr.Heading, specimens: _Specimens) -> Measurement:
        if obx.only_status(result.obx):
            return obx.read_status(result.obx, identity=self._observations[result], head=heading)
        below = obx.Below(
            notes=self._desk.notes(result.notes),
            further=tuple(result.further),
            participants=tuple(self._account.reader(each) for each in result.participants),
            specimen=_specimen_of(result, specimens),
        )
        return obx.read(result.obx, identity=self._observations[result], head=heading, below=below)

    def _say_empty(self, subject: Subject) -> None:
        label = subject.group.pid.label if subject.group.pid else "OBX[1]"
        text = "no order, result or document that could be read: there is nothing to say of this patient"
        self._account.context.issues.append(Issue(Severity.WARNING, IssueCode.INCOMPLETE, label, text))


def _specimen_of(result: Result, specimens: _Specimens) -> Identity | None:
    """The specimen of a result: of the SPM that it follows, of OBX-33, else the only one of its order."""
    if result.specimen in specimens and result.specimen:
        return specimens[result.specimen].identity
    related = result.obx.first(33)
    numbers = {related.part(n).peek(1) for n in (1, 2)} - {None} if related.valued else set()
    named = [each for each in specimens.values() if numbers & {number.value for number in each.identifiers}]
    if len(named) == 1:
        related.take()
        return named[0].identity
    return next(iter(specimens.values())).identity if len(specimens) == 1 else None
