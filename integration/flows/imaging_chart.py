"""What our store says around a picture: its patient, its orders, and what they tell whoever reads it.

| an order is the picture's | by |
|---|---|
| it is named by the study | `basedOn` |
| it has the study's accession number, and the same patient | ServiceRequest.identifier |
| it names the Study Instance UID, and the same patient | ServiceRequest.identifier |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from inference.tasks import context
from inference.tasks.context import PatientContext
from integration.errors import NotFound
from integration.store.database import Transaction
from integration.store.results import Results
from integration.store.search_query import Criterion, Search, TokenMatch
from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identifier, Known
from mappers.domain.imaging import DICOM_UID, Study
from mappers.domain.imaging_checks import OnFile
from mappers.domain.orders import Order
from mappers.domain.people import Patient
from mappers.fhir import datatypes_reader as types
from mappers.fhir import local_copy, patient_reader, r4, service_request_reader
from mappers.fhir.whose import Whose

Node = dict[str, Any]

_ENDED = frozenset({"revoked", "entered-in-error"})
_MOST_ORDERS = 10
_DAY = len("2026-11-22")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is on file around one picture.

    Attributes:
        patient: who it is of; None where our store has nobody under that reference.
        orders: with their references.
    """

    patient: Patient | None = None
    encounter: str | None = None
    orders: tuple[tuple[str, Order], ...] = field(default=())

    @property
    def whose(self) -> Whose:
        """The chart as references."""
        subject = self.patient.identity.reference if self.patient and self.patient.identity else None
        return Whose(
            patient=subject,
            encounter=self.encounter,
            orders=tuple(reference for reference, _ in self.orders),
        )

    @property
    def procedures(self) -> Iterator[Concept]:
        """What was ordered."""
        yield from (order.code for _, order in self.orders if order.code)

    def on_file(self, *, study: str, accession: Identifier | None, issuers: Mapping[str, str]) -> OnFile:
        """What an image is compared with."""
        ordered = next((order.accession for _, order in self.orders if order.accession), None)
        number = accession or ordered
        return OnFile(
            study=study,
            patient=self.patient.identifiers if self.patient else (),
            birth_date=(self.patient.birth_date or "") if self.patient else "",
            gender=(self.patient.gender or "") if self.patient else "",
            accession=number.value if number else "",
            issuers=issuers,
        )

    def context(self, *, reasons: Iterable[Concept] = (), on: str = "") -> PatientContext:
        """What order and chart say, for a prompt: never who the patient is.

        Args:
            reasons: that came with the picture itself.
            on: day of the picture, for the age.
        """
        told = PatientContext()
        for reference, order in self.orders[:1]:
            told = context.of_order(order, reference=reference)
        own = "; ".join(dict.fromkeys(filter(None, map(_words, reasons))))
        reason = "; ".join(dict.fromkeys(filter(None, (told.reason, own))))
        gender = self.patient.gender if self.patient else None
        born = self.patient.birth_date if self.patient else None
        return replace(
            told,
            reason=reason,
            sex=gender if gender in {"female", "male"} else "",
            age=_age(born or "", on),
        )


def of_resource(resource: Node, *, results: Results, connection: Transaction, study: Study | None) -> Chart:
    """The chart around our copy of an ImagingStudy or Media.

    Args:
        resource: the copy; its references lead into our store.
        results: that store.
        connection: a transaction of it.
        study: what the copy says, where it is a study.
    """
    shelf = _Shelf(results, connection)
    subject = _named(resource.get("subject"), "Patient")
    found = shelf.get(subject) if subject else None
    patient = (
        patient_reader.read(found, identity=Known("Patient", (subject[1],))) if found and subject else None
    )
    visit = _named(resource.get("encounter"), "Encounter")
    named = [_named(each, "ServiceRequest") for each in types.nodes(resource.get("basedOn"))]
    keys = [each for each in named if each]
    if study and subject:
        keys += shelf.orders_of(study, subject=f"Patient/{subject[1]}")
    orders = [(f"ServiceRequest/{key[1]}", shelf.order(key)) for key in dict.fromkeys(keys)]
    return Chart(
        patient=patient,
        encounter=f"Encounter/{visit[1]}" if visit else None,
        orders=tuple(
            (reference, order) for reference, order in orders if order and order.status not in _ENDED
        ),
    )


@dataclass(frozen=True, slots=True)
class _Shelf:
    results: Results
    connection: Transaction

    def get(self, key: tuple[str, str]) -> Node | None:
        try:
            stored = self.results.read(self.connection, *key)
        except NotFound:
            return None
        return None if stored.deleted else r4.decode(stored.content)

    def patient(self, key: tuple[str, str]) -> Patient | None:
        found = self.get(key)
        return patient_reader.read(found, identity=Known("Patient", (key[1],))) if found else None

    def order(self, key: tuple[str, str]) -> Order | None:
        found = self.get(key)
        return service_request_reader.read(found, identity=Known(key[0], (key[1],))) if found else None

    def orders_of(self, study: Study, *, subject: str) -> list[tuple[str, str]]:
        numbers = [TokenMatch(DICOM_UID, f"urn:oid:{study.uid}"), TokenMatch(DICOM_UID, study.uid)]
        if study.accession:
            numbers.append(TokenMatch(None, study.accession.value))
        asked = Search(
            kind="ServiceRequest",
            criteria=(Criterion("identifier", tuple(numbers)),),
            count=_MOST_ORDERS,
            total=False,
        )
        page = self.results.search(self.connection, asked)
        resources = (r4.decode(each.content) for each in page.matches)
        return [
            ("ServiceRequest", str(each["id"]))
            for each in resources
            if types.node(each.get("subject")).get("reference") == subject and _is_numbered(each, study)
        ]


def _is_numbered(order: Node, study: Study) -> bool:
    """Whether the number that was found is the accession number or the study, and no other of that value."""
    numbers = types.identifiers(order.get("identifier"))
    if any(each.system == DICOM_UID and each.value.removeprefix("urn:oid:") == study.uid for each in numbers):
        return True
    wanted = study.accession
    return wanted is not None and any(
        each.value == wanted.value
        and types.has_type(each, service_request_reader.ACCESSION)
        and (not each.scope or not wanted.scope or each.scope == wanted.scope)
        for each in numbers
    )


def _named(reference: Any, kind: str) -> tuple[str, str] | None:
    named = local_copy.target(types.node(reference).get("reference"), "")
    return named if named and named[0] == kind else None


def _words(concept: Concept) -> str:
    return concept.text or next((each.display for each in concept.codings if each.display), None) or ""


def _age(born: str, on: str) -> str:
    """In words; "" where a day is not known."""
    if len(born) < _DAY or len(on) < _DAY:
        return ""
    try:
        first, then = date.fromisoformat(born[:_DAY]), date.fromisoformat(on[:_DAY])
    except ValueError:
        return ""
    years = then.year - first.year - ((then.month, then.day) < (first.month, first.day))
    return f"{years} years" if years >= 1 else ""
