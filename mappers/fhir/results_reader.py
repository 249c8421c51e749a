"""Reports that Wardwire keeps, as facts again: for recipients who are written to in another dialect.

The counterpart of `judged_*` and `extracted_*`, and of the versions of them that a person signed. Numbers
keep their digits. Who signed stands as interpreter of the report and as performer of its results.

| in FHIR | becomes |
|---|---|
| DiagnosticReport | a report with its status, who signed it, its order |
| its plain text (presentedForm) | its first result, as text; without one the conclusion |
| an Observation of `result` | a result; components with a code of their own are notes of it, word by word |
| a PDF of presentedForm | a document of the report |
| any other resource | nothing, but where one of these refers to it |
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mappers.domain.attribution import MessageSource
from mappers.domain.coding import Coding, Concept
from mappers.domain.documents import ClinicalDocument, Document
from mappers.domain.identifiers import Identity
from mappers.domain.orders import Note
from mappers.domain.people import Organization, Patient, PersonName, Practitioner, Visit
from mappers.domain.results import LabReport, Measurement, ReferenceRange, Report
from mappers.domain.standing import standing
from mappers.fhir import datatypes_reader as types
from mappers.fhir import departure, patient_reader, service_request_reader, spoken, values_reader

Node = dict[str, Any]

#: Origin of the result that is the whole report as text.
AS_TEXT: Final = "DiagnosticReport.presentedForm"
_PDF: Final = "application/pdf"
_TEST: Final = "HTEST"
_SIGNING: Final = frozenset({"verifier", "legal", "attester"})
_CURRENT: Final = "current"


@dataclass(frozen=True, slots=True)
class Stored(Identity):
    """The identity of what is in the store: `parts` is its id there."""

    @property
    def id(self) -> str:
        """The id, as it is."""
        return self.parts[0]


def read(
    resources: Sequence[Mapping[str, Any]], *, shelf: Mapping[str, Node], source: MessageSource
) -> LabReport | None:
    """The reports among resources; None when there are none.

    Args:
        resources: what was signed, with the Provenance that says by whom.
        shelf: by `Type/id`, what they refer to.
        source: the message that they come from.
    """
    reader = _Reader({**shelf, **{departure.reference_of(each): dict(each) for each in resources}})
    found = [each for each in resources if each["resourceType"] == "DiagnosticReport"]
    if not found:
        return None
    first = found[0]
    reports = tuple(map(reader.report, found))
    return LabReport(
        source=source,
        patient=reader.patient(first.get("subject")),
        visit=reader.visit(first.get("encounter")),
        reports=reports,
        documents=tuple(
            document
            for each, report in zip(found, reports, strict=True)
            for document in _documents(each, report)
        ),
    )


def is_test(resources: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of these is labelled as a test (HTEST)."""
    labels = (each for one in resources for each in types.nodes(types.node(one.get("meta")).get("security")))
    return any(each.get("code") == _TEST for each in labels)


class _Reader:
    """Reads what is on a shelf."""

    def __init__(self, shelf: Mapping[str, Node]) -> None:
        self._shelf = shelf

    def _find(self, reference: Any) -> Node | None:
        literal = types.node(reference).get("reference")
        key = departure.key_of(literal) if isinstance(literal, str) else None
        return self._shelf.get(key) if key else None

    def patient(self, reference: Any) -> Patient | None:
        """Who it is about."""
        found = self._find(reference)
        return patient_reader.read(found, identity=_identity(found)) if found else None

    def visit(self, reference: Any) -> Visit | None:
        """Of which visit."""
        found = self._find(reference)
        if found is None:
            return None
        return Visit(
            identity=_identity(found),
            encounter_class=types.coding(found.get("class")),
            status=types.text(found.get("status")) or "unknown",
            identifiers=types.identifiers(found.get("identifier")),
            period=values_reader.period(found.get("period")),
            origin="Encounter",
        )

    def report(self, resource: Mapping[str, Any]) -> Report:
        """One DiagnosticReport."""
        signers = self._signers(resource)
        status = types.text(resource.get("status")) or "unknown"
        issued = types.moment(resource.get("issued"))
        code = _code(resource)
        orders = [found for each in types.nodes(resource.get("basedOn")) if (found := self._find(each))]
        order = next((each for each in orders if each["resourceType"] == "ServiceRequest"), None)
        observed = [found for each in types.nodes(resource.get("result")) if (found := self._find(each))]
        observations = [each for each in observed if each["resourceType"] == "Observation"]
        # Several may have one code: their place tells them apart (OBX-4).
        measured = [_measurement(each, signers, str(n)) for n, each in enumerate(observations, start=1)]
        words = _words(resource)
        identity = _identity(resource)
        whole = Measurement(
            identity=Stored("Observation", (f"{identity.id}.text",)),
            code=code,
            status=_RESULT_STATUS.get(status, status),
            standing=standing(status, issued),
            value=words,
            performers=signers,
            effective=values_reader.effective(resource),
            sub_id="T1",
            origins=(AS_TEXT,),
        )
        return Report(
            identity=identity,
            code=code,
            status=status,
            standing=standing(status, issued),
            identifiers=types.identifiers(resource.get("identifier")),
            category=types.concepts(resource.get("category")),
            order=service_request_reader.read(order, identity=_identity(order)) if order else None,
            effective=values_reader.effective(resource),
            issued=issued,
            interpreters=signers,
            measurements=(*([whole] if words else []), *measured),
        )

    def _signers(self, resource: Mapping[str, Any]) -> tuple[Practitioner, ...]:
        """Who signed: the report says it, else the Provenance of its signature."""
        named = [_person(each) for each in types.nodes(resource.get("resultsInterpreter"))]
        if not named:
            named = [_person(each) for each in self._verifiers(departure.reference_of(resource))]
        return tuple(each for each in named if each is not None)

    def _verifiers(self, reference: str) -> Iterator[Node]:
        for each in self._shelf.values():
            if each["resourceType"] != "Provenance":
                continue
            targets = (departure.key_of(str(one.get("reference"))) for one in types.nodes(each.get("target")))
            if reference in targets:
                for agent in types.nodes(each.get("agent")):
                    codes = {
                        one.get("code") for one in types.nodes(types.node(agent.get("type")).get("coding"))
                    }
                    if codes & _SIGNING:
                        yield types.node(agent.get("who"))


#: Status of a report in the words of results.
_RESULT_STATUS: Final = {"partial": "preliminary", "appended": "amended"}


def _identity(resource: Mapping[str, Any]) -> Stored:
    return Stored(resource["resourceType"], (resource["id"],))


def _code(resource: Mapping[str, Any]) -> Concept:
    return types.concept(resource.get("code")) or Concept(text="?")


def _person(reference: Node) -> Practitioner | None:
    """A person by name and number; a Device is none."""
    literal = types.text(reference.get("reference")) or ""
    if reference.get("type") == "Device" or literal.startswith("Device/"):
        return None
    number = types.identifier(reference.get("identifier"))
    words = types.text(reference.get("display"))
    if number is None and words is None:
        return None
    names = (PersonName(text=words),) if words else ()
    return Practitioner(names=names, identifiers=(number,) if number else ())


def _words(resource: Mapping[str, Any]) -> str | None:
    """The report as plain text; where it was not rendered, its conclusion."""
    for form in types.nodes(resource.get("presentedForm")):
        if str(form.get("contentType", "")).partition(";")[0].strip() == "text/plain":
            content = _bytes(form)
            if content:
                return content.decode("utf-8", errors="replace")
    return types.text(resource.get("conclusion"))


def _documents(resource: Mapping[str, Any], report: Report) -> Iterator[ClinicalDocument]:
    """The PDFs of a report."""
    for number, form in enumerate(types.nodes(resource.get("presentedForm"))):
        content = _bytes(form)
        if form.get("contentType") != _PDF or not content:
            continue
        digest = hashlib.sha256(content).hexdigest()
        document = Document(content, _PDF, digest, types.text(form.get("title")), AS_TEXT)
        yield ClinicalDocument(
            identity=Stored("DocumentReference", (f"{report.identity.id}.{number}",)),
            status=_CURRENT,
            standing=report.standing,
            attachments=(document,),
            related=(report.identity,),
        )


def _bytes(form: Node) -> bytes | None:
    try:
        return base64.b64decode(form.get("data", ""), validate=False) or None
    except (binascii.Error, TypeError):
        return None


def _measurement(resource: Node, signers: tuple[Practitioner, ...], sub_id: str) -> Measurement:
    """One Observation."""
    status = types.text(resource.get("status")) or "unknown"
    issued = types.moment(resource.get("issued"))
    value = values_reader.value(resource)
    notes = [types.text(each.get("text")) for each in types.nodes(resource.get("note"))]
    parts = [_part(each) for each in types.nodes(resource.get("component"))]
    reason = next((each.code for each in _codings(resource.get("dataAbsentReason")) if each.code), None)
    performers = [_performer(each) for each in types.nodes(resource.get("performer"))]
    return Measurement(
        identity=_identity(resource),
        code=_code(resource),
        status=status,
        standing=standing(status, issued),
        value=value,
        absent_reason=None if value is not None else reason or "unknown",
        interpretations=types.concepts(resource.get("interpretation")),
        reference_ranges=tuple(
            ReferenceRange(words)
            for each in types.nodes(resource.get("referenceRange"))
            if (words := _range_words(each))
        ),
        effective=values_reader.effective(resource),
        issued=issued,
        method=types.concept(resource.get("method")),
        body_site=types.concept(resource.get("bodySite")),
        performers=tuple(each for each in performers if each) or signers,
        notes=tuple(
            Note(words, "Observation") for words in (*notes, "\n".join(filter(None, parts))) if words
        ),
        sub_id=sub_id,
        origins=("Observation",),
    )


def _performer(reference: Node) -> Practitioner | Organization | None:
    if reference.get("type") == "Organization":
        number = types.identifier(reference.get("identifier"))
        return Organization(types.text(reference.get("display")), (number,) if number else ())
    return _person(reference)


def _part(component: Node) -> str:
    """A component in words."""
    return f"{spoken.concept(types.node(component.get('code')))}: {spoken.value(component)}"


def _codings(value: Any) -> tuple[Coding, ...]:
    found = types.concept(value)
    return found.codings if found else ()


def _range_words(node: Node) -> str | None:
    words = types.text(node.get("text"))
    bounds = [spoken.quantity(types.node(node[name])) for name in ("low", "high") if name in node]
    return words or (" - ".join(bounds) if bounds else None)
