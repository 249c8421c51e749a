"""A DiagnosticReport with its results as a sheet: what people read, drawn by whoever draws it.

Nothing is added to what the resources say, and nothing of them that a reader needs is left out.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mappers.domain.sheet import Fact, Marked, Passage, Picture, Results, Row, Sheet, Signed, Stage
from mappers.fhir import labels, spoken
from mappers.fhir.chart import NOTE
from mappers.fhir.judged_observation import PARTS
from mappers.fhir.judged_report import SECTION

Node = dict[str, Any]
#: Resources by reference.
Shelf = Mapping[str, Node]

#: Our own (docs/fhir-extensions.md).
MARKED_REGION = "https://wardwire.org/fhir/StructureDefinition/marked-region"
_STAGES = {
    "final": Stage.SIGNED, "amended": Stage.AMENDED, "corrected": Stage.AMENDED, "appended": Stage.AMENDED,
    "entered-in-error": Stage.WITHDRAWN, "cancelled": Stage.WITHDRAWN,
}  # fmt: skip
_GONE = frozenset({"entered-in-error", "cancelled"})
_DRAWN = frozenset({"image/png", "image/jpeg"})
_MODEL = "Artificial-Intelligence"
_NEGATIVE = frozenset({"absent", "negative", "not detected"})
#: Parts of a finding that people read in words (`judged_observation`).
_FOR_PEOPLE = frozenset({"side", "change"})
_EDGES = ("x0", "y0", "x1", "y1")


def read(report: Node, shelf: Shelf, *, signatures: Sequence[Signed] = ()) -> Sheet:
    """The sheet.

    Args:
        report: the DiagnosticReport.
        shelf: what it refers to, as far as it is at hand: results, devices, patient, order, source.
        signatures: of people, the first one first.
    """
    results = [found for each in report.get("result", []) if (found := shelf.get(each["reference"]))]
    return Sheet(
        title=spoken.concept(report["code"]) or "Report",
        stage=_STAGES.get(report["status"], Stage.DRAFT),
        facts=tuple(_facts(report, results, shelf)),
        warnings=tuple(_warnings(report, results, shelf)),
        blocks=tuple(_blocks(report, results)),
        pictures=tuple(_pictures(report, shelf)),
        signatures=tuple(signatures),
        notes=tuple(_notes(report, shelf)),
    )


def _facts(report: Node, results: Sequence[Node], shelf: Shelf) -> Iterator[Fact]:
    patient = shelf.get(report.get("subject", {}).get("reference", ""))
    if patient:
        born = ", ".join(part for part in (patient.get("birthDate", ""), patient.get("gender", "")) if part)
        yield Fact("Patient", spoken.person(patient) or "name not known")
        yield Fact("Born", born or "not known")
        yield Fact("Numbers", spoken.identifiers(patient.get("identifier", [])) or "none")
    else:
        yield Fact("Patient", "not named here")
    orders = [
        shelf[each["reference"]] for each in report.get("basedOn", []) if each.get("reference") in shelf
    ]
    for order in orders:
        yield Fact("Order", spoken.identifiers(order.get("identifier", [])) or "without a number")
    about = spoken.effective(report) or next(filter(None, map(spoken.effective, results)), "")
    yield Fact("Of", about or "time not known")
    if "issued" in report:
        yield Fact("Written", spoken.moment(report["issued"]))


def _warnings(report: Node, results: Sequence[Node], shelf: Shelf) -> Iterator[str]:
    models = [device for device in _devices(shelf) if _is_model(device)]
    labelled = [each for each in (report, *results) if labels.is_model(each)]
    if labelled:
        names = ", ".join(dict.fromkeys(filter(None, map(_device, models))))
        by = f" ({names})" if names else ""
        yield f"Parts of this report were written by artificial intelligence{by}."
    if any(labels.is_test(each) for each in (report, *results)):
        yield "DEMONSTRATION OR TEST DATA - not for the care of anybody."


def _blocks(report: Node, results: Sequence[Node]) -> Iterator[Passage | Results]:
    by_model = labels.is_model(report)
    sections = [each for each in report.get("extension", []) if each["url"] == SECTION]
    for section in sections:
        yield Passage(_part(section, "title") or "Section", (" ".join(sentences(section)),), by_model)
    conclusion = report.get("conclusion", "")
    if conclusion and not any(_part(each, "key") == "impression" for each in sections):
        paragraphs = [part.strip() for part in conclusion.split("\n\n") if part.strip()]
        yield Passage("Conclusion", tuple(paragraphs), by_model)
    rows = tuple(row(each) for each in results if each.get("status") not in _GONE)
    if rows:
        yield Results("Results", rows)


def sentences(section: Node) -> list[str]:
    """The sentences of a section (`judged_report`)."""
    return [_part(each, "text") for each in section["extension"] if each["url"] == "sentence"]


def _part(extension: Node, name: str) -> str:
    """A part of an extension as text."""
    parts = (each for each in extension["extension"] if each["url"] == name)
    values = (value for each in parts for key, value in each.items() if key.startswith("value"))
    return str(next(values, ""))


def row(observation: Node) -> Row:
    """One result as it is read."""
    result = spoken.value(observation)
    parts = [f"{spoken.concept(each.get('code'))}: {spoken.value(each)}" for each in _told(observation)]
    detail = [spoken.concept(observation.get("bodySite")), spoken.concept(observation.get("method"))]
    specimen = observation.get("specimen", {}).get("display", "")
    notes = [each["text"] for each in observation.get("note", []) if each.get("text")]
    return Row(
        name=spoken.concept(observation["code"]) or "result",
        result=result or "; ".join(parts),
        reference=spoken.ranges(observation),
        flag=", ".join(map(spoken.concept, observation.get("interpretation", []))),
        detail=" · ".join(part for part in (*detail, specimen, *(parts if result else ()), *notes) if part),
        by_model=labels.is_model(observation),
        by_person=labels.is_person(observation),
    )


def is_negative(observation: Node) -> bool:
    """Whether it says that something is not there."""
    return spoken.value(observation).casefold() in _NEGATIVE


def _told(observation: Node) -> Iterator[Node]:
    """The components that are for people: not those that say where in a picture."""
    for each in observation.get("component", []):
        codes = {coding.get("system", ""): coding.get("code") for coding in each["code"].get("coding", [])}
        if codes.get(PARTS) in _FOR_PEOPLE or PARTS not in codes:
            yield each


def regions(observation: Node) -> dict[str, Any]:
    """The components of an Observation that say where in a picture, by name (`judged_observation`)."""
    found: dict[str, Any] = {}
    for each in observation.get("component", []):
        for coding in each["code"].get("coding", []):
            if coding.get("system") == PARTS and coding["code"] not in _FOR_PEOPLE:
                value = next((part for key, part in each.items() if key.startswith("value")), None)
                found[coding["code"]] = value["value"] if isinstance(value, dict) else value
    return found


def marks(observations: Iterable[Node], instance: str) -> tuple[Marked, ...]:
    """The boxes of findings in one DICOM instance, each with its name."""
    written = []
    for each in observations:
        where = regions(each)
        if where.get("sop-instance") == instance and all(edge in where for edge in _EDGES):
            x0, y0, x1, y1 = (float(where[edge]) for edge in _EDGES)
            written.append(Marked((x0, y0, x1, y1), row(each).name))
    return tuple(written)


def _pictures(report: Node, shelf: Shelf) -> Iterator[Picture]:
    """The pictures that were filed with the report."""
    for each in report.get("media", []):
        media = shelf.get(each["link"].get("reference", ""))
        found = picture(media, caption=each.get("comment", "")) if media else None
        if found:
            yield found


def picture(media: Node, *, caption: str = "") -> Picture | None:
    """The picture of a Media that `presented` wrote; None where it holds none, or nobody knows its size."""
    content = media.get("content", {})
    if content.get("contentType") not in _DRAWN or "width" not in media or "height" not in media:
        return None
    try:
        data = base64.b64decode(content.get("data", ""), validate=True)
    except binascii.Error:
        return None
    if not data:
        return None
    return Picture(
        content=data,
        media_type=content["contentType"],
        columns=media["width"],
        rows=media["height"],
        caption=caption,
        marks=tuple(map(_mark, (x for x in media.get("extension", []) if x["url"] == MARKED_REGION))),
    )


def _mark(extension: Node) -> Marked:
    parts = {part["url"]: part for part in extension["extension"]}
    x0, top, x1, bottom = (float(parts[name]["valueDecimal"]) for name in ("x0", "top", "x1", "bottom"))
    return Marked((x0, top, x1, bottom), parts.get("label", {}).get("valueString", ""))


def _notes(report: Node, shelf: Shelf) -> Iterator[str]:
    for extension in report.get("extension", []):
        if extension["url"] == NOTE:
            yield extension["valueAnnotation"]["text"]
    software = list(dict.fromkeys(filter(None, map(_device, _devices(shelf)))))
    if software:
        yield f"Written by {', '.join(software)}."
    yield f"DiagnosticReport {report['id']}"


def _devices(shelf: Shelf) -> Iterable[Node]:
    """The devices that the results or a Provenance name."""
    named = {
        reference
        for each in shelf.values()
        if each["resourceType"] in {"Observation", "Provenance"}
        for reference in _names(each)
    }
    return [
        each for reference, each in shelf.items() if reference in named and each["resourceType"] == "Device"
    ]


def _names(resource: Node) -> Iterator[str]:
    if resource["resourceType"] == "Observation":
        yield resource.get("device", {}).get("reference", "")
    for agent in resource.get("agent", []):
        yield agent["who"].get("reference", "")


def _device(device: Node) -> str:
    name = next((each["name"] for each in device.get("deviceName", [])), "")
    version = next((each["value"] for each in device.get("version", [])), "")
    return " ".join(part for part in (name, version) if part)


def _is_model(device: Node) -> bool:
    return any(coding.get("code") == _MODEL for coding in device.get("type", {}).get("coding", []))
