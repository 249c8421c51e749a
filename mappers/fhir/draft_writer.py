"""Writes the resources of a draft, keeps those that are valid, and ranks them as drafts.

What all drafts share, whatever they were read from or judged by.
"""

from __future__ import annotations

from typing import Any

from mappers.domain.attribution import ModelCard
from mappers.domain.identifiers import Identity
from mappers.domain.issues import Severity
from mappers.domain.results import Standing
from mappers.fhir import device, r4, review_task
from mappers.fhir.account import Account
from mappers.fhir.authorship import Reading
from mappers.fhir.chart import Chart, meta
from mappers.fhir.filing import Filing
from mappers.fhir.result_bundle import Entry, WrittenBundle
from mappers.fhir.review_task import Asked
from mappers.fhir.whose import Whose

Node = dict[str, Any]

#: Between a sender's preliminary and what a person signed (`results.Standing`): drafts rank as preliminary,
#: a retraction as the last word of that rank, so that only a later reading brings them back.
DRAFT, RETRACTED = 0, 3
_RANK = 2


class DraftWriter:
    """Writes the parts of one draft and keeps those that are valid."""

    def __init__(self, reading: Reading, whose: Whose, *, order: int = DRAFT) -> None:
        self._account = Account()
        self._reading = reading
        self._standing = Standing(_RANK, reading.received.text, order)
        self._entries: dict[str, Entry] = {}
        chart = Chart(
            account=self._account,
            subject={"reference": whose.patient} if whose.patient else None,
            encounter={"reference": whose.encounter} if whose.encounter else None,
            meta=meta(reading.source, self._account) if reading.source else {},
        )
        self.filing = Filing(chart, reading.document, whose.orders)
        self.engine = device.identity_of(reading.software).reference

    def add(self, resource: Node, *, once: bool = False) -> str | None:
        """Keep a resource and return its reference; None when it must not be written."""
        errors = [issue for issue in r4.validate(resource) if issue.severity is Severity.ERROR]
        if errors:
            self._account.issues += errors
            return None
        reference = f"{resource['resourceType']}/{resource['id']}"
        self._entries[reference] = Entry(resource, None if once else self._standing, once=once)
        return reference

    def software(self) -> None:
        """Wardwire's own Device."""
        self.add(device.write(self._reading.software), once=True)

    def model(self, card: ModelCard) -> str:
        """A model's Device; its reference."""
        self.add(device.write_model(card), once=True)
        return device.identity_of_model(card).reference

    def task(self, asked: Asked, identity: Identity) -> None:
        """The question to a person."""
        resource = review_task.write(
            asked,
            identity=identity,
            requester=self.engine,
            authored=self._reading.received,
            filing=self.filing,
        )
        self.add(resource)

    def references(self, kinds: set[str]) -> list[str]:
        """What was kept of these types."""
        return [key for key, entry in self._entries.items() if entry.resource["resourceType"] in kinds]

    def written(self) -> WrittenBundle:
        """All that was kept, in the order in which a server can take it."""
        return WrittenBundle(tuple(self._entries.values()), (), tuple(self._account.issues))
