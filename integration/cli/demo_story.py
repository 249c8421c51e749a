"""The story of the demo: its messages in order, and what has to be true at its end."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
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
        for resource in _all(web, kind):
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
            for resource in _all(web, kind):
                (folder / f"{kind}-{resource['id']}.json").write_bytes(r4.encode(resource))


def verify(web: httpx2.Client, answers: Mapping[str, Acknowledgement]) -> tuple[Check, ...]:
    """What has to be true at the end of the story."""
    return tuple(_checks(web, answers))


def _checks(web: httpx2.Client, answers: Mapping[str, Acknowledgement]) -> Iterator[Check]:
    counts = {kind: len(_all(web, kind)) for kind in _TYPES}
    expected = {
        "Patient": 1, "Encounter": 1, "ServiceRequest": 3, "Specimen": 1, "DiagnosticReport": 4,
        "Observation": 14, "DocumentReference": 2, "Task": 1, "Device": 1, "Provenance": 7,
    }  # fmt: skip
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    yield Check(f"every expected resource is there, none twice: {told}", counts == expected)
    codes = [answers[scene.name].code for scene in STORY]
    yield Check(f"answers on the wire: {' '.join(codes)}", codes == ["AA"] * 6 + ["AR"])
    same = answers["final"].raw.split(b"\r")[1] == answers["resend"].raw.split(b"\r")[1]
    yield Check("the resent message got the earlier answer and changed nothing", same)
    found = _all(web, "Observation", code=_POTASSIUM)
    versions = _history(web, found[0]) if len(found) == 1 else []
    values = [f"{version['valueQuantity']['value']} {version['status']}" for version in versions]
    yield Check(
        f"potassium is one Observation in versions: {' → '.join(values)}",
        values == ["5.90 preliminary", "5.90 final", "4.50 corrected"],
    )
    yield Check("numbers keep their digits: 4.50 is not 4.5", bool(values) and values[-1].startswith("4.50 "))
    reports = sorted(report["status"] for report in _all(web, "DiagnosticReport"))
    kept = reports == ["corrected", "final", "final", "preliminary"]
    yield Check("the late preliminary did not overwrite what is corrected", kept)
    yield from _document_checks(web)
    resources = [resource for kind in _TYPES for resource in _all(web, kind)]
    findings = [issue for resource in resources for issue in r4.validate(resource)]
    yield Check(f"{len(resources)} resources are valid FHIR R4", not findings)
    sources = all(each["entity"][0]["what"]["identifier"]["value"] for each in _all(web, "Provenance"))
    yield Check("each Provenance names its message by the SHA-256 of its bytes", sources)


def _document_checks(web: httpx2.Client) -> Iterator[Check]:
    """What has to be true of the PDF and of what was read off it."""
    drafts = _all(web, "DiagnosticReport", status="preliminary")
    read = {f"Observation/{each['id']}": each for each in _all(web, "Observation", status="preliminary")}
    listed = {result["reference"] for draft in drafts for result in draft["result"]}
    apart = len(drafts) == 1 and listed == set(read)
    yield Check(
        f"{len(read)} results read off the PDF are a draft of their own, apart from the sender's", apart
    )
    documents = [part["attachment"] for each in _all(web, "DocumentReference") for part in each["content"]]
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
        for provenance in _all(web, "Provenance")
        for target in provenance["target"]
        for place in target.get("extension", ())
        if place["url"] == EXTRACTED_FROM
    }
    yield Check(
        "Provenance names page and box of every value that was read", bool(read) and places == set(read)
    )
    tasks = _all(web, "Task", status="requested")
    asked = [task["description"].replace("; ", "\n    ") for task in tasks]
    yield Check(f"a person is asked:\n    {asked[0] if asked else 'nobody'}", len(tasks) == 1)


def _all(web: httpx2.Client, kind: str, **params: str) -> list[dict[str, Any]]:
    answer = web.get(f"/fhir/{kind}", params={"_count": "200", **params})
    answer.raise_for_status()
    entries: list[dict[str, Any]] = r4.decode(answer.content).get("entry", [])
    return [entry["resource"] for entry in entries]


def _history(web: httpx2.Client, resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    answer = web.get(f"/fhir/{resource['resourceType']}/{resource['id']}/_history")
    answer.raise_for_status()
    entries = [entry["resource"] for entry in r4.decode(answer.content)["entry"]]
    return sorted(entries, key=lambda each: int(each["meta"]["versionId"]))


def _says(resource: Mapping[str, Any]) -> str:
    """One line about a resource."""
    match resource["resourceType"]:
        case "Observation":
            return f"{_words(resource['code'])}: {_value(resource)}"
        case "Patient":
            name = resource["name"][0]
            return f"{name['family']}, {' '.join(name['given'])}"
        case "DiagnosticReport" | "ServiceRequest":
            return _words(resource["code"])
        case "Specimen":
            return _words(resource["type"])
        case "DocumentReference":
            attachment = resource["content"][0]["attachment"]
            return f"{attachment.get('title', '')}: {attachment['contentType']}, {attachment['size']} bytes"
        case "Task":
            return str(resource["description"])
        case "Encounter":
            return str(resource["class"].get("code", ""))
        case "Device":
            return f"{resource['deviceName'][0]['name']} {resource['version'][0]['value']}"
    sources = (entity["what"].get("display", "the document") for entity in resource["entity"])
    return f"{len(resource['target'])} targets, source {' and '.join(sources)}"


def _words(concept: Mapping[str, Any]) -> str:
    coding = concept.get("coding", [{}])[0]
    return str(concept.get("text") or coding.get("display") or coding.get("code", ""))


def _value(resource: Mapping[str, Any]) -> str:
    if quantity := resource.get("valueQuantity"):
        return f"{quantity.get('comparator', '')}{quantity['value']} {quantity.get('unit', '')}"
    if concept := resource.get("valueCodeableConcept"):
        return _words(concept)
    return str(resource.get("valueString", "")).replace("\n", " / ")
