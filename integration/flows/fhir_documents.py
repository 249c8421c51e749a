"""The story of a DocumentReference: its local copy read as a document of HL7 v2 is, by the same readers.

Whose it is, and which order it belongs to, is what our store says of the copy: the Patient that its subject
leads to, who may be known by HL7 v2 too, and the orders that it names. A reader of other media types (audio,
say) is registered among the `readers` of `documents.DocumentStory`, and reads documents of both dialects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from integration.errors import NotFound
from integration.flows.documents import DocumentStory
from integration.flows.filing_drafts import Filed
from integration.flows.local_copies import LocalCopies
from integration.store.database import Database, Transaction
from integration.store.records import StoredMessage
from mappers.domain.attribution import MessageSource
from mappers.domain.documents import ClinicalDocument
from mappers.domain.identifiers import Known
from mappers.domain.orders import Order
from mappers.domain.people import Patient, Visit
from mappers.domain.results import LabReport
from mappers.fhir import datatypes_reader as types
from mappers.fhir import document_reference, local_copy, patient_reader, r4, service_request_reader

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FhirDocumentStory:
    """What the story needs (`flows.reading.Story`).

    Attributes:
        channels: whose documents are read.
    """

    documents: DocumentStory
    copies: LocalCopies
    database: Database
    channels: frozenset[str]

    def read(self, message: StoredMessage, *, last: bool) -> Sequence[Filed]:
        """Read the document of one message; nothing where its copy is gone or its channel reads none."""
        if message.channel not in self.channels:
            return ()
        with self.database.read() as connection:
            try:
                stored = self.copies.of_message(connection, message)
            except NotFound:
                return ()
            chart = Chart(self.copies, connection)
            resource = r4.decode(stored.content)
            document = document_reference.read(resource)
            report = chart.around(resource, document, message)
        return (self.documents.filed(document, report, message, last=last),)


@dataclass(frozen=True, slots=True)
class Chart:
    """What our store says around a copy, as facts of the domain."""

    copies: LocalCopies
    connection: Transaction

    def around(self, resource: Node, document: ClinicalDocument, message: StoredMessage) -> LabReport:
        """The patient, the visit and the orders of a document, in the form that a message of HL7 v2 has."""
        visits = local_copy.references_at(resource, "context.encounter")
        visit = next((named for each in visits if (named := self._named(each, "Encounter"))), None)
        return LabReport(
            source=source_of(resource, message),
            patient=self.patient(resource),
            visit=Visit(Known("Encounter", (visit,))) if visit else None,
            orders=tuple(self._orders(document)),
            documents=(document,),
        )

    def patient(self, resource: Node) -> Patient | None:
        """The Patient that the resource's subject leads to."""
        name = self._named(types.node(resource.get("subject")), "Patient")
        found = self.resource("Patient", name) if name else None
        return patient_reader.read(found, identity=Known("Patient", (name,))) if found and name else None

    def _orders(self, document: ClinicalDocument) -> Iterator[Order]:
        for identity in document.related:
            found = self.resource(identity.kind, identity.id)
            if identity.kind == "ServiceRequest" and found:
                yield service_request_reader.read(found, identity=identity)

    def resource(self, kind: str, name: str) -> Node | None:
        """The current version of one of our resources; None where there is none."""
        try:
            stored = self.copies.results.read(self.connection, kind, name)
        except NotFound:
            return None
        return None if stored.deleted else r4.decode(stored.content)

    def _named(self, reference: Node, kind: str) -> str | None:
        named = local_copy.target(reference.get("reference"), "")
        return named[1] if named and named[0] == kind else None


def source_of(resource: Node, message: StoredMessage) -> MessageSource:
    """What carried the resource, as Provenance names it."""
    assert message.raw is not None
    security = (found for each in _labels(resource) if (found := types.coding(each)))
    return MessageSource(
        control_id=message.control_id,
        trigger="FHIR",
        version="4.0.1",
        sent_at=None,
        sha256=hashlib.sha256(message.raw).hexdigest(),
        size=len(message.raw),
        security=tuple(security),
        origin=str(resource["resourceType"]),
    )


def _labels(resource: Node) -> Iterator[Node]:
    return types.nodes(types.node(resource.get("meta")).get("security"))
