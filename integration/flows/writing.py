"""Resources into the store with their audit records, in the transaction of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from integration.store import audit
from integration.store.database import Transaction
from integration.store.ids import utc_text
from integration.store.result_records import Outcome, WriteOutcome
from integration.store.results import Results
from mappers.domain.attribution import AuditEvent, AuditOutcome
from mappers.domain.times import Moment
from mappers.fhir.result_bundle import Entry

_WRITTEN = frozenset({Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED})
_TOLD = frozenset({Outcome.CREATED, Outcome.UPDATED, Outcome.STALE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scribe:
    """Writes what comes of one message.

    Attributes:
        connection: the transaction of whoever asks.
        now: aware.
        actor: who writes, for the audit trail.
        heard: what became of everything is added here, for who sends it on.
    """

    connection: Transaction
    results: Results
    message_id: str | None
    now: datetime
    actor: str
    heard: list[WriteOutcome] | None = None

    def write(self, entries: Sequence[Entry]) -> tuple[WriteOutcome, ...]:
        """Write what may be written, and the Provenance of just that.

        A version that was not written, because a higher one stands, does not come from this message, so that
        no Provenance says so.
        """
        provenance = [entry for entry in entries if entry.resource["resourceType"] == "Provenance"]
        facts = [entry for entry in entries if entry.resource["resourceType"] != "Provenance"]
        outcomes = self._put(facts)
        stale = {each.reference for each in outcomes if each.outcome not in _WRITTEN}
        # What was named by a number is known by its id now.
        known = {
            f"{entry.resource['resourceType']}/{entry.resource['id']}": each.reference
            for entry, each in zip(facts, outcomes, strict=True)
            if entry.numbers
        }
        outcomes += self._put([target for entry in provenance if (target := _of(entry, known, stale))])
        for each in outcomes:
            if each.outcome in _TOLD:
                self.tell(f"result.{each.outcome.value}", f"{each.reference}/_history/{each.version}")
        if self.heard is not None:
            self.heard.extend(outcomes)
        return outcomes

    def tell(self, kind: str, resource: str, *, failed: bool = False) -> None:
        """An audit record about a resource."""
        event = AuditEvent(
            kind=kind,
            at=Moment(utc_text(self.now)),
            actor=self.actor,
            outcome=AuditOutcome.MINOR_FAILURE if failed else AuditOutcome.SUCCESS,
            message_id=self.message_id,
            resource=resource,
        )
        audit.append(self.connection, event)

    def _put(self, entries: Sequence[Entry]) -> tuple[WriteOutcome, ...]:
        return self.results.write(self.connection, entries, message_id=self.message_id, now=self.now)


def _of(entry: Entry, known: Mapping[str, str], stale: set[str]) -> Entry | None:
    """The Provenance without targets that were not written; None when none is left."""
    targets: dict[str, Any] = {}
    for each in entry.resource["target"]:
        reference = known.get(each["reference"], each["reference"])
        if reference not in stale:
            # A target may bear the place that it was read from: it stays what it is under another name.
            targets.setdefault(reference, {**each, "reference": reference})
    return replace(entry, resource={**entry.resource, "target": list(targets.values())}) if targets else None
