"""The profiles of AI Transparency on FHIR, claimed where a site wants them: the guide is not published yet.

Devices of models and Provenances of which a model is an author meet AI-Device and AI-Provenance as they are
written; this only says so in `meta.profile`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mappers.fhir.device import MODEL_TYPE

Node = dict[str, Any]

_BASE = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition"
AI_DEVICE = f"{_BASE}/AI-Device"
AI_PROVENANCE = f"{_BASE}/AI-Provenance"


def claimed(resource: Node) -> Node:
    """The resource with the profile that it meets, if there is one."""
    profile = _profile(resource)
    if profile is None:
        return resource
    meta = resource.get("meta", {})
    known = meta.get("profile", [])
    return {**resource, "meta": {**meta, "profile": [*known, *([] if profile in known else [profile])]}}


def _profile(resource: Node) -> str | None:
    match resource["resourceType"]:
        case "Device" if MODEL_TYPE in resource.get("type", {}).get("coding", []):
            return AI_DEVICE
        case "Provenance" if any(
            _is_model(role) for agent in resource["agent"] for role in agent.get("role", [])
        ):
            return AI_PROVENANCE
    return None


def _roles(provenance: Node) -> Iterator[Node]:
    for agent in provenance["agent"]:
        yield from agent.get("role", [])


def _is_model(role: Node) -> bool:
    return MODEL_TYPE in role.get("coding", [])
