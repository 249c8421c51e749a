"""Plans of a result message to the domain: orders, specimens, measurements and notes into reports.

An order or specimen of which several groups of one message say the same is one thing; where they say
different things under one identity, each keeps its own (`identities.distinguish`), for nothing may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from mappers.domain.attribution import MessageSource
from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identity
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.orders import Note, Order
from mappers.domain.results import LabReport, Measurement, Report, Specimen
from mappers.domain.times import Moment
from mappers.hl7v2 import identities, plan
from mappers.hl7v2.accounts import Account
from mappers.hl7v2.elements import SegmentReader
from mappers.hl7v2.grammar import SpecimenGroup
from mappers.hl7v2.plan import Request, Result, Subject
from mappers.hl7v2.segments import nte, obr, obx, orc, pv1, spm
from mappers.hl7v2.tokens import Segment

_T = TypeVar("_T", Order, Specimen)
_APART: Final = " say different things; told apart, so a later message on one of them may not be recognised"


class Builder:
    """Makes the reports of one message; identities hold for all its patients."""

    def __init__(
        self,
        account: Account,
        scopes: identities.Sender,
        subjects: Sequence[Subject],
        sent_at: Moment | None,
    ) -> None:
        self._account = account
        self._scopes = scopes
        self._sent_at = sent_at
        requests = [request for each in subjects for request in each.requests]
        results = [result for each in subjects for result in each.loose]
        results += [result for request in requests for result in request.results]
        self._observations = plan.observation_identities(results)
        self._reports = plan.report_identities(requests)
        self._codes = {each: obr.code(each.obr) for each in requests if each.obr}
        self._orders = self._read_orders(requests)
        self._specimens = self._read_specimens(requests)

    def lab_report(self, subject: Subject, source: MessageSource) -> LabReport:
        """All that is reported on one patient."""
        group = subject.group
        nowhere = obr.Heading(at=self._sent_at)
        loose = [self._measurement(each, nowhere) for each in subject.loose]
        reports: list[Report] = []
        for request in subject.requests:
            if request.obr:
                reports.append(self._report(request, request.obr))
                continue
            loose += [self._measurement(each, nowhere) for each in request.results]
            subject.notes += [*request.group.order_notes, *request.notes]
        if not reports and not loose:
            self._say_empty(subject)
        return LabReport(
            source=source,
            patient=subject.patient,
            visit=pv1.read(self._account.reader(group.pv1), self._scopes) if group.pv1 else None,
            reports=tuple(reports),
            loose=tuple(loose),
            patient_notes=self._notes(subject.notes),
        )

    def _report(self, request: Request, head: SegmentReader) -> Report:
        heading = obr.heading(head, sent_at=self._sent_at)
        specimens = self._specimens[request]
        contents = obr.Contents(
            code=self._codes[request],
            numbers=request.numbers,
            order=self._orders.get(request),
            measurements=tuple(self._measurement(each, heading, specimens) for each in request.results),
            specimens=tuple(dict.fromkeys(specimens.values())),
            notes=self._notes(request.notes),
            origins=tuple(
                each.label for each in (request.orc, head) if each and (each is head or each.touched)
            ),
        )
        return obr.read(head, identity=self._reports[request], head=heading, contents=contents)

    def _measurement(
        self,
        result: Result,
        heading: obr.Heading,
        specimens: dict[SpecimenGroup | None, Specimen] | None = None,
    ) -> Measurement:
        below = obx.Below(
            notes=self._notes(result.notes),
            further=tuple(result.further),
            specimen=_specimen_of(result, specimens or {}),
        )
        return obx.read(result.obx, identity=self._observations[result], head=heading, below=below)

    def _read_orders(self, requests: Sequence[Request]) -> dict[Request, Order]:
        found: dict[Request, Order] = {}
        for request in requests:
            if request.obr is None:
                continue
            order = orc.read(
                request.orc,
                request.obr,
                identity=identities.service_request(request.numbers, self._scopes, request.work, request.obr),
                order_numbers=request.numbers,
                beside=orc.Beside(
                    code=self._codes[request],
                    timings=[self._account.reader(each) for each in request.group.timings],
                    notes=self._notes(request.group.order_notes),
                ),
            )
            if order:
                found[request] = order
        contents = [(request.owner, _order_content(order)) for request, order in found.items()]
        settled = _settle(contents, lambda order: _words(order.code))
        for (request, order), identity in zip(found.items(), settled, strict=True):
            if request.obr and identity != order.identity:
                request.obr.first(2).warn(
                    IssueCode.DUPLICATE, f"several orders of one number and test{_APART}"
                )
        return {
            request: replace(order, identity=identity)
            for (request, order), identity in zip(found.items(), settled, strict=True)
        }

    def _read_specimens(
        self, requests: Sequence[Request]
    ) -> dict[Request, dict[SpecimenGroup | None, Specimen]]:
        """Per order group its specimens, by SPM; None is the specimen of OBR-15."""
        places: list[tuple[Request, SpecimenGroup | None]] = []
        found: list[Specimen] = []
        for request in requests:
            for place, specimen in self._specimens_of(request):
                places.append((request, place))
                found.append(specimen)
        contents = [
            (request.owner, _specimen_content(each)) for (request, _), each in zip(places, found, strict=True)
        ]
        settled = _settle(contents, lambda specimen: _words(specimen.type))
        for (_, place), specimen, identity in zip(places, found, settled, strict=True):
            if place and identity != specimen.identity:
                text = f"several specimens of one number{_APART}"
                self._account.reader(place.spm).first(2).warn(IssueCode.DUPLICATE, text)
        per_request: dict[Request, dict[SpecimenGroup | None, Specimen]] = {each: {} for each in requests}
        for (request, place), specimen, identity in zip(places, found, settled, strict=True):
            per_request[request][place] = replace(specimen, identity=identity)
        return per_request

    def _specimens_of(self, request: Request) -> list[tuple[SpecimenGroup | None, Specimen]]:
        if request.obr is None:
            return []
        found: list[tuple[SpecimenGroup | None, Specimen]] = []
        for group in request.group.specimens:
            reader = self._account.reader(group.spm)
            identity = identities.specimen(request.work, reader)
            found.append((group, spm.read(reader, identity=identity, notes=self._notes(group.notes))))
        if not found:
            identity = identities.specimen_of_order(request.work)
            described = spm.of_order(request.obr, identity=identity)
            found += [(None, described)] if described else []
        return found

    def _notes(self, segments: Sequence[Segment]) -> tuple[Note, ...]:
        notes: list[Note] = []
        for segment in segments:
            note = nte.read(self._account.reader(segment))
            if note is None:
                self._account.report(segment)
            else:
                notes.append(note)
        return tuple(notes)

    def _say_empty(self, subject: Subject) -> None:
        label = subject.group.pid.label if subject.group.pid else "OBX[1]"
        text = "no OBR and no OBX that could be read: there are no results for this patient"
        self._account.context.issues.append(Issue(Severity.WARNING, IssueCode.INCOMPLETE, label, text))


def _specimen_of(result: Result, specimens: dict[SpecimenGroup | None, Specimen]) -> Identity | None:
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


def _order_content(order: Order) -> Order:
    """What an order says, wherever it says it."""
    return replace(order, origins=(), notes=_placeless(order.notes))


def _specimen_content(specimen: Specimen) -> Specimen:
    """What is said of a specimen, wherever it is said."""
    return replace(specimen, origin="", notes=_placeless(specimen.notes))


def _placeless(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    return tuple(replace(note, origin="") for note in notes)


def _settle(contents: Sequence[tuple[str, _T]], finer: Callable[[_T], str]) -> list[Identity]:
    """Identities of (owner, content): equal contents stay one thing, different ones are told apart."""
    drafts = list(dict.fromkeys(contents))
    owned = identities.apart([each.identity for _, each in drafts], [owner for owner, _ in drafts])
    distinct = identities.distinguish(owned, [finer(each) for _, each in drafts])
    settled = dict(zip(drafts, distinct, strict=True))
    return [settled[each] for each in contents]


def _words(concept: Concept | None) -> str:
    """A concept as a part of an identity."""
    if concept is None:
        return ""
    return next((coding.code for coding in concept.codings if coding.code), None) or concept.text or ""
