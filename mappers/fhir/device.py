"""Devices: the software that wrote a result, Wardwire itself, and the model that spoke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mappers.domain.attribution import ModelCard, Software
from mappers.domain.identifiers import Identity
from mappers.fhir.datatypes import URI_SYSTEM, pruned, text
from mappers.fhir.digests import source_uri

Node = dict[str, Any]

#: AI Transparency on FHIR, AI-Device: exactly this coding, without display.
MODEL_TYPE = {
    "system": "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS",
    "code": "Artificial-Intelligence",
}


def identity_of(software: Software) -> Identity:
    """One Device for each version: what a version wrote can be found for ever."""
    return Identity("Device", (software.name, software.version))


def write(software: Software) -> Node:
    """The Device. It is the same whatever the message, so that it bears no source."""
    identity = identity_of(software)
    return {
        "resourceType": "Device",
        "id": identity.id,
        "status": "active",
        "deviceName": [{"name": software.name, "type": "model-name"}],
        "type": {"text": "Interface engine"},
        "version": [{"value": software.version}],
    }


def identity_of_model(card: ModelCard) -> Identity:
    """One Device for each model as it ran: other weights, another revision or backend is another one."""
    return Identity("Device", ("model", card.id, card.revision, card.weights_digest, card.backend))


def _notes(card: ModelCard) -> Iterator[str]:
    yield f"run by the backend {card.backend}"
    if card.region:
        yield f"outside the house, in {card.region}"
    if card.demonstration:
        yield "a demonstration: what it says is of no clinical use"


def write_model(card: ModelCard) -> Node:
    """The Device of a model; the digest of its weights is an identifier."""
    weights = (
        {"system": URI_SYSTEM, "value": source_uri(card.weights_digest)} if card.weights_digest else None
    )
    revision = text(card.revision)
    return {
        "resourceType": "Device",
        "id": identity_of_model(card).id,
        **pruned(
            {
                "identifier": [weights] if weights else None,
                "status": "active",
                "deviceName": [{"name": card.id, "type": "model-name"}],
                "type": {"coding": [dict(MODEL_TYPE)]},
                "version": [{"value": revision}] if revision else None,
                "note": [{"text": text} for text in _notes(card)],
            }
        ),
    }
