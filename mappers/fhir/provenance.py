"""Provenance of all that one message says: where it came from and what made FHIR of it.

Standards: v2-to-FHIR, MSH[Provenance-Source] and MSH[Provenance-Transformation]; US Core 9, provenance-1.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mappers.domain.attribution import MessageSource, Software
from mappers.domain.identifiers import Identity
from mappers.domain.people import Organization
from mappers.domain.times import Moment
from mappers.fhir import device
from mappers.fhir.chart import Chart
from mappers.fhir.datatypes import URI_SYSTEM, absent, actor, pruned, text
from mappers.fhir.digests import source_uri
from mappers.fhir.primitives import MAX_STRING, is_string

Node = dict[str, Any]

#: Our own: a segment that has no place in FHIR, verbatim (docs/fhir-extensions.md).
KEPT_SEGMENT = "https://wardwire.org/fhir/StructureDefinition/kept-segment"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_ACTIVITY = {
    "system": "http://hl7.org/fhir/uv/v2mappings/CodeSystem/provenance-activity-type-v2-to-fhir",
    "code": "v2-fhir-transformation",
}


def identity_of(source: MessageSource, software: Software) -> Identity:
    """One Provenance for each message and version: doing the same again is the same."""
    return Identity("Provenance", (source.sha256, software.name, software.version))


@dataclass(frozen=True, slots=True)
class Making:
    """How FHIR was made of a message.

    Attributes:
        software: what wrote it.
        recorded: when, an instant.
        responsible: on whose behalf; None means the sending facility (MSH-4), else the receiving (MSH-6).
    """

    software: Software
    recorded: Moment
    responsible: Organization | None = None

    def __post_init__(self) -> None:
        if not self.recorded.is_instant:
            raise ValueError("Provenance is recorded at an instant")


def write(source: MessageSource, *, targets: Iterable[str], making: Making, chart: Chart) -> Node:
    """The Provenance of `targets`, references to all that was written from the message `source`."""
    account = chart.account
    account.origin = source.origin
    sender = _facility(source.sending_facility)
    responsible = actor(making.responsible, account) if making.responsible else None
    on_behalf = responsible or sender or _facility(source.receiving_facility)
    what = {
        "identifier": {"system": URI_SYSTEM, "value": source_uri(source.sha256)},
        "display": text(f"{source.trigger} {source.control_id}"),
    }
    resource = chart.head(identity_of(source, making.software)) | pruned(
        {
            "extension": [_kept(label, verbatim) for label, verbatim in source.kept if verbatim],
            "target": [{"reference": target} for target in targets],
            "occurredDateTime": source.sent_at and source.sent_at.text,
            "recorded": making.recorded.text,
            "activity": {"coding": [dict(_ACTIVITY)]},
            "agent": [
                _agent("assembler", {"reference": device.identity_of(making.software).reference}, on_behalf),
                *_senders(source, sender),
            ],
            "entity": [{"role": "source", "what": pruned(what)}],
        }
    )
    account.wrote_all((source.origin,), resource, without=("target", "recorded", "activity"))
    for label, _ in source.kept:
        account.wrote(label, "Provenance.extension")
    return resource


def _senders(source: MessageSource, facility: Node | None) -> list[Node]:
    """MSH-4 is the author; MSH-3 is the application through which it spoke."""
    application = text(source.sending_application)
    written = [_agent("author", facility, None)] if facility else []
    if application:
        who = {"type": "Device", "identifier": {"value": application}, "display": application}
        written.append(_agent("composer", who, facility))
    return written


def _facility(name: str | None) -> Node | None:
    shown = text(name)
    return {"type": "Organization", "identifier": {"value": shown}, "display": shown} if shown else None


def _agent(role: str, who: Node, on_behalf: Node | None) -> Node:
    """An agent; who acts for nobody known, acts for an unknown organization (provenance-1)."""
    agent = {"type": {"coding": [{"system": _PARTICIPANT, "code": role}]}, "who": who}
    if role == "author":
        return agent
    return {**agent, "onBehalfOf": on_behalf or {"extension": absent(), "type": "Organization"}}


def _kept(label: str, verbatim: str) -> Node:
    """A segment as it came; base64 of its UTF-8 where a FHIR string cannot carry it."""
    if is_string(verbatim) and len(verbatim) <= MAX_STRING:
        content = {"url": "text", "valueString": verbatim}
    else:
        data = base64.b64encode(verbatim.encode(errors="surrogateescape")).decode("ascii")
        content = {"url": "data", "valueBase64Binary": data}
    return {"url": KEPT_SEGMENT, "extension": [{"url": "segment", "valueString": label}, content]}
