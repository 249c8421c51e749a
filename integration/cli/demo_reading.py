"""The part of the demo in which models read: a study from a PACS, a dictation, and a person who signs.

All that its models say is a demonstration: tiny models that saw drawings and heard a synthesizer.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from integration.cli.demo_story import Check, entries, words
from mappers.fhir import r4

#: The channel of the hospital's FHIR server.
CHANNEL: Final = "hospital"
_ACCESSION: Final = "RX-2611220007"
#: Where the opacity is drawn in the chest of the fixtures: x0, y0, x1, y1 in its pixels.
_DRAWN: Final = (266, 181, 342, 263)
_SIGNER: Final = "Dr. Ada Conti"

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Visit:
    """Something that the hospital's FHIR server tells of.

    Attributes:
        title: told while it plays.
        reference: of the resource that changed.
        is_read: whether what comes of it is there.
    """

    title: str
    reference: str
    is_read: Callable[[httpx2.Client], bool]

    def notify(self, web: httpx2.Client, resource: bytes) -> httpx2.Response:
        """Tell Wardwire, as HAPI FHIR does."""
        headers = {"Content-Type": "application/fhir+json"}
        return web.put(f"/hooks/{CHANNEL}/{self.reference}", content=resource, headers=headers)


def study_draft(web: httpx2.Client) -> Node | None:
    """The draft, or signed report, that answers the study."""
    return next((each for each in entries(web, "DiagnosticReport") if each.get("imagingStudy")), None)


def transcript(web: httpx2.Client) -> Node | None:
    """The document with the words of the dictation."""
    return next((each for each in entries(web, "DocumentReference") if _has_label(each, "DICTAST")), None)


VISITS: Final = (
    Visit(
        "FHIR notification: the study of that order; its image comes from the PACS, a model reads it",
        "ImagingStudy/chest",
        lambda web: study_draft(web) is not None,
    ),
    Visit(
        "FHIR notification: a dictation (FLAC); a model writes it down",
        "Media/dictation",
        lambda web: transcript(web) is not None,
    ),
)


def settings_of(hospital: str) -> Node:
    """What is set for this part: the hospital as a channel, and demonstration models."""
    return {
        "demo": True,
        "channels": {
            CHANNEL: {
                "time_zone": "Europe/Rome",
                "fhir": {"base": f"{hospital}/fhir"},
                "dicomweb": {"base": f"{hospital}/dicom-web", "settle_seconds": 1},
            }
        },
    }


def verify(web: httpx2.Client) -> Iterator[Check]:
    """What has to be true of what the models wrote, before anybody signs."""
    draft = study_draft(web)
    yield Check("the study has a draft of its own", draft is not None)
    if draft is not None:
        yield from _study_checks(web, draft)
    heard = transcript(web)
    yield Check("the dictation has a transcript", heard is not None)
    if heard is not None:
        yield from _dictation_checks(web, heard)
    said = [each for each in (draft, heard) if each is not None]
    labelled = all(_has_label(each, "HTEST") for each in said)
    titled = all("demonstration" in json.dumps(each).lower() for each in said)
    yield Check("both say that they are a demonstration, and are labelled HTEST", labelled and titled)


def _study_checks(web: httpx2.Client, draft: Node) -> Iterator[Check]:
    answered = [_resolved(web, each["reference"]) for each in draft.get("basedOn", ())]
    numbers = [each["value"] for order in answered for each in order.get("identifier", ())]
    yield Check(f"it answers the order with its accession number {_ACCESSION}", _ACCESSION in numbers)
    yield Check(f"it waits for a person: {draft['status']}", draft["status"] == "preliminary")
    findings = [_resolved(web, each["reference"]) for each in draft.get("result", ())]
    told = [f"{words(each['code'])} {words(each['valueCodeableConcept']).lower()}" for each in findings]
    yield Check(f"a demonstration model found: {', '.join(told) or 'nothing'}", bool(findings))
    boxes = [box for each in findings if (box := _box(each)) is not None]
    shared = max((_overlap(box, _DRAWN) for box in boxes), default=0.0)
    text = f"its box and the drawn one share {shared:.0%} of their area, in pixels of the image"
    yield Check(text, shared > 0)


def _dictation_checks(web: httpx2.Client, heard: Node) -> Iterator[Check]:
    text = base64.b64decode(heard["content"][0]["attachment"]["data"]).decode()
    yield Check(f"a demonstration model heard:\n    {text.strip()}", "effusion" in text.lower())
    reports = [each for each in entries(web, "DiagnosticReport") if each.get("media")]
    yield Check("its sections are a draft", any(each["status"] == "preliminary" for each in reports))


def sign(environment: Mapping[str, str], folder: Path) -> Check:
    """Sign the draft of the study at the shell, as `wardwire review` lets a named person do."""

    def review(*arguments: str) -> str:
        command = [sys.executable, "-m", "integration.cli", "review", *arguments]
        return subprocess.run(  # noqa: S603  (our own command)
            command, env=dict(environment), cwd=folder, capture_output=True, text=True, check=True
        ).stdout

    try:
        cases = [json.loads(line) for line in review("list", "--json").splitlines()]
        case = next(each for each in cases if "adiograph" in str(each["title"]))
        seen = json.loads(review("show", case["id"], "--json"))["seen"]
        meaning = "reviewed and approved"
        review("sign", case["id"], "--as", _SIGNER, "--meaning", meaning, "--seen", seen, "--confirm")
    except (subprocess.CalledProcessError, StopIteration):
        return Check("a named person signs the draft of the study", passed=False)
    return Check(f"{_SIGNER} signed the draft of the study: {meaning}", passed=True)


def verify_signed(web: httpx2.Client) -> Iterator[Check]:
    """What has to be true after that."""
    report = study_draft(web) or {}
    yield Check(f"the report of the study is {report.get('status', 'gone')}", report.get("status") == "final")
    target = f"DiagnosticReport/{report.get('id', '')}"
    verified = [
        each
        for each in entries(web, "Provenance")
        if any(one["reference"].startswith(target) for one in each["target"])
        and any(words(agent.get("type", {})).lower() == "verifier" for agent in each["agent"])
    ]
    yield Check("its Provenance names who verified it", bool(verified))


def _box(observation: Node) -> tuple[float, ...] | None:
    """The box of a finding in pixels of the image."""
    edges = {
        each["code"]["coding"][0]["code"]: float(each["valueQuantity"]["value"])
        for each in observation.get("component", ())
        if "valueQuantity" in each
    }
    names = ("x0", "y0", "x1", "y1")
    return tuple(edges[name] for name in names) if edges.keys() >= set(names) else None


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(wide, 0.0) * max(high, 0.0)
    areas = sum((each[2] - each[0]) * (each[3] - each[1]) for each in (one, other))
    return shared / (areas - shared)


def _has_label(resource: Node, code: str) -> bool:
    return any(each.get("code") == code for each in resource["meta"].get("security", ()))


def _resolved(web: httpx2.Client, reference: str) -> Node:
    answer = web.get(f"/fhir/{reference}")
    answer.raise_for_status()
    found: Node = r4.decode(answer.content)
    return found
