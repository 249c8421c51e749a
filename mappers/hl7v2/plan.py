"""What a result message is going to say, before it is said: groups with their keys, identities told apart.

Between grammar and meaning: joins texts that go on over several OBX, sets aside the OBX that are no results
here, and gives every report and result an identity that the whole message uses once. Must not know fields
beyond those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mappers.domain.identifiers import Identity
from mappers.domain.issues import IssueCode
from mappers.domain.people import Patient
from mappers.hl7v2 import identities, values
from mappers.hl7v2.accounts import Account
from mappers.hl7v2.elements import SegmentReader
from mappers.hl7v2.grammar import ObservationGroup, OrderGroup, PatientGroup, SpecimenGroup
from mappers.hl7v2.identities import OrderNumbers, Sender, Work
from mappers.hl7v2.segments import obx, orc, pid
from mappers.hl7v2.tokens import Segment


@dataclass(slots=True, eq=False)
class Result:
    """One result: an OBX, and those that go on with its text."""

    obx: SegmentReader
    work: Work
    further: list[SegmentReader] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)
    specimen: SpecimenGroup | None = None
    service: str = ""  # key of OBR-4

    @property
    def last(self) -> SegmentReader:
        """The OBX that another one may go on from."""
        return self.further[-1] if self.further else self.obx


@dataclass(slots=True, eq=False)
class Request:
    """One order group. Without OBR it makes no report, and its results are loose."""

    group: OrderGroup
    orc: SegmentReader | None
    obr: SegmentReader | None
    numbers: OrderNumbers
    work: Work
    results: list[Result] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Subject:
    """One patient with all that is reported on them."""

    group: PatientGroup
    patient: Patient | None
    requests: list[Request] = field(default_factory=list)
    loose: list[Result] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)


def subject(group: PatientGroup, *, account: Account, scopes: Sender) -> Subject:
    """The plan of one patient group."""
    patient = pid.read(account.reader(group.pid), scopes) if group.pid else None
    identity = patient.identity if patient else None
    planned = Subject(group, patient, notes=list(group.notes))
    planned.loose = _results(group.observations, account, planned.notes, _loose_work(scopes, identity))
    for order in group.orders:
        planned.requests.append(_request(order, account, scopes, identity))
    return planned


def observation_identities(results: Sequence[Result]) -> dict[Result, Identity]:
    """An identity for every result of a message, each used once."""
    natural = [identities.observation(each.work, each.obx) for each in results]
    distinct = identities.distinguish(
        natural,
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
    headed = [(each, each.obr) for each in requests if each.obr]
    natural = [identities.report(each.work, obr) for each, obr in headed]
    distinct = identities.distinguish(natural, [obr.first(7).peek(1) or "" for _, obr in headed])
    for (_, obr), before, after in zip(headed, natural, distinct, strict=True):
        if before != after:
            obr.first(4).warn(
                IssueCode.DUPLICATE,
                "several reports of one order have this OBR-4; told apart by OBR-7 or their order,"
                " so a later version of one of them may not be recognised",
            )
    return {each: identity for (each, _), identity in zip(headed, distinct, strict=True)}


def _request(group: OrderGroup, account: Account, scopes: Sender, patient: Identity | None) -> Request:
    orc_reader = account.reader(group.orc) if group.orc else None
    obr_reader = account.reader(group.obr) if group.obr else None
    segments = _segments(group)
    if obr_reader is None:
        # There is no report to put ORC on, so it is kept. Its numbers still say whose results follow.
        if orc_reader:
            orc_reader.first(1).warn(
                IssueCode.STRUCTURE, "ORC without OBR; kept, and its results belong to no report"
            )
        scratch = SegmentReader(group.orc, account.context) if group.orc else None
        numbers = orc.numbers(scratch, None)
        test = account.reader(group.observations[0].obx) if group.observations else None
    else:
        numbers = orc.numbers(orc_reader, obr_reader)
        test = obr_reader
    work = identities.work(numbers, scopes, patient=patient, test=test, group=segments)
    request = Request(group, orc_reader, obr_reader, numbers, work, notes=list(group.notes))
    request.results = _results(group.observations, account, request.notes, lambda _: work)
    if obr_reader:
        service = identities.code_key(obr_reader.first(4))
        for result in request.results:
            result.service = service
    return request


def _results(
    groups: Sequence[ObservationGroup],
    account: Account,
    notes: list[Segment],
    work_of: Callable[[SegmentReader], Work],
) -> list[Result]:
    """The results of consecutive OBX; comments on those that are none go to `notes`."""
    results: list[Result] = []
    open_text: Result | None = None
    for group in groups:
        reader = account.reader(group.obx)
        if not _is_result(reader, account):
            notes += group.notes
            open_text = None
            continue
        if open_text and open_text.specimen is group.specimen and obx.continues(open_text.last, reader):
            open_text.further.append(reader)
            open_text.notes += group.notes
            continue
        open_text = Result(reader, work_of(reader), notes=list(group.notes), specimen=group.specimen)
        results.append(open_text)
    return results


def _is_result(reader: SegmentReader, account: Account) -> bool:
    """Whether an OBX is a result that can be written; says why when it is not."""
    if values.kind(reader) in values.DOCUMENTS:
        reader.first(5).inform(IssueCode.NOT_SUPPORTED, "a document; the segment was kept, not read")
        return False
    if obx.only_status(reader):
        reader.first(11).error(
            IssueCode.BUSINESS_RULE,
            "a result became final and was not sent again; kept:"
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


def _loose_work(scopes: Sender, patient: Identity | None) -> Callable[[SegmentReader], Work]:
    """What a loose result belongs to: its patient and time, else nothing but itself."""

    def of(reader: SegmentReader) -> Work:
        nobody = OrderNumbers(None, None)
        return identities.work(nobody, scopes, patient=patient, test=reader, group=(reader.segment,))

    return of


def _segments(group: OrderGroup) -> list[Segment]:
    head = [segment for segment in (group.orc, group.obr) if segment]
    return head + [each.obx for each in group.observations]
