"""What leaves when results are stored: deliveries in the same commit, and only of what is new.

| a message of the results | leaves |
|---|---|
| with something that was created or updated | yes |
| of which everything is older than what stands | no: a recipient takes the last one for the truth |
| that says again what stands already | no; but where an operator replays it, for who has not had it |

To an HL7 v2 destination leaves the whole message, written before the commit. To a FHIR server leave the
versions that the commit made, by name: it gets no version of a result that is older than what stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from integration.flows.addressing import Addressing, Form
from integration.flows.shelf import Shelf
from integration.flows.writeback import manifest
from integration.store.database import Transaction
from integration.store.delivery_records import Parcel
from integration.store.outbox import Outbox, Prepared
from integration.store.records import StoredMessage
from integration.store.result_records import Outcome, WriteOutcome
from mappers.domain.attribution import MessageSource
from mappers.domain.issues import Severity
from mappers.domain.results import LabReport
from mappers.domain.standing import utc
from mappers.domain.times import Moment
from mappers.fhir import departure, r4, results_reader

_NEWS = frozenset({Outcome.CREATED, Outcome.UPDATED})
_UNSIGNED = frozenset({"registered", "preliminary"})


@dataclass(frozen=True, slots=True)
class Bound:
    """Results on their way to a FHIR server, before it is known which of them are new."""

    destination: str
    draft: bool


#: What `prepare` gives and `add` takes.
Leaving = Prepared | Bound


@dataclass(frozen=True, slots=True)
class Sending:
    """The way from results to the outbox.

    Attributes:
        shelf: where what resources refer to is found, to write them as HL7 v2 (`wiring.build_sending`); None
            where no resources are sent.
    """

    outbox: Outbox
    addressing: Addressing
    shelf: Shelf | None

    def prepare(
        self, message: StoredMessage, reports: Sequence[LabReport], *, draft: bool = False
    ) -> tuple[Leaving, ...]:
        """Write and seal what the results of a message lead to, before the transaction that stores them.

        Args:
            message: which.
            reports: its results.
            draft: ours, and not signed yet.

        Raises:
            StoreUnavailable: the blob folder does not take it.
        """
        parcels = self.addressing.parcels(
            reports, channel=message.channel, now=Moment(message.received_at), draft=draft
        )
        sealed = tuple(self.outbox.prepare(message, parcel) for parcel in parcels)
        names = self.addressing.servers(message.channel, message.trigger, draft=draft)
        return (*sealed, *(Bound(name, draft) for name in names))

    def prepare_resources(
        self, message: StoredMessage, resources: Sequence[Mapping[str, Any]], *, draft: bool = False
    ) -> tuple[Leaving, ...]:
        """The same for resources: a report that was signed, a draft, or one that is taken back.

        HL7 v2 destinations get the reports among them, rendered anew, and who signed. What R4 forbids, or
        nobody can be named for, is not queued: its delivery is parked, with the place of the fault.

        Args:
            message: which they come from; its channel and kind decide where they go.
            resources: as they are to be stored in the transaction of `add`.
            draft: ours, and not signed yet.

        Raises:
            StoreUnavailable: the blob folder does not take it.
        """
        names = self.addressing.servers(message.channel, message.trigger, draft=draft)
        fault = _fault(resources) if names else None
        if fault is None:
            leaving: tuple[Leaving, ...] = tuple(Bound(name, draft) for name in names)
        else:
            about = tuple(map(departure.reference_of, resources))
            faulty = [
                Parcel(destination=name, form=manifest.FORM, about=about, problem=fault) for name in names
            ]
            leaving = tuple(self.outbox.prepare(message, parcel) for parcel in faulty)
        rendered = self._rendered(message, resources, draft=draft)
        return (*leaving, *(self.outbox.prepare(message, parcel) for parcel in rendered))

    def _rendered(
        self, message: StoredMessage, resources: Sequence[Mapping[str, Any]], *, draft: bool
    ) -> tuple[Parcel, ...]:
        """The reports among resources as HL7 v2, for the destinations that read it."""
        to = self.addressing.of(message.channel, message.trigger)
        if all(each.form is Form.FHIR or (draft and not each.drafts) for each in to):
            return ()
        shelf = self.shelf.behind(resources) if self.shelf else {}
        if not draft:
            # What nobody signed does not leave with what somebody did.
            shelf = {key: each for key, each in shelf.items() if each.get("status") not in _UNSIGNED}
        report = results_reader.read(resources, shelf=shelf, source=_source(message, resources))
        if report is None:
            return ()
        moments = [each.issued for each in report.reports if each.issued and each.issued.is_instant]
        now = max(moments, key=utc, default=Moment(message.received_at))
        parcels = self.addressing.parcels([report], channel=message.channel, now=now, draft=draft)
        if report.patient is None:
            return tuple(replace(each, pieces=(), problem="DiagnosticReport.subject") for each in parcels)
        return parcels

    def add(
        self,
        connection: Transaction,
        message: StoredMessage,
        prepared: Sequence[Leaving],
        *,
        outcomes: Sequence[WriteOutcome],
        now: datetime,
    ) -> None:
        """Add what is to leave, in the caller's transaction.

        Args:
            connection: of the transaction that wrote the results.
            message: which.
            prepared: of `prepare` or `prepare_resources`.
            outcomes: what became of each result.
            now: aware.
        """
        leaving = _NEWS | ({Outcome.UNCHANGED} if message.replays else set())
        news = [each for each in outcomes if each.outcome in leaving]
        told = {each.reference for each in news}
        going: list[Prepared] = []
        for each in prepared:
            if isinstance(each, Prepared):
                going += [each] if told.intersection(each.parcel.about) else []
            else:
                going += self._bound(message, each, news)
        self.outbox.add(connection, going, now)

    def _bound(
        self, message: StoredMessage, bound: Bound, news: Sequence[WriteOutcome]
    ) -> tuple[Prepared, ...]:
        going = manifest.of(news, draft=bound.draft)
        if going is None:
            return ()
        about = tuple(reference for reference, _ in going.versions)
        parcel = Parcel(
            destination=bound.destination, form=manifest.FORM, pieces=(going.encode(),), about=about
        )
        return (self.outbox.prepare(message, parcel, in_row=True),)


def _source(message: StoredMessage, resources: Sequence[Mapping[str, Any]]) -> MessageSource:
    return MessageSource(
        control_id=message.control_id,
        trigger=message.trigger,
        version="",
        sent_at=None,
        sha256="",
        size=0,
        processing_id="T" if results_reader.is_test(resources) else "P",
    )


def _fault(resources: Sequence[Mapping[str, Any]]) -> str | None:
    """Where the first of what R4 forbids stands; None when all is valid."""
    issues = (issue for each in resources for issue in r4.validate(dict(each)))
    found = (each for each in issues if each.severity in {Severity.ERROR, Severity.FATAL})
    return next((each.location or "resource" for each in found), None)
