"""OBX: one result. Standard: v2-to-FHIR 1.0.0 OBX[Observation]; table 0085."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Note
from mappers.domain.people import Organization, Practitioner
from mappers.domain.results import Measurement, standing
from mappers.hl7v2 import ranges, tables, values
from mappers.hl7v2.datatypes import codes, identifiers, people, times
from mappers.hl7v2.elements import Element, SegmentReader
from mappers.hl7v2.segments import prt
from mappers.hl7v2.segments.obr import Heading

#: Statuses whose results need no value.
_WITHOUT_VALUE: Final = frozenset({"cancelled", "entered-in-error"})
_SUPPORTING: Final = frozenset({"QST", "SCI"})
_VALUE: Final = 5
_FINAL_UNSENT: Final = "U"  # table 0085: became final, the value is not sent again
_OBSERVATION_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0936"  # OBX-29
#: A report's status as a status for results that have none of their own; FHIR knows no partial observation.
_OF_REPORT: Final[Mapping[str, str]] = MappingProxyType({"partial": "preliminary", "appended": "amended"})


@dataclass(frozen=True, slots=True)
class Below:
    """What hangs under a result, or beside it.

    Attributes:
        further: OBX whose text goes on where this one's ends.
        specimen: what it was made from.
    """

    notes: tuple[Note, ...] = field(default=())
    further: tuple[SegmentReader, ...] = field(default=())
    participants: tuple[SegmentReader, ...] = field(default=())
    specimen: Identity | None = None


def supports_order(obx: SegmentReader) -> bool:
    """Whether it is no result but an answer at order entry or a supporting fact (OBX-29, table 0936)."""
    return obx.first(29).peek(1) in _SUPPORTING


def only_status(obx: SegmentReader) -> bool:
    """Whether the segment changes the status of a result sent earlier and carries no value of its own."""
    return obx.first(11).peek(1) == _FINAL_UNSENT and not obx.valued(5)


def read(obx: SegmentReader, *, identity: Identity, head: Heading, below: Below) -> Measurement:
    """The result of an OBX and of those that go on with its text."""
    result_status, implied = status(obx, head)
    observed = values.read(obx, below.further)
    method, equipment = obx.first(17), obx.first(18)
    measurement = Measurement(
        identity=identity,
        code=code(obx),
        status=result_status,
        standing=standing(result_status, head.at, head.sent),
        value=observed.value,
        absent_reason=_absent_reason(obx, observed, result_status, implied),
        components=observed.components,
        unit=observed.unit,
        interpretations=_interpretations(obx),
        reference_ranges=ranges.read(obx, observed.value or next(iter(observed.components), None)),
        effective=times.dtm(obx.first(14)) or head.effective,
        issued=head.issued,
        analysed=times.dtm(obx.first(19)),
        method=codes.cwe(method) if method.valued else None,
        body_site=codes.cwe(obx.first(20), tables.body_site),
        device=identifiers.ei(equipment)
        if equipment.valued
        else next((found for each in below.participants if (found := prt.device(each))), None),
        performers=(*_performers(obx), *(who for each in below.participants for who in prt.performers(each))),
        identifiers=identifiers_of(obx),
        nature_of_abnormality=_natures(obx),
        category=_category(obx),
        notes=below.notes,
        specimen=below.specimen,
        sub_id=obx.text(4),
        origins=(
            obx.label,
            *(each.label for each in (*below.further, *(one for one in below.participants if one.touched))),
        ),
    )
    for each in below.further:
        agree(each, obx)
    # A result is said anew as a whole: a null and an empty field are the same.
    obx.null(*range(1, obx.segment.count + 1))
    return measurement


def read_status(obx: SegmentReader, *, identity: Identity, head: Heading) -> Measurement:
    """A result that became final and is not sent again (OBX-11 U): who it is, and its status."""
    result_status, _ = status(obx, head)
    for n in (4, 21):
        for each in obx.all(n):
            each.take()
    return Measurement(
        identity=identity,
        code=code(obx),
        status=result_status,
        standing=standing(result_status, head.at, head.sent),
        issued=head.issued,
        promotes=True,
        origins=(obx.label,),
    )


def _absent_reason(
    obx: SegmentReader, observed: values.Observed, status: str, implied: str | None
) -> str | None:
    """Why there is no value: as OBX-11 implies, or for want of one in OBX-5."""
    if observed.value is not None or observed.components:
        if implied:
            text = "OBX-11 says that there is no value, OBX-5 has one, which was read"
            obx.first(11).warn(IssueCode.CONFLICT, text)
        return None
    if status in _WITHOUT_VALUE:
        return None
    return implied or ("temp-unknown" if status == "registered" else observed.absent_reason)


def status(obx: SegmentReader, head: Heading) -> tuple[str, str | None]:
    """OBX-11, else OBR-25, else `unknown`: never a guess. With the absent reason that the code implies."""
    element = obx.first(11)
    sent = element.peek(1)
    if sent is None:
        if head.status == "unknown":
            element.error(IssueCode.REQUIRED, "no result status here or in OBR-25; the status is unknown")
        else:
            element.warn(IssueCode.REQUIRED, "no result status; OBR-25 was read instead")
    elif tables.observation_status(sent.upper()) is None:
        element.error(IssueCode.CODE_INVALID, "no result status of table 0085; the status is unknown")
    else:
        element.take(1)
    return status_as_sent(obx, head)


def status_as_sent(obx: SegmentReader, head: Heading) -> tuple[str, str | None]:
    """As `status`; takes nothing and says nothing."""
    sent = obx.first(11).peek(1)
    if sent is None:
        return _OF_REPORT.get(head.status, head.status), None
    mapped = tables.observation_status(sent.upper())
    return (mapped.status, mapped.absent_reason) if mapped else ("unknown", None)


def code(obx: SegmentReader) -> Concept:
    """OBX-3; the code for "unknown", said, when it is missing."""
    concept = codes.cwe(obx.first(3))
    if concept is None:
        obx.first(3).error(IssueCode.REQUIRED, "no observation identifier; what was observed is unknown")
        return codes.UNKNOWN
    return concept


def code_as_sent(obx: SegmentReader) -> Concept | None:
    """OBX-3 as words alone; takes nothing."""
    words = obx.first(3).peek(2) or obx.first(3).peek(1)
    return Concept(text=words) if words else None


def _interpretations(obx: SegmentReader) -> tuple[Concept, ...]:
    """OBX-8 (table 0078); a flag that the table does not know stays text."""
    return tuple(found for each in obx.all(8) if (found := _interpretation(each)))


def _interpretation(element: Element) -> Concept | None:
    if element.count > 1:
        return codes.cwe(element, tables.interpretation)
    flag = element.text()
    coding = tables.interpretation(flag) if flag else None
    if coding:
        return Concept((coding,))
    element.inform(IssueCode.CODE_INVALID, "not a code of table 0078; kept as text")
    return Concept(text=flag)


def _natures(obx: SegmentReader) -> tuple[Concept, ...]:
    """OBX-10 (table 0080)."""
    texts = (element.text(1) for element in obx.all(10))
    return tuple(Concept((tables.nature_of_abnormality(text) or Coding(text),)) for text in texts if text)


def _category(obx: SegmentReader) -> tuple[Concept, ...]:
    """OBX-29 (table 0936)."""
    code = obx.text(29, 1)
    if code is None:
        return ()
    return (Concept((Coding(code, _OBSERVATION_TYPE if tables.known("0936", code) else None),)),)


def identifiers_of(obx: SegmentReader) -> tuple[Identifier, ...]:
    """OBX-21."""
    return tuple(found for each in obx.all(21) if (found := identifiers.ei(each, kind="FILL")))


def _performers(obx: SegmentReader) -> tuple[Practitioner | Organization, ...]:
    """OBX-16 observers, OBX-23 with the address of OBX-24, OBX-25 medical director, OBX-15 producer."""
    laboratory, producer = _laboratory(obx), _producer(obx)
    if laboratory and producer and _same(laboratory, producer):
        producer = None
    found: list[Practitioner | Organization | None] = [people.xcn(each) for each in obx.all(16)]
    found += [laboratory, *(people.xcn(each) for each in obx.all(25)), producer]
    return tuple(each for each in found if each is not None)


def _same(laboratory: Organization, producer: Organization) -> bool:
    """Whether OBX-15 names the laboratory of OBX-23 again, with nothing to add."""
    numbers = {number.value for number in laboratory.identifiers}
    return producer.name == laboratory.name and all(each.value in numbers for each in producer.identifiers)


def _laboratory(obx: SegmentReader) -> Organization | None:
    laboratory = people.xon(obx.first(23)) if obx.valued(23) else None
    address = people.xad(obx.first(24)) if obx.valued(24) else None
    if address is None:
        return laboratory
    own = laboratory or Organization()
    return Organization(own.name, own.identifiers, (address,))


def _producer(obx: SegmentReader) -> Organization | None:
    """OBX-15: a coded organization."""
    element = obx.first(15)
    code, name = element.text(1), element.text(2)
    if code is None:
        return Organization(name) if name else None
    uri = codes.system(element, 3)
    if uri:
        element.take(3)
    return Organization(name, (Identifier(code, uri),))


def agree(further: SegmentReader, first: SegmentReader) -> None:
    """Fields of a continued text that say what the first OBX said reach the domain through it."""
    for n in range(1, further.segment.count + 1):
        if n != _VALUE and further.valued(n):
            further.agrees(n, first, n)


def continues(before: SegmentReader, obx: SegmentReader) -> bool:
    """Whether a text OBX goes on with the text of the one before it.

    Same OBX-3 and OBX-4, no status, flag, unit, range or time of its own, and one line each.
    """
    if values.kind(obx) not in values.TEXTS or values.kind(before) not in values.TEXTS:
        return False
    if any(before.raw(n) != obx.raw(n) for n in (3, 4, 11, 21)):
        return False
    if not obx.raw(3) and not {values.kind(before), values.kind(obx)} <= values.LINES:
        return False
    if any(obx.raw(n) not in {"", before.raw(n)} for n in (6, 7, 8, 14)):
        return False
    return all(values.kind(each) != "ST" or len(each.all(5)) <= 1 for each in (before, obx))
