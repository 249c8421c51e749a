"""Where facts came from: the message that carried them, the software that read them, the model that spoke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mappers.domain.coding import Coding
from mappers.domain.times import Moment


@dataclass(frozen=True, slots=True)
class MessageSource:
    """Who sent a message and what names it (MSH).

    Attributes:
        sha256: hex digest of the bytes as received.
        size: bytes.
        security: codings of MSH-8 where given.
        kept: (label, text) of segments kept verbatim on the Provenance: Z segments and others unmapped.
        origin: segment label.
    """

    control_id: str
    trigger: str
    version: str
    sent_at: Moment | None
    sha256: str
    size: int
    sending_application: str | None = None
    sending_facility: str | None = None
    receiving_application: str | None = None
    receiving_facility: str | None = None
    processing_id: str | None = None
    security: tuple[Coding, ...] = field(default=())
    kept: tuple[tuple[str, str], ...] = field(default=())
    origin: str = "MSH[1]"


@dataclass(frozen=True, slots=True)
class Software:
    """The software that wrote a result: Wardwire itself, by name and version."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model as it really ran.

    Attributes:
        id: its name, "google/medgemma-1.5-4b-it".
        revision: commit or version; "" when the backend does not say.
        weights_digest: hex SHA-256 over the weight files in the order of their names; "" when not at hand.
        backend: what ran it: "transformers", "openai", "vertex", "scripted".
        demonstration: a demonstration checkpoint: whatever it says is labelled as such.
        region: where a model outside the house ran; "" for one inside.
    """

    id: str
    revision: str
    weights_digest: str
    backend: str
    demonstration: bool = False
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """One answer of a model, and all that is needed to ask again.

    Attributes:
        task: id of the task, "lab_report".
        task_version: changes with prompt, schema or reading of the answer.
        prompt_digest: hex SHA-256 of the instruction file.
        input_digest: hex SHA-256 of all that was sent: texts, pictures, schema, parameters.
        parameters: of the generation, e.g. {"max_new_tokens": 2000, "do_sample": False}.
        output_digest: hex SHA-256 of the answer as text.
    """

    task: str
    task_version: str
    card: ModelCard
    prompt_digest: str
    input_digest: str
    output_digest: str
    started: Moment
    ended: Moment
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What two runs share whose answers must be equal: task, model, weights, input."""
        task = f"{self.task}@{self.task_version}"
        return run_key(task, card=self.card, input_digest=self.input_digest)


def run_key(task: str, *, card: ModelCard, input_digest: str) -> str:
    """The memo key of a run: `task@version`, `model@revision`, weights digest, input digest."""
    return "|".join((task, f"{card.id}@{card.revision}", card.backend, card.weights_digest, input_digest))


class AuditOutcome(StrEnum):
    """FHIR audit-event-outcome."""

    SUCCESS = "0"
    MINOR_FAILURE = "4"
    SERIOUS_FAILURE = "8"
    MAJOR_FAILURE = "12"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Something that happened and must stay provable: ids, codes, counts, keyed digests; no patient data.

    Attributes:
        kind: what happened, "noun.participle": "message.received", "result.written".
        at: UTC instant.
        actor: who did it: a peer, a role of Wardwire ("worker"), or a named user ("user:ada").
        message_id: the message it is about.
        resource: the FHIR resource it is about, "Observation/<id>/_history/2".
        details: what else belongs to it; keys are ASCII.
    """

    kind: str
    at: Moment
    actor: str
    outcome: AuditOutcome = AuditOutcome.SUCCESS
    message_id: str | None = None
    resource: str | None = None
    details: Mapping[str, str | int | bool | tuple[str, ...] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.at.text.endswith("Z"):
            raise ValueError("an audit event happens at an instant in UTC")
