"""What leaves when results are stored: deliveries in the same commit, and only of what is new.

| a message of the results | leaves |
|---|---|
| with something that was created or updated | yes |
| of which everything is older than what stands | no: a recipient takes the last one for the truth |
| that says again what stands already | no; but where an operator replays it, for who has not had it |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from integration.flows.addressing import Addressing
from integration.store.database import Transaction
from integration.store.outbox import Outbox, Prepared
from integration.store.records import StoredMessage
from integration.store.result_records import Outcome, WriteOutcome
from mappers.domain.results import LabReport
from mappers.domain.times import Moment

_NEWS = frozenset({Outcome.CREATED, Outcome.UPDATED})


@dataclass(frozen=True, slots=True)
class Sending:
    """The way from results to the outbox."""

    outbox: Outbox
    addressing: Addressing

    def prepare(
        self, message: StoredMessage, reports: Sequence[LabReport], *, draft: bool = False
    ) -> tuple[Prepared, ...]:
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
        return tuple(self.outbox.prepare(message, parcel) for parcel in parcels)

    def add(
        self,
        connection: Transaction,
        message: StoredMessage,
        prepared: Sequence[Prepared],
        *,
        outcomes: Sequence[WriteOutcome],
        now: datetime,
    ) -> None:
        """Add what is to leave, in the caller's transaction.

        Args:
            connection: of the transaction that wrote the results.
            message: which.
            prepared: of `prepare`.
            outcomes: what became of each result.
            now: aware.
        """
        leaving = _NEWS | ({Outcome.UNCHANGED} if message.replays else set())
        told = {each.reference for each in outcomes if each.outcome in leaving}
        self.outbox.add(connection, [each for each in prepared if told.intersection(each.parcel.about)], now)
