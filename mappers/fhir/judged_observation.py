"""Observation from a finding that a model judged: preliminary, AIAST, with its box in source pixels.

What was found is the code, whether it is there is the value: "no pneumothorax" never becomes a pneumothorax
(standards: US Core 9 clinical result; boxes as components, for R4 has no image regions).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mappers.domain.coding import SNOMED_CT, UCUM, Coding, Concept
from mappers.domain.findings import Finding, ImageRegion, Presence
from mappers.domain.identifiers import Identity
from mappers.domain.times import Moment, Period
from mappers.fhir import labels
from mappers.fhir.chart import timing
from mappers.fhir.datatypes import absent, concept, concepts, pruned, text
from mappers.fhir.filing import Filing

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md): R4 and LOINC have no codes for them.
PRESENCE = "https://wardwire.org/fhir/CodeSystem/finding-presence"
PARTS = "https://wardwire.org/fhir/CodeSystem/finding-part"
#: SNOMED CT Global Patient Set.
_ABSENT = Coding("2667000", SNOMED_CT, "Absent")
_WORDS = {Presence.PRESENT: "Present", Presence.ABSENT: "Absent", Presence.UNCERTAIN: "Uncertain"}
_EDGES = ("x0", "y0", "x1", "y1")
#: What Observation may say it is part of, or derived from (R4).
_PART_OF = "ImagingStudy"
_DERIVED_FROM = frozenset({"ImagingStudy", "Media", "DocumentReference"})


def write(  # noqa: PLR0913 - the parts of one Observation
    finding: Finding,
    *,
    identity: Identity,
    device: str,
    category: tuple[Concept, ...],
    effective: Moment | Period | None,
    regions: tuple[ImageRegion, ...],
    filing: Filing,
    members: tuple[str, ...] = (),
) -> Node:
    """The Observation of one finding, or of one of its several regions.

    Args:
        finding: what was judged.
        identity: the same whenever the same evidence is judged the same way.
        device: reference of the model that judged.
        category: observation categories.
        effective: when the image was taken, or the words were spoken.
        regions: one at most: a finding with several has a member for each.
        filing: what it shares with the rest of the draft.
        members: references of the Observations of its regions.
    """
    account = filing.chart.account
    subject = filing.document
    kind = subject.partition("/")[0]
    notes = [{"text": words}] if (words := text(finding.words)) else None
    resource = filing.head(identity) | pruned(
        {
            "basedOn": filing.based_on,
            "partOf": [{"reference": subject}] if kind == _PART_OF else None,
            "status": "preliminary",
            "category": concepts(category, account),
            "code": concept(finding.code, account) or {"extension": absent()},
            **filing.whose,
            **timing("effective", effective, account),
            "valueCodeableConcept": _presence(finding.presence),
            "note": notes,
            "bodySite": concept(finding.site, account),
            "device": {"reference": device},
            "hasMember": [{"reference": member} for member in members],
            "derivedFrom": [{"reference": subject}] if kind in _DERIVED_FROM else None,
            "component": [*_attributes(finding), *(part for each in regions for part in _region(each))],
        }
    )
    return labels.labelled(resource)


def _presence(presence: Presence) -> Node:
    words = _WORDS[presence]
    codings: list[Node] = [{"system": PRESENCE, "code": presence.value, "display": words}]
    if presence is Presence.ABSENT:
        codings.append({"system": SNOMED_CT, "code": _ABSENT.code, "display": _ABSENT.display})
    return {"coding": codings, "text": words}


def _attributes(finding: Finding) -> list[Node]:
    said = {"side": finding.side, "change": finding.change}
    return [
        {"code": _part(name), "valueCodeableConcept": {"text": value.value}}
        for name, value in said.items()
        if value is not None
    ]


def _region(region: ImageRegion) -> list[Node]:
    """A box in pixels of the source (standards §4.6), with what the model wrote."""
    parts: list[Node] = []
    if region.sop_instance_uid:
        parts.append({"code": _part("sop-instance"), "valueString": region.sop_instance_uid})
    parts.append({"code": _part("frame"), "valueInteger": region.frame})
    sizes = {"columns": float(region.columns), "rows": float(region.rows)}
    for name, edge in (*zip(_EDGES, region.box, strict=True), *sizes.items()):
        parts.append({"code": _part(name), "valueQuantity": _pixels(edge)})
    if said := text(region.said):
        parts.append({"code": _part("said"), "valueString": said})
    return parts


def _pixels(value: float) -> Node:
    number = Decimal(f"{value:.2f}").normalize()
    plain = number.quantize(Decimal(1)) if number == number.to_integral_value() else number
    return {"value": plain, "unit": "pixel", "system": UCUM, "code": "{pixel}"}


def _part(code: str) -> Node:
    return {"coding": [{"system": PARTS, "code": code}], "text": code}
