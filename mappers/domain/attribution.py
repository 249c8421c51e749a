"""Where facts came from: the message that carried them and the software that read them."""

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
