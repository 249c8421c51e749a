"""OBR, the report's side: what was done, when, and how far it is.

Standard: v2-to-FHIR 1.0.0 OBR[DiagnosticReport]; table 0123.
"""

from __future__ import annotations

from dataclasses import dataclass

from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identity
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Note, Order
from mappers.domain.people import Organization, Practitioner
from mappers.domain.results import Measurement, Report, Specimen, standing
from mappers.domain.times import Moment, Period
from mappers.hl7v2 import tables
from mappers.hl7v2.datatypes import codes, people, times
from mappers.hl7v2.elements import SegmentReader
from mappers.hl7v2.identities import OrderNumbers


@dataclass(frozen=True, slots=True)
class Heading:
    """What an OBR says about itself and about the results below it; the default is that of no OBR.

    Attributes:
        status: FHIR diagnostic-report-status.
        effective: OBR-7, or OBR-7 to OBR-8.
        issued: OBR-22, when the report took this state.
        at: the moment of this version, OBR-22 or MSH-7.
        sent: MSH-7.
    """

    status: str = "unknown"
    effective: Moment | Period | None = None
    issued: Moment | None = None
    at: Moment | None = None
    sent: Moment | None = None


def heading(obr: SegmentReader, *, sent_at: Moment | None) -> Heading:
    """The heading of an OBR in a message sent at MSH-7."""
    start, end = times.dtm(obr.first(7)), times.dtm(obr.first(8))
    issued = times.dtm(obr.first(22))
    return Heading(_status(obr), Period(start, end) if end else start, issued, issued or sent_at, sent_at)


def _status(obr: SegmentReader) -> str:
    """OBR-25; `unknown`, said, when it is missing or means nothing here: never a guess."""
    element = obr.first(25)
    code = element.peek(1)
    if code is None:
        element.error(IssueCode.REQUIRED, "no result status; the report's status is unknown")
        return "unknown"
    mapped = tables.report_status(code.upper())
    if mapped is None:
        element.error(
            IssueCode.CODE_INVALID, "no result status of table 0123; the report's status is unknown"
        )
        return "unknown"
    element.take(1)
    return mapped.status


def code(obr: SegmentReader) -> Concept:
    """OBR-4; the code for "unknown", said, when it is missing."""
    concept = codes.cwe(obr.first(4))
    if concept is None:
        obr.first(4).error(IssueCode.REQUIRED, "no universal service identifier; what was done is unknown")
        return codes.UNKNOWN
    return concept


@dataclass(frozen=True, slots=True)
class Contents:
    """What a report holds beyond its heading.

    Attributes:
        code: see `code`.
        numbers: order numbers, which are identifiers of the report too.
        order: what it answers.
        measurements: its results.
        specimens: what they were made from.
        performers: who did it.
        notes: comments on the report.
        narrative: see `Report`; `conclusion` and `complete` too.
        origins: labels of the segments of the group's head.
    """

    code: Concept
    numbers: OrderNumbers
    order: Order | None
    measurements: tuple[Measurement, ...]
    specimens: tuple[Specimen, ...]
    notes: tuple[Note, ...]
    origins: tuple[str, ...]
    performers: tuple[Practitioner | Organization, ...] = ()
    narrative: str | None = None
    conclusion: str | None = None
    complete: bool = False


def read(obr: SegmentReader, *, identity: Identity, head: Heading, contents: Contents) -> Report:
    """The report of one order group."""
    numbers = contents.numbers
    section = obr.first(24).text(1)
    return Report(
        identity=identity,
        code=contents.code,
        status=head.status,
        standing=standing(head.status, head.at, head.sent),
        identifiers=tuple(number for number in (numbers.placer, numbers.filler) if number),
        category=(codes.of_table(section, "0074"),) if section else (),
        order=contents.order,
        effective=head.effective,
        issued=head.issued,
        performers=contents.performers,
        interpreters=_interpreters(obr),
        measurements=contents.measurements,
        specimens=contents.specimens,
        notes=contents.notes,
        narrative=contents.narrative,
        conclusion=contents.conclusion,
        complete=contents.complete,
        origins=contents.origins,
    )


def _interpreters(obr: SegmentReader) -> tuple[Practitioner, ...]:
    return tuple(found for each in obr.all(32) if (found := people.ndl(each)))
