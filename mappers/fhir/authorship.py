"""How something was read, and by whom, as every Provenance of a draft says it.

Wardwire assembles, a model is the author, both on behalf of whoever answers for the installation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mappers.domain.attribution import MessageSource, ModelRun, Software
from mappers.domain.people import Organization
from mappers.domain.times import Moment
from mappers.fhir import device
from mappers.fhir.datatypes import URI_SYSTEM, absent, actor, pruned, text
from mappers.fhir.digests import source_uri
from mappers.fhir.filing import Filing

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md).
MODEL_RUN = "https://wardwire.org/fhir/StructureDefinition/model-run"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


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


def occurred(model: ModelRun | None) -> Node:
    """When a model ran: the element `occurred[x]`, or nothing."""
    if model is None:
        return {}
    return {"occurredPeriod": {"start": model.started.text, "end": model.ended.text}}


def on_behalf(reading: Reading, filing: Filing) -> Node:
    """Who answers for it: as configured, else the message's facility, else an unknown one (provenance-1)."""
    responsible = actor(reading.responsible, filing.chart.account) if reading.responsible else None
    source = reading.source
    name = text(source.sending_facility or source.receiving_facility) if source else None
    sender = {"type": "Organization", "identifier": {"value": name}, "display": name} if name else None
    return responsible or sender or {"extension": absent(), "type": "Organization"}


def agent(role: str, who: str, behalf: Node) -> Node:
    """An agent of ours; an author is a model (AI Transparency on FHIR, AI-Provenance)."""
    kind = {"coding": [{"system": _PARTICIPANT, "code": role}]}
    model = {"role": [{"coding": [dict(device.MODEL_TYPE)]}]} if role == "author" else {}
    return {"type": kind, **model, "who": {"reference": who}, "onBehalfOf": dict(behalf)}


def message(source: MessageSource) -> Node:
    """The message that carried it, as an entity."""
    named = text(f"{source.trigger} {source.control_id}")
    return {"role": "source", "what": pruned({"identifier": digest(source.sha256), "display": named})}


def instructions(run: ModelRun) -> Node:
    """The instructions of a model, as an entity."""
    name = f"instructions of {run.task}@{run.task_version}"
    return {"role": "derivation", "what": {"identifier": digest(run.prompt_digest), "display": name}}


def digest(sha256: str) -> Node:
    """A digest as an Identifier."""
    return {"system": URI_SYSTEM, "value": source_uri(sha256)}


def model_run(run: ModelRun) -> Node:
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
