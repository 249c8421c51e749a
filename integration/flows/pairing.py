"""An order that comes after its study: the study is read again, with what the order says.

| the order | then |
|---|---|
| has the accession number or the UID of a study of its patient, read without it | the study is wanted again |
| is named by the study's drafts already, or was revoked | nothing |
| belongs to no study that is here | nothing: the study will find it |

A model that was asked the same before is not asked again; a draft that a person signed stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from integration.errors import NotFound
from integration.states import MessageState
from integration.store import extractions, messages
from integration.store.database import Transaction
from integration.store.result_records import Outcome, StoredResource, WriteOutcome
from integration.store.results import Results
from integration.store.search_query import Criterion, Search, TokenMatch
from mappers.domain.imaging import DICOM_UID
from mappers.fhir import datatypes_reader as types
from mappers.fhir import r4, service_request_reader

Node = dict[str, Any]

_NEW = frozenset({Outcome.CREATED, Outcome.UPDATED})
_ENDED = frozenset({"revoked", "entered-in-error", "draft"})
_MOST_STUDIES = 10


def want_studies(connection: Transaction, results: Results, outcomes: Sequence[WriteOutcome]) -> None:
    """Ask for the studies of orders that were just written, in the caller's transaction."""
    for outcome in outcomes:
        if outcome.type == "ServiceRequest" and outcome.outcome in _NEW:
            _Pairing(connection, results).of(outcome.reference.partition("/")[2])


@dataclass(frozen=True, slots=True)
class _Pairing:
    connection: Transaction
    results: Results

    def of(self, order_id: str) -> None:
        order = self._current("ServiceRequest", order_id)
        if order is None or order.get("status") in _ENDED:
            return
        for study in self._studies(order):
            if not self._is_joined(study.id, f"ServiceRequest/{order_id}"):
                self._want(study)

    def _studies(self, order: Node) -> Iterator[StoredResource]:
        numbers = tuple(_numbers(order))
        subject = types.node(order.get("subject")).get("reference")
        if not numbers or not subject:
            return
        asked = Search(
            kind="ImagingStudy",
            criteria=(Criterion("identifier", numbers),),
            count=_MOST_STUDIES,
            total=False,
        )
        for found in self.results.search(self.connection, asked).matches:
            if types.node(r4.decode(found.content).get("subject")).get("reference") == subject:
                yield found

    def _is_joined(self, study_id: str, order: str) -> bool:
        """Whether the drafts of a study name the order; without drafts it was not read yet, or waits."""
        drafts = [
            found
            for key in extractions.drafts_of(self.connection, study_id)
            if key[0] in {"DiagnosticReport", "Task"} and (found := self._current(*key))
        ]
        named = {each.get("reference") for draft in drafts for each in types.nodes(draft.get("basedOn"))}
        return not drafts or order in named

    def _want(self, study: StoredResource) -> None:
        if study.message_id is None:
            return
        read = extractions.find(self.connection, study.message_id)
        if read is not None and read.state is not MessageState.RECEIVED:
            extractions.want(self.connection, messages.find(self.connection, study.message_id))

    def _current(self, kind: str, key: str) -> Node | None:
        try:
            stored = self.results.read(self.connection, kind, key)
        except NotFound:
            return None
        return None if stored.deleted else r4.decode(stored.content)


def _numbers(order: Node) -> Iterator[TokenMatch]:
    for each in types.identifiers(order.get("identifier")):
        if each.system == DICOM_UID:
            bare = each.value.removeprefix("urn:oid:")
            yield TokenMatch(DICOM_UID, f"urn:oid:{bare}")
            yield TokenMatch(DICOM_UID, bare)
        elif types.has_type(each, service_request_reader.ACCESSION):
            yield TokenMatch(None, each.value)
