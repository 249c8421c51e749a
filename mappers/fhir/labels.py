"""Labels of what a model said (v3 ObservationValue; AI Transparency on FHIR)."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]

#: "Artificial Intelligence asserted": on every resource of which a model said anything.
AIAST: Node = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}


def labelled(resource: Node) -> Node:
    """The resource with the label beside those that it has."""
    meta = resource.get("meta", {})
    security = [*meta.get("security", []), dict(AIAST)]
    return {**resource, "meta": {**meta, "security": security}}
