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
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration.flows.addressing import Addressing
from integration.flows.writeback import manifest
from integration.store.database import Transaction
from integration.store.delivery_records import Parcel
from integration.store.outbox import Outbox, Prepared
from integration.store.records import StoredMessage
from integration.store.result_records import Outcome, WriteOutcome
from mappers.domain.issues import Severity
from mappers.domain.results import LabReport
from mappers.domain.times import Moment
from mappers.fhir import r4

_NEWS = frozenset({Outcome.CREATED, Outcome.UPDATED})


@dataclass(frozen=True, slots=True)
class Bound:
    """Results on their way to a FHIR server, before it is known which of them are new."""

    destination: str
    draft: bool


#: What `prepare` gives and `add` takes.
Leaving = Prepared | Bound


@dataclass(frozen=True, slots=True)
class Sending:
    """The way from results to the outbox."""

    outbox: Outbox
    addressing: Addressing

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

        What R4 forbids is not queued: its delivery is parked, with the place of the fault.

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
            return tuple(Bound(name, draft) for name in names)
        about = tuple(f"{each['resourceType']}/{each['id']}" for each in resources)
        parcels = (Parcel(destination=name, form=manifest.FORM, about=about, problem=fault) for name in names)
        return tuple(self.outbox.prepare(message, parcel) for parcel in parcels)

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


def _fault(resources: Sequence[Mapping[str, Any]]) -> str | None:
    """Where the first of what R4 forbids stands; None when all is valid."""
    issues = (issue for each in resources for issue in r4.validate(dict(each)))
    found = (each for each in issues if each.severity in {Severity.ERROR, Severity.FATAL})
    return next((each.location or "resource" for each in found), None)
