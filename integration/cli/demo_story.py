"""The story of the demo: its messages in order, and what has to be true at its end."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from rich.markup import escape
from rich.table import Table

from integration.clients.mllp import Acknowledgement
from mappers.fhir import r4
from mappers.fhir.places import EXTRACTED_FROM

FIXTURES = Path(__file__).parents[2] / "fixtures" / "demo"
_POTASSIUM = "http://loinc.org|2823-3"
_TYPES = (
    "Patient",
    "Encounter",
    "ServiceRequest",
    "ImagingStudy",
    "Media",
    "Specimen",
    "DiagnosticReport",
    "Observation",
    "DocumentReference",
    "Task",
    "Device",
    "Provenance",
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One message of the story.

    Attributes:
        name: of the scene.
        title: told while it plays.
        file: in the folder of fixtures.
        provenances: how many Provenance resources are there once it is processed.
        writes: whether it is processed at all.
        later: sent with a later MSH-7, as a sender does that got no answer.
    """

    name: str
    title: str
    file: str
    provenances: int = 0
    writes: bool = True
    later: bool = False

    def message(self, folder: Path) -> bytes:
        """The bytes to send."""
        raw = (folder / self.file).read_bytes()
        return (
            re.sub(rb"\|2026(\d{10})\+0100\|\|ORU", rb"|20261122235900+0100||ORU", raw) if self.later else raw
        )


STORY = (
    Scene("preliminary", "ORU^R01: a preliminary chemistry panel, five OBX", "1-preliminary.hl7", 1),
    Scene("final", "ORU^R01: the panel final, and a blood count with a specimen", "2-final.hl7", 2),
    Scene(
        "resend", "The same message again, as after a lost answer", "2-final.hl7", writes=False, later=True
    ),
    Scene("correction", "ORU^R01: the laboratory corrects its potassium", "3-correction.hl7", 3),
    Scene("late", "ORU^R01: the preliminary result arrives once more, late", "4-late-preliminary.hl7", 4),
    Scene("document", "ORU^R01: one result, and a PDF with three more", "6-document.hl7", 7),
    Scene("order", "ORM^O01: a chest radiograph is asked for, with its reasons", "7-order.hl7", 8),
    Scene("broken", "A message of a version that HL7 v2 does not have", "5-broken.hl7", writes=False),
)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that has to be true, in words."""

    text: str
    passed: bool


def account(web: httpx2.Client) -> Table:
    """Every resource that was written, in a table."""
    table = Table(title="What was written", title_justify="left")
    for heading in ("Resource", "Id", "Version", "Status", "What it says"):
        table.add_column(heading, overflow="fold")
    for kind in _TYPES:
        for resource in entries(web, kind):
            table.add_row(
                kind,
                resource["id"][:8],
                resource["meta"]["versionId"],
                str(resource.get("status", "")),
                escape(_says(resource)),
            )
        table.add_section()
    return table


def write_out(base: str, folder: Path) -> None:
    """Write every resource as it is served into `folder`, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    with httpx2.Client(base_url=base, timeout=10) as web:
        for kind in _TYPES:
            for resource in entries(web, kind):
                (folder / f"{kind}-{resource['id']}.json").write_bytes(r4.encode(resource))


def verify(web: httpx2.Client, answers: Mapping[str, Acknowledgement]) -> tuple[Check, ...]:
    """What has to be true at the end of the story."""
    return tuple(_checks(web, answers))


def _checks(web: httpx2.Client, answers: Mapping[str, Acknowledgement]) -> Iterator[Check]:
    counts = {kind: len(entries(web, kind)) for kind in _TYPES}
    expected = {
        "Patient": 1, "Encounter": 1, "ServiceRequest": 4, "ImagingStudy": 0, "Media": 0, "Specimen": 1,
        "DiagnosticReport": 4, "Observation": 14, "DocumentReference": 2, "Task": 1, "Device": 1,
        "Provenance": 8,
    }  # fmt: skip
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    yield Check(f"every expected resource is there, none twice: {told}", counts == expected)
    codes = [answers[scene.name].code for scene in STORY]
    yield Check(f"answers on the wire: {' '.join(codes)}", codes == ["AA"] * 7 + ["AR"])
    same = answers["final"].raw.split(b"\r")[1] == answers["resend"].raw.split(b"\r")[1]
    yield Check("the resent message got the earlier answer and changed nothing", same)
    found = entries(web, "Observation", code=_POTASSIUM)
    versions = _history(web, found[0]) if len(found) == 1 else []
    values = [f"{version['valueQuantity']['value']} {version['status']}" for version in versions]
    yield Check(
        f"potassium is one Observation in versions: {' → '.join(values)}",
        values == ["5.90 preliminary", "5.90 final", "4.50 corrected"],
    )
    yield Check("numbers keep their digits: 4.50 is not 4.5", bool(values) and values[-1].startswith("4.50 "))
    reports = sorted(report["status"] for report in entries(web, "DiagnosticReport"))
    kept = reports == ["corrected", "final", "final", "preliminary"]
    yield Check("the late preliminary did not overwrite what is corrected", kept)
    yield from _document_checks(web)
    sources = all(each["entity"][0]["what"]["identifier"]["value"] for each in entries(web, "Provenance"))
    yield Check("each Provenance names its message by the SHA-256 of its bytes", sources)


def validity(web: httpx2.Client) -> Check:
    """Whether everything that was written is valid."""
    resources = [resource for kind in _TYPES for resource in entries(web, kind)]
    findings = [issue for resource in resources for issue in r4.validate(resource)]
    return Check(f"{len(resources)} resources are valid FHIR R4", not findings)


def _document_checks(web: httpx2.Client) -> Iterator[Check]:
    """What has to be true of the PDF and of what was read off it."""
    drafts = entries(web, "DiagnosticReport", status="preliminary")
    read = {f"Observation/{each['id']}": each for each in entries(web, "Observation", status="preliminary")}
    listed = {result["reference"] for draft in drafts for result in draft["result"]}
    apart = len(drafts) == 1 and listed == set(read)
    yield Check(
        f"{len(read)} results read off the PDF are a draft of their own, apart from the sender's", apart
    )
    documents = [part["attachment"] for each in entries(web, "DocumentReference") for part in each["content"]]
    whole = all(
        base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode() == each["hash"]
        and len(content) == each["size"]
        for each in documents
        for content in (base64.b64decode(each["data"]),)
    )
    yield Check("the PDF is there byte for byte", bool(documents) and whole)
    forms = [form for draft in drafts for form in draft["presentedForm"]]
    same = bool(forms) and all(form in documents for form in forms)
    yield Check("the draft can be read as text and PDF, and its note has the same bytes", same)
    places = {
        target["reference"]
        for provenance in entries(web, "Provenance")
        for target in provenance["target"]
        for place in target.get("extension", ())
        if place["url"] == EXTRACTED_FROM
    }
    yield Check(
        "Provenance names page and box of every value that was read", bool(read) and places == set(read)
    )
    tasks = entries(web, "Task", status="requested")
    asked = [task["description"].replace("; ", "\n    ") for task in tasks]
    yield Check(f"a person is asked:\n    {asked[0] if asked else 'nobody'}", len(tasks) == 1)


def entries(web: httpx2.Client, kind: str, **params: str) -> list[dict[str, Any]]:
    """All resources of a type, as they are served."""
    answer = web.get(f"/fhir/{kind}", params={"_count": "200", **params})
    answer.raise_for_status()
    found: list[dict[str, Any]] = r4.decode(answer.content).get("entry", [])
    return [entry["resource"] for entry in found]


def _history(web: httpx2.Client, resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    answer = web.get(f"/fhir/{resource['resourceType']}/{resource['id']}/_history")
    answer.raise_for_status()
    entries = [entry["resource"] for entry in r4.decode(answer.content)["entry"]]
    return sorted(entries, key=lambda each: int(each["meta"]["versionId"]))


def _says(resource: Mapping[str, Any]) -> str:
    """One line about a resource."""
    return _LINES[resource["resourceType"]](resource)


def _line_of_patient(resource: Mapping[str, Any]) -> str:
    name = resource["name"][0]
    return f"{name['family']}, {' '.join(name['given'])}"


def _line_of_document(resource: Mapping[str, Any]) -> str:
    attachment = resource["content"][0]["attachment"]
    size = f", {attachment['size']} bytes" if "size" in attachment else ""
    return f"{attachment.get('title', '')}: {attachment['contentType']}{size}"


def _line_of_provenance(resource: Mapping[str, Any]) -> str:
    sources = (entity["what"].get("display", "the document") for entity in resource.get("entity", ()))
    return f"{len(resource['target'])} targets, source {' and '.join(sources)}"


def _line_of_device(resource: Mapping[str, Any]) -> str:
    version = resource.get("version", [{"value": ""}])[0]["value"]
    return f"{resource['deviceName'][0]['name']} {version}"


def words(concept: Mapping[str, Any]) -> str:
    """A concept as people read it."""
    coding = concept.get("coding", [{}])[0]
    return str(concept.get("text") or coding.get("display") or coding.get("code", ""))


def _value(resource: Mapping[str, Any]) -> str:
    if quantity := resource.get("valueQuantity"):
        return f"{quantity.get('comparator', '')}{quantity['value']} {quantity.get('unit', '')}"
    if concept := resource.get("valueCodeableConcept"):
        return words(concept)
    return str(resource.get("valueString", "")).replace("\n", " / ")


_LINES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "Patient": _line_of_patient,
    "Encounter": lambda each: str(each["class"].get("code", "")),
    "ServiceRequest": lambda each: words(each["code"]),
    "ImagingStudy": lambda each: str(each.get("description", "")),
    "Media": lambda each: str(each["content"].get("title") or each["content"].get("contentType", "")),
    "Specimen": lambda each: words(each["type"]),
    "DiagnosticReport": lambda each: words(each["code"]),
    "Observation": lambda each: f"{words(each['code'])}: {_value(each)}",
    "DocumentReference": _line_of_document,
    "Task": lambda each: str(each["description"]),
    "Device": _line_of_device,
    "Provenance": _line_of_provenance,
}
