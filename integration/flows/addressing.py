"""Which results go where, and in what form. Decides before anything is sent; knows no connection.

| the results | leave |
|---|---|
| of the sender's own, whatever their status | as they came: preliminary as preliminary, final as final |
| a draft of ours that nobody signed | not, unless the destination takes drafts |
| a message without a result (an order) | not: there is no form for it |
| that cannot be written for a destination | not: the delivery is parked with the place of the fault |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Final

from integration.store.delivery_records import Parcel
from mappers.domain.documents import Document
from mappers.domain.issues import Refused
from mappers.domain.results import LabReport, Report
from mappers.domain.times import Moment
from mappers.fhir import results_reader
from mappers.hl7v2.outbound import mdm_t02, oru_r01
from mappers.hl7v2.outbound.recipient import Outgoing, Recipient

_CURRENT: Final = "current"  # FHIR document-reference-status
#: Writes one message; raises Refused.
Writing = Callable[[], Outgoing]


class Form(StrEnum):
    """What results are written as."""

    ORU_R01 = "ORU_R01"
    MDM_T02 = "MDM_T02"
    FHIR = "FHIR"


@dataclass(frozen=True, slots=True)
class Route:
    """A rule of the settings; what is None does not restrict.

    Attributes:
        message_type: "ORU", or with its trigger "ORU^R01".
    """

    destinations: tuple[str, ...]
    channel: str | None = None
    message_type: str | None = None

    def covers(self, channel: str, trigger: str) -> bool:
        """Whether it is about messages of this channel with this MSH-9."""
        wanted = self.message_type
        typed = wanted is None or trigger == wanted or trigger.startswith(f"{wanted}^")
        return typed and self.channel in {None, channel}


@dataclass(frozen=True, slots=True)
class Destination:
    """What one destination gets.

    Attributes:
        recipient: what was agreed about HL7 v2; a FHIR server has none.
        drafts: it takes drafts that nobody signed.
    """

    name: str
    form: Form
    recipient: Recipient = field(default_factory=Recipient)
    drafts: bool = False


@dataclass(frozen=True, slots=True)
class Addressing:
    """The destinations and the ways to them.

    Attributes:
        destinations: by name.
        routes: the first that covers a message decides.
        channels: destinations of channels that no route covers.
    """

    destinations: Mapping[str, Destination] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, channel: str, trigger: str) -> tuple[Destination, ...]:
        """Where the results of a message go."""
        route = next((each for each in self.routes if each.covers(channel, trigger)), None)
        names = self.channels.get(channel, ()) if route is None else route.destinations
        return tuple(self.destinations[name] for name in names)

    def parcels(
        self, reports: Sequence[LabReport], *, channel: str, now: Moment, draft: bool = False
    ) -> tuple[Parcel, ...]:
        """What the reports of one message lead to.

        Args:
            reports: one for each patient.
            channel: of the message.
            now: when the message came: MSH-7, so that the same message always becomes the same bytes.
            draft: ours, and not signed yet.
        """
        return tuple(
            parcel
            for report in reports
            if report.reports or report.loose
            for destination in self.of(channel, report.source.trigger)
            if destination.form is not Form.FHIR and (destination.drafts or not draft)
            for parcel in _parcels(report, destination, now)
        )

    def servers(self, channel: str, trigger: str, *, draft: bool = False) -> tuple[str, ...]:
        """The FHIR servers that the results of a message go to."""
        found = self.of(channel, trigger)
        return tuple(each.name for each in found if each.form is Form.FHIR and (each.drafts or not draft))


def _parcels(report: LabReport, destination: Destination, now: Moment) -> Iterator[Parcel]:
    to = destination.recipient
    if destination.form is Form.ORU_R01:
        about = [reference for each in report.reports for reference in _references(each)]
        about += [each.identity.reference for each in report.loose]
        held = {each.identity: _documents(report, each) for each in report.reports}
        write = partial(oru_r01.write, report, recipient=to, now=now, documents=held)
        yield _parcel(destination, about, write)
        return
    for each in report.reports:
        write = partial(
            mdm_t02.write,
            report,
            _as_document(each),
            recipient=to,
            now=now,
            documents=_documents(report, each),
        )
        yield _parcel(destination, _references(each), write)


def _as_document(report: Report) -> Report:
    """A report that says all of it as text already, without the results that say it once more."""
    spoken = tuple(each for each in report.measurements if results_reader.AS_TEXT in each.origins)
    return replace(report, measurements=spoken) if spoken else report


def _documents(whole: LabReport, report: Report) -> tuple[Document, ...]:
    """The documents that came with a report; withdrawn ones stay here, links are for who may follow them."""
    return tuple(
        attachment
        for each in whole.documents
        if report.identity in each.related and each.status == _CURRENT
        for attachment in each.attachments
        if isinstance(attachment, Document)
    )


def _references(report: Report) -> list[str]:
    measured = [measurement.identity.reference for measurement in report.measurements]
    return [report.identity.reference, *measured]


def _parcel(destination: Destination, about: Sequence[str], write: Writing) -> Parcel:
    named = partial(Parcel, destination=destination.name, form=destination.form.value, about=tuple(about))
    try:
        outgoing = write()
    except Refused as refusal:
        return named(problem=refusal.issue.location or "message")
    return named(pieces=(outgoing.before, outgoing.after))
