"""Provenance of what was read off a document: which page and box, by which method, by which model.

One for each method, whose targets name the place of every value (docs/fhir-extensions.md), and one for the
draft as a whole. R4 has no element for a place on a page, so that the places are extensions of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mappers.domain.attribution import ModelRun
from mappers.domain.extraction import Extracted, Method
from mappers.domain.identifiers import Identity
from mappers.fhir import device, labels
from mappers.fhir.authorship import (
    Reading,
    agent,
    digest,
    instructions,
    message,
    model_run,
    occurred,
    on_behalf,
)
from mappers.fhir.datatypes import pruned
from mappers.fhir.filing import Filing
from mappers.fhir.places import place

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md).
METHODS = "https://wardwire.org/fhir/CodeSystem/extraction-method"
_ACTIVITIES = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_WORDS = {
    Method.TABLE: "read from a table of the text layer",
    Method.TEXT: "read from a line of the text layer",
    Method.OCR: "read from a picture by OCR",
    Method.MODEL: "read by a model",
}


def of_rows(
    rows: Sequence[tuple[str, Extracted]], *, method: Method, unit: str, reading: Reading, filing: Filing
) -> Node:
    """The Provenance of the Observations that one method read.

    Args:
        rows: reference of each Observation, and the result.
        method: how they were read.
        unit: of the boxes: "pt" or "px".
        reading: what all of them share.
        filing: of the draft.
    """
    targets = [
        {
            "extension": [place(span, unit=unit, first=span is row.spans[0]) for span in row.spans],
            "reference": reference,
        }
        for reference, row in rows
    ]
    identity = Identity("Provenance", ("extraction", method.value, *reading.version))
    spoke = method is Method.MODEL
    return _write(
        identity, targets, reading, filing, method=method, model=reading.model_run if spoke else None
    )


def of_draft(targets: Sequence[str], *, reading: Reading, filing: Filing) -> Node:
    """The Provenance of the draft report and its Task."""
    identity = Identity("Provenance", ("draft", *reading.version))
    written = [{"reference": target} for target in targets]
    return _write(identity, written, reading, filing, method=None, model=reading.model_run)


def of_retraction(targets: Sequence[str], *, reading: Reading, reason: str, filing: Filing) -> Node:
    """The Provenance of drafts that are taken back, and why."""
    identity = Identity("Provenance", ("retraction", reading.received.text, *reading.version))
    written = [{"reference": target} for target in targets]
    resource = _write(identity, written, reading, filing, method=None, model=None, operation="NULLIFY")
    return {**resource, "reason": [{"text": reason}]}


def _write(  # noqa: PLR0913 - the parts of one Provenance
    identity: Identity,
    targets: list[Node],
    reading: Reading,
    filing: Filing,
    *,
    method: Method | None,
    model: ModelRun | None,
    operation: str = "CREATE",
) -> Node:
    behalf = on_behalf(reading, filing)
    engine = device.identity_of(reading.software).reference
    agents = [agent("assembler", engine, behalf)]
    if model:
        agents.append(agent("author", device.identity_of_model(model.card).reference, behalf))
    resource = filing.head(identity) | pruned(
        {
            "extension": [model_run(model)] if model else None,
            "target": targets,
            **occurred(model),
            "recorded": reading.recorded.text,
            "activity": _activity(method, operation),
            "agent": agents,
            "entity": _entities(reading, model),
        }
    )
    return labels.labelled(resource) if model else resource


def _activity(method: Method | None, operation: str) -> Node:
    codings = [{"system": _ACTIVITIES, "code": operation}]
    if method is None:
        return {"coding": codings}
    return {"coding": [{"system": METHODS, "code": method.value}, *codings], "text": _WORDS[method]}


def _entities(reading: Reading, model: ModelRun | None) -> list[Node]:
    """The document, the message that carried it, the instructions of the model."""
    document = {"reference": reading.document, "identifier": digest(reading.sha256)}
    entities: list[Node] = [{"role": "source", "what": document}]
    if reading.source:
        entities.append(message(reading.source))
    if model:
        entities.append(instructions(model))
    return entities
