"""Observation from a result that was read off a document: preliminary, whatever the method (US Core 9).

What is not confirmed by a place on the page is never written here; the review Task shows it.
"""

from __future__ import annotations

from typing import Any

from mappers.domain.coding import Coding, Concept
from mappers.domain.extraction import Extracted, Method
from mappers.domain.identifiers import Identity
from mappers.domain.results import ReferenceRange
from mappers.fhir import labels, values
from mappers.fhir.account import Account
from mappers.fhir.categories import OBSERVATION_CATEGORY
from mappers.fhir.chart import timing
from mappers.fhir.datatypes import absent, concept, concepts, is_ordered, pruned, simple_quantity, text
from mappers.fhir.definitions import load
from mappers.fhir.filing import Filing
from mappers.fhir.observation import REPORTED_UNIT

Node = dict[str, Any]

LABORATORY = Concept((Coding("laboratory", OBSERVATION_CATEGORY, "Laboratory"),))
_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def write(row: Extracted, *, identity: Identity, device: str, filing: Filing) -> Node:
    """The Observation of one confirmed result.

    Args:
        row: the result.
        identity: the same whenever the same document is read the same way.
        device: reference of the software or model that read it.
        filing: what it shares with the rest of the draft.
    """
    account = filing.chart.account
    resource = filing.head(identity) | pruned(
        {
            "extension": _unit_alone(row),
            "basedOn": filing.based_on,
            "status": "preliminary",
            "category": concepts((LABORATORY,), account),
            "code": concept(row.code, account) or {"extension": absent()},
            **filing.whose,
            **timing("effective", row.effective, account),
            **_result(row, account),
            "interpretation": _interpretation(row, account),
            "specimen": _specimen(row),
            "device": {"reference": device},
            "referenceRange": _range(row.reference_range, account),
            "derivedFrom": [{"reference": filing.document}],
        }
    )
    return labels.labelled(resource) if by_model(row) else resource


def by_model(row: Extracted) -> bool:
    """Whether a model had any part in it."""
    return Method.MODEL in (row.method, *row.also)


def _result(row: Extracted, account: Account) -> Node:
    written = values.write(row.value, account) if row.value is not None else {}
    if written:
        return written
    known = row.absent_reason if row.absent_reason in load().systems[_ABSENT_REASON] else "unknown"
    return {"dataAbsentReason": {"coding": [{"system": _ABSENT_REASON, "code": known}]}}


def _unit_alone(row: Extracted) -> list[Node]:
    """The printed unit of a result that is words."""
    printed = text(row.unit)
    if printed and isinstance(row.value, str | Concept):
        return [{"url": REPORTED_UNIT, "valueQuantity": {"unit": printed}}]
    return []


def _interpretation(row: Extracted, account: Account) -> list[Node]:
    """What the flag means, else the flag as printed."""
    known = concepts((row.interpretation,), account) if row.interpretation else []
    printed = text(row.flag)
    return known or ([{"text": printed}] if printed else [])


def _specimen(row: Extracted) -> Node | None:
    """A specimen that is known by its printed name alone."""
    name = text(row.specimen.text) if row.specimen else None
    return {"type": "Specimen", "display": name} if name else None


def _range(printed: ReferenceRange | None, account: Account) -> list[Node]:
    if printed is None:
        return []
    bounds: Node = {}
    if is_ordered(printed.low, printed.high):
        bounds = {
            "low": simple_quantity(printed.low, account),
            "high": simple_quantity(printed.high, account),
        }
    node = pruned({**bounds, "text": text(printed.text)})
    return [node] if node else []
