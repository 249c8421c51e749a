"""What a message is going to say, before it is said: groups with their keys, identities told apart.

Between grammar and meaning: joins texts that go on over several OBX, parts results from documents and from
what supports an order, and gives every report and result an identity that the whole message uses once. Must
not know fields beyond those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mappers.domain.identifiers import Identity
from mappers.domain.issues import IssueCode
from mappers.domain.orders import OrderNotice
from mappers.domain.people import Patient
from mappers.hl7v2 import identities, values
from mappers.hl7v2.accounts import Account
from mappers.hl7v2.elements import SegmentReader
from mappers.hl7v2.grammar import (
    DocumentGroup,
    ObservationGroup,
    OrderGroup,
    PatientGroup,
    Rules,
    SpecimenGroup,
)
from mappers.hl7v2.identities import OrderNumbers, Sender, Work
from mappers.hl7v2.segments import nk1, obx, orc, pd1, pid, txa
from mappers.hl7v2.tokens import Segment


@dataclass(slots=True, eq=False)
class Result:
    """One result: an OBX, and those that go on with its text.

    Attributes:
        owner: key of the patient.
        service: key of OBR-4.
    """

    obx: SegmentReader
    work: Work
    owner: str = ""
    further: list[SegmentReader] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    specimen: SpecimenGroup | None = None
    participants: list[Segment] = field(default_factory=list)
    service: str = ""

    @property
    def last(self) -> SegmentReader:
        """The OBX that another one may go on from."""
        return self.further[-1] if self.further else self.obx


@dataclass(slots=True, eq=False)
class Contents:
    """The OBX of one group.

    Attributes:
        results: what was measured.
        documents: ED and RP.
        supporting: what supports the order instead of answering it.
    """

    results: list[Result] = field(default_factory=list)
    documents: list[Result] = field(default_factory=list)
    supporting: list[Result] = field(default_factory=list)

    def all(self) -> list[Result]:
        """Each of them."""
        return [*self.results, *self.documents, *self.supporting]


@dataclass(slots=True, eq=False)
class Request:
    """One order group. Without OBR it makes no report, and its results are loose.

    Attributes:
        asks: it is an order; otherwise a report on one.
        mentioned: the order is the background of a report or document.
    """

    group: OrderGroup
    orc: SegmentReader | None
    obr: SegmentReader | None
    numbers: OrderNumbers
    work: Work
    asks: bool = False
    mentioned: bool = True
    owner: str = ""
    contents: Contents = field(default_factory=Contents)
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Filing:
    """One document with its TXA. What is neither document nor text among its OBX are results."""

    group: DocumentGroup
    txa: SegmentReader
    owner: str
    contents: Contents = field(default_factory=Contents)
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Subject:
    """One patient with all that is said of them.

    Attributes:
        owner: key that tells the patients of one message apart.
        notices: what ORC without OBR say of orders.
    """

    group: PatientGroup
    patient: Patient | None
    owner: str
    requests: list[Request] = field(default_factory=list)
    filings: list[Filing] = field(default_factory=list)
    loose: Contents = field(default_factory=Contents)
    notes: list[Segment] = field(default_factory=list)
    notices: list[OrderNotice] = field(default_factory=list)

    def results(self) -> list[Result]:
        """Every result, document and supporting fact."""
        groups = [self.loose, *(each.contents for each in self.requests)]
        groups += [each.contents for each in self.filings]
        return [result for each in groups for result in each.all()]


class Planner:
    """Plans the patients of one message.

    Args:
        account: of the message.
        scopes: of its sender.
        rules: of its structure; the order groups of order and document messages are orders, not reports.
    """

    def __init__(self, account: Account, scopes: Sender, rules: Rules) -> None:
        self._account = account
        self._scopes = scopes
        self._rules = rules
        self._asks = rules.orders or rules.documents

    def subject(self, group: PatientGroup, number: int) -> Subject:
        """The plan of the n-th patient group."""
        patient = self._patient(group)
        if patient and group.pd1:
            patient = replace(patient, caretakers=pd1.caretakers(self._account.reader(group.pd1)))
        if patient and group.contacts:
            contacts = (nk1.read(self._account.reader(each)) for each in group.contacts)
            patient = replace(patient, contacts=tuple(each for each in contacts if each))
        identity = patient.identity if patient else None
        planned = Subject(group, patient, identity.id if identity else str(number), notes=list(group.notes))
        planned.loose = self._contents(group.observations, planned.notes, self._loose_work(identity))
        for order in group.orders:
            if self._rules.orders and order.obr is None and order.orc:
                planned.notices += self._notices(order.orc, foreign=order.foreign)
            planned.requests.append(self._request(order, identity, asks=self._asks and not group.prior))
        for document in group.documents:
            planned.filings.append(self._filing(document, planned.owner))
        for result in planned.results():
            result.owner = planned.owner
        for request in planned.requests:
            request.owner = planned.owner
        return planned

    def _patient(self, group: PatientGroup) -> Patient | None:
        if group.pid is None:
            return None
        reader = self._account.reader(group.pid)
        if not self._rules.merges:
            return pid.read(reader, self._scopes)
        survivor = pid.identify(reader, self._scopes)
        others = [pid.identify(self._account.reader(each), self._scopes, at=1) for each in group.merged]
        retired = (each for each in others if each.identity not in {None, survivor.identity})
        return replace(survivor, replaces=tuple(retired) if survivor.identity else ())

    def _request(self, group: OrderGroup, patient: Identity | None, *, asks: bool) -> Request:
        if group.obr is None:
            return self._headless(group, patient)
        orc_reader = self._account.reader(group.orc) if group.orc else None
        obr_reader = self._account.reader(group.obr)
        numbers = orc.numbers(orc_reader, obr_reader)
        segments = [
            *([group.orc] if group.orc else []),
            group.obr,
            *(each.obx for each in group.observations),
        ]
        work = identities.work(numbers, self._scopes, patient=patient, test=obr_reader, group=segments)
        request = Request(group, orc_reader, obr_reader, numbers, work, asks, notes=list(group.notes))
        request.mentioned = not (asks and self._rules.orders)
        request.contents = self._contents(group.observations, request.notes, lambda _: work)
        if asks:
            request.contents.supporting += request.contents.results
            request.contents.results = []
        background = numbers.background(self._scopes) or work
        for result in request.contents.supporting:
            result.work = background
        service = identities.code_key(obr_reader.first(4))
        for result in request.contents.all():
            result.service = service
        return request

    def _headless(self, group: OrderGroup, patient: Identity | None) -> Request:
        """ORC without OBR: it makes no report. Its numbers say whose results follow."""
        if group.orc is None:
            numbers = OrderNumbers(None, None)
        else:
            if not self._rules.orders:
                text = "ORC without OBR; kept, and its results belong to no report"
                self._account.reader(group.orc).first(1).warn(IssueCode.STRUCTURE, text)
            numbers = orc.numbers(SegmentReader(group.orc, self._account.context), None)
        work = numbers.work(self._scopes)
        request = Request(group, None, None, numbers, work or (), notes=list(group.notes))
        work_of = self._loose_work(patient) if work is None else lambda _: work
        request.contents = self._contents(group.observations, request.notes, work_of)
        return request

    def _notices(self, segment: Segment, *, foreign: bool) -> list[OrderNotice]:
        """What an ORC without OBR says of the order that its numbers name."""
        reader = self._account.reader(segment)
        notice = None
        if not foreign and orc.changes(reader):
            numbers = orc.numbers(reader, None)
            identity = identities.number(numbers, self._scopes)
            notice = orc.notice(reader, identity=identity, order_numbers=numbers) if identity else None
        if notice is None:
            text = (
                "ORC without OBR orders no test and changes no order by its number; kept: act on it by hand"
            )
            reader.first(1).error(IssueCode.NOT_SUPPORTED, text)
            return []
        return [notice]

    def _filing(self, group: DocumentGroup, owner: str) -> Filing:
        reader = self._account.reader(group.txa)
        segments = [group.txa, *(each.obx for each in group.observations)]
        identity = identities.document(txa.number(reader), self._scopes, segments)
        filing = Filing(group, reader, owner, notes=list(group.notes))
        filing.contents = self._contents(group.observations, filing.notes, lambda _: identity.parts)
        return filing

    def _contents(
        self,
        groups: Sequence[ObservationGroup],
        notes: list[Segment],
        work_of: Callable[[SegmentReader], Work],
    ) -> Contents:
        """The results of consecutive OBX; comments on those that are none go to `notes`."""
        contents = Contents()
        open_text: Result | None = None
        for group in groups:
            reader = self._account.reader(group.obx)
            if not _is_result(reader, self._account):
                notes += group.notes
                open_text = None
                continue
            if open_text and open_text.specimen is group.specimen and obx.continues(open_text.last, reader):
                open_text.further.append(reader)
                open_text.notes += group.notes
                continue
            made = Result(reader, work_of(reader), notes=list(group.notes), specimen=group.specimen)
            made.participants = list(group.participants)
            if values.kind(reader) in values.DOCUMENTS:
                contents.documents.append(made)
                open_text = None
                continue
            open_text = made
            home = contents.supporting if obx.supports_order(reader) else contents.results
            home.append(made)
        return contents

    def _loose_work(self, patient: Identity | None) -> Callable[[SegmentReader], Work]:
        """What a loose result belongs to: its patient and time, else nothing but itself."""
        nobody = OrderNumbers(None, None)

        def of(reader: SegmentReader) -> Work:
            group = (reader.segment,)
            return identities.work(nobody, self._scopes, patient=patient, test=reader, group=group)

        return of


def observation_identities(results: Sequence[Result]) -> dict[Result, Identity]:
    """An identity for every result of a message, each used once."""
    natural = [
        (identities.attachment if values.kind(each.obx) in values.DOCUMENTS else identities.observation)(
            each.work, each.obx
        )
        for each in results
    ]
    distinct = identities.distinguish(
        identities.apart(natural, [each.owner for each in results]),
        [each.service for each in results],
        [each.obx.first(14).peek(1) or "" for each in results],
    )
    for each, before, after in zip(results, natural, distinct, strict=True):
        if before != after:
            each.obx.first(3).warn(
                IssueCode.DUPLICATE,
                "several results of one order have this OBX-3 and OBX-4;"
                " told apart by OBR-4, OBX-14 or their order,"
                " so a later version of one of them may not be recognised",
            )
    return dict(zip(results, distinct, strict=True))


def report_identities(requests: Sequence[Request]) -> dict[Request, Identity]:
    """An identity for every report of a message, each used once."""
    headed = [(each, each.obr) for each in requests if each.obr and not each.asks]
    natural = [identities.report(each.work, obr) for each, obr in headed]
    owned = identities.apart(natural, [each.owner for each, _ in headed])
    distinct = identities.distinguish(owned, [obr.first(7).peek(1) or "" for _, obr in headed])
    for (_, obr), before, after in zip(headed, natural, distinct, strict=True):
        if before != after:
            obr.first(4).warn(
                IssueCode.DUPLICATE,
                "several reports of one order have this OBR-4; told apart by OBR-7 or their order,"
                " so a later version of one of them may not be recognised",
            )
    return {each: identity for (each, _), identity in zip(headed, distinct, strict=True)}


def _is_result(reader: SegmentReader, account: Account) -> bool:
    """Whether an OBX is a result that can be written; says why when it is not."""
    if obx.only_status(reader) and values.kind(reader) in values.DOCUMENTS:
        reader.first(11).error(
            IssueCode.BUSINESS_RULE,
            "a document became final and was not sent again; kept:"
            " the earlier version has to be made final by hand",
        )
        return False
    if not (reader.valued(3) or reader.valued(5)):
        reader.first(3).error(
            IssueCode.REQUIRED, "neither observation identifier nor value; nothing was written"
        )
        account.report(reader.segment)
        return False
    return True
