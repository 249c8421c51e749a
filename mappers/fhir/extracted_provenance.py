"""Provenance of what was read off a document: which page and box, by which method, by which model.

One for each method, whose targets name the place of every value (docs/fhir-extensions.md), and one for the
draft as a whole. R4 has no element for a place on a page, so that the places are extensions of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mappers.domain.attribution import MessageSource, ModelRun, Software
from mappers.domain.extraction import Extracted, Method, Span
from mappers.domain.identifiers import Identity
from mappers.domain.people import Organization
from mappers.domain.times import Moment
from mappers.fhir import device, labels
from mappers.fhir.datatypes import URI_SYSTEM, absent, actor, pruned, text
from mappers.fhir.digests import source_uri
from mappers.fhir.filing import Filing

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md).
EXTRACTED_FROM = "https://wardwire.org/fhir/StructureDefinition/extracted-from"
MODEL_RUN = "https://wardwire.org/fhir/StructureDefinition/model-run"
METHODS = "https://wardwire.org/fhir/CodeSystem/extraction-method"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_ACTIVITIES = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_WORDS = {
    Method.TABLE: "read from a table of the text layer",
    Method.TEXT: "read from a line of the text layer",
    Method.OCR: "read from a picture by OCR",
    Method.MODEL: "read by a model",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a document was read.

    Attributes:
        task: id and version of the task, "lab_report@1".
        document: reference of the DocumentReference.
        sha256: hex digest of the document.
        source: the message that carried it; None where none did.
        received: when it came, an instant: from then on a draft counts.
        recorded: when it was read, an instant.
        responsible: on whose behalf Wardwire acts; None means the sender's facility.
    """

    software: Software
    task: str
    document: str
    sha256: str
    received: Moment
    recorded: Moment
    source: MessageSource | None = None
    responsible: Organization | None = None
    model_run: ModelRun | None = None

    @property
    def version(self) -> tuple[str, ...]:
        """What makes a reading another one: the message, the task, the model, its instructions."""
        run = self.model_run
        model = (run.card.id, run.card.revision, run.card.weights_digest, run.prompt_digest) if run else ()
        origin = self.source.sha256 if self.source else ""
        return (self.document, self.sha256, origin, self.task, self.software.version, *model)


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
            "extension": [_place(span, unit=unit, first=span is row.spans[0]) for span in row.spans],
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
    behalf = _on_behalf(reading, filing)
    engine = device.identity_of(reading.software).reference
    agents = [_agent("assembler", engine, behalf)]
    if model:
        agents.append(_agent("author", device.identity_of_model(model.card).reference, behalf))
    resource = filing.head(identity) | pruned(
        {
            "extension": [_run(model)] if model else None,
            "target": targets,
            **_occurred(model),
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


def _occurred(model: ModelRun | None) -> Node:
    if model is None:
        return {}
    return {"occurredPeriod": {"start": model.started.text, "end": model.ended.text}}


def _on_behalf(reading: Reading, filing: Filing) -> Node:
    responsible = actor(reading.responsible, filing.chart.account) if reading.responsible else None
    source = reading.source
    name = text(source.sending_facility or source.receiving_facility) if source else None
    sender = {"type": "Organization", "identifier": {"value": name}, "display": name} if name else None
    return responsible or sender or {"extension": absent(), "type": "Organization"}


def _agent(role: str, who: str, behalf: Node) -> Node:
    kind = {"coding": [{"system": _PARTICIPANT, "code": role}]}
    return {"type": kind, "who": {"reference": who}, "onBehalfOf": dict(behalf)}


def _entities(reading: Reading, model: ModelRun | None) -> list[Node]:
    """The document, the message that carried it, the instructions of the model."""
    document = {"reference": reading.document, "identifier": _digest(reading.sha256)}
    entities: list[Node] = [{"role": "source", "what": document}]
    if reading.source:
        named = text(f"{reading.source.trigger} {reading.source.control_id}")
        message = pruned({"identifier": _digest(reading.source.sha256), "display": named})
        entities.append({"role": "source", "what": message})
    if model:
        prompt = {"identifier": _digest(model.prompt_digest), "display": f"instructions of {reading.task}"}
        entities.append({"role": "derivation", "what": prompt})
    return entities


def _digest(sha256: str) -> Node:
    return {"system": URI_SYSTEM, "value": source_uri(sha256)}


def _place(span: Span, *, unit: str, first: bool) -> Node:
    """The `extracted-from` extension: where a value stands."""
    edges = zip(("x0", "top", "x1", "bottom"), span.bbox, strict=True)
    parts: list[Node] = [
        {"url": "holds", "valueCode": "value" if first else "beside"},
        {"url": "page", "valuePositiveInt": span.page},
    ]
    parts += [{"url": name, "valueDecimal": Decimal(f"{edge:.2f}")} for name, edge in edges]
    parts.append({"url": "unit", "valueCode": unit})
    quote = text(span.quote)
    if quote:
        parts.append({"url": "quote", "valueString": quote})
    return {"url": EXTRACTED_FROM, "extension": parts}


def _run(run: ModelRun) -> Node:
    """The `model-run` extension: all that is needed to ask the model again."""
    said = {
        "task": run.task, "task-version": run.task_version, "model": run.card.id,
        "revision": run.card.revision, "backend": run.card.backend, "weights-digest": run.card.weights_digest,
        "prompt-digest": run.prompt_digest, "input-digest": run.input_digest,
        "output-digest": run.output_digest,
    }  # fmt: skip
    parts: list[Node] = [{"url": name, "valueString": value} for name, value in said.items() if value]
    for name, value in sorted(run.parameters.items()):
        spoken = str(value).lower() if isinstance(value, bool) else str(value)
        parameter = [{"url": "name", "valueString": name}, {"url": "value", "valueString": spoken}]
        parts.append({"url": "parameter", "extension": parameter})
    return {"url": MODEL_RUN, "extension": parts}
