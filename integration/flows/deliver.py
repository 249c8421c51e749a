"""The worker's story of one delivery: bring the exact bytes to their destination, at least once.

| the destination | the delivery |
|---|---|
| took it (AA, CA; the file is on disk) | DELIVERED |
| refuses it as it is (AE, CE) | PARKED, reason "refused", with the codes of its answer |
| refuses it for now (AR, CR) | RETRYING; after so many times PARKED, reason "rejected" |
| is not there | RETRYING, reason "unreachable"; nothing else is tried there for a while |
| did not answer, or not to this | RETRYING, reason "unanswered": it may have it, and knows it by its name |
| did so for longer than the settings say | PARKED, reason "gave-up" |
| is no longer in the settings | PARKED, reason "destination-unknown" |
| cannot be given the bytes, for they do not open | PARKED, reason "payload-corrupt" |
| fails in a way that nobody foresaw | its run ends; the sweep parks it, reason "run-ended" |

While a delivery is retried, those behind it in its order wait for it; a parked one lets them pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from integration import errors, telemetry
from integration.flows import retry
from integration.flows.ports import Courier, Later
from integration.states import Attempt, DeliveryState
from integration.store.delivery_records import Outcome, StoredDelivery
from integration.store.outbox import Outbox

_LOG = telemetry.logger(__name__)
_WAITING = frozenset({DeliveryState.PENDING, DeliveryState.RETRYING})
#: How long a destination that is not there is left alone by everything else, at most.
_QUIET_S = 30.0
#: A destination that wants to be left alone for longer is asked after this all the same.
_LONGEST_WISH_S = 3600.0
#: Why an attempt failed, as an operator sees it.
_REASONS: dict[type[Exception], str] = {
    errors.DestinationUnreachable: "unreachable",
    errors.DestinationSilent: "unanswered",
    errors.DestinationBusy: "rejected",
    errors.DestinationRefused: "refused",
    errors.BlobCorrupt: "payload-corrupt",
    errors.NotFound: "payload-corrupt",
    errors.SettingsInvalid: "destination-unknown",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a destination is waited for.

    Attributes:
        rejections: times that it may refuse for now before a human decides.
        give_up: after so long without success a human decides.
    """

    rejections: int = 8
    give_up: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DeliveryFlow:
    """What the story needs.

    Attributes:
        couriers: by destination.
        patience: by destination.
        clock: aware now.
        metrics: what is counted and timed; None counts nothing.
    """

    outbox: Outbox
    couriers: Mapping[str, Courier]
    patience: Mapping[str, Patience]
    clock: Callable[[], datetime]
    metrics: telemetry.Metrics | None = None
    _quiet_until: dict[str, datetime] = field(default_factory=dict, repr=False)

    def quiet(self, destination: str) -> bool:
        """Whether a destination was found not to be there a moment ago."""
        until = self._quiet_until.get(destination)
        return until is not None and self.clock() < until

    def deliver(self, delivery_id: str) -> Later | None:
        """Make one attempt at a delivery; what it returns says when to make the next."""
        try:
            delivery = self.outbox.find(delivery_id)
        except errors.StoreUnavailable:
            return Later(retry.delay_seconds(1))
        if delivery.state not in _WAITING:
            return None  # ended by an earlier run, or taken off the queue by an operator
        pause = self._pause(delivery)
        if pause > 0:
            return Later(pause)
        began = self.clock()
        outcome: Outcome | None
        try:
            outcome = self._attempt(delivery)
        except errors.WardwireError as error:
            outcome = self._failure(delivery, error)
        if outcome is None:
            return Later(retry.delay_seconds(1))
        self._note(delivery, outcome, self.clock() - began)
        return self._settle(delivery, outcome)

    def _pause(self, delivery: StoredDelivery) -> float:
        """Seconds until its next attempt is due."""
        due = [self._quiet_until.get(delivery.destination)]
        if delivery.next_attempt_at is not None:
            due.append(datetime.fromisoformat(delivery.next_attempt_at))
        now = self.clock()
        return max(((moment - now).total_seconds() for moment in due if moment), default=0.0)

    def _attempt(self, delivery: StoredDelivery) -> Outcome:
        courier = self.couriers.get(delivery.destination)
        if courier is None:
            raise errors.SettingsInvalid("the destination of this delivery is no longer in the settings")
        content = self.outbox.load(delivery.id).content
        assert content is not None
        response = courier.carry(content, name=f"{delivery.seq:012d}-{delivery.control_id}")
        self._quiet_until.pop(delivery.destination, None)
        return Outcome(state=DeliveryState.DELIVERED, response=response)

    def _failure(self, delivery: StoredDelivery, error: errors.WardwireError) -> Outcome | None:
        """What a failed attempt comes to; None when it was our own store that failed."""
        if isinstance(error, errors.StoreUnavailable):
            return None
        told = error if isinstance(error, errors.NotDelivered) else errors.NotDelivered("")
        reason = told.reason or _REASONS.get(type(error), "unexpected")
        park = partial(Outcome, state=DeliveryState.PARKED, response=told.response, said=told.said)
        if retry.verdict(error) is Attempt.PARK:
            return park(reason=reason)
        patience = self.patience.get(delivery.destination, Patience())
        now = self.clock()
        rejected = isinstance(error, errors.DestinationBusy)
        if rejected and delivery.rejections + 1 >= patience.rejections:
            return park(reason=reason, rejected=True)
        if now - datetime.fromisoformat(delivery.queued_at) >= patience.give_up:
            return park(reason="gave-up")
        delay = max(retry.delay_seconds(delivery.attempts + 1), min(told.retry_after or 0, _LONGEST_WISH_S))
        if isinstance(error, errors.DestinationUnreachable):
            self._quiet_until[delivery.destination] = now + timedelta(seconds=min(delay, _QUIET_S))
        return Outcome(
            state=DeliveryState.RETRYING,
            reason=reason,
            response=told.response,
            said=told.said,
            rejected=rejected,
            next_attempt=now + timedelta(seconds=delay),
        )

    def _settle(self, delivery: StoredDelivery, outcome: Outcome) -> Later | None:
        try:
            self.outbox.settle(delivery, outcome).result()
        except errors.Conflict:
            return None  # an operator decided meanwhile
        except errors.StoreUnavailable:
            # If it was delivered, it is delivered again: the destination knows it by its name.
            return Later(retry.delay_seconds(1))
        if outcome.next_attempt is None:
            return None
        return Later(max(0.0, (outcome.next_attempt - self.clock()).total_seconds()))

    def _note(self, delivery: StoredDelivery, outcome: Outcome, took: timedelta) -> None:
        if outcome.state is not DeliveryState.DELIVERED:
            _LOG.warning(
                "delivery.attempt_failed",
                message_id=delivery.message_id,
                destination=delivery.destination,
                attempt=delivery.attempts + 1,
                code=outcome.reason,
                status=outcome.response,
            )
        if self.metrics is not None:
            labels = {"destination": delivery.destination}
            self.metrics.delivered.labels(**labels, outcome=outcome.reason or outcome.state.value).inc()
            self.metrics.deliver_seconds.labels(**labels).observe(took.total_seconds())
