"""Labels of what a model said (v3 ObservationValue; AI Transparency on FHIR), and of what is no real data."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]

_VALUES = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
#: On every resource of which a model said anything.
AIAST: Node = {"system": _VALUES, "code": "AIAST", "display": "Artificial Intelligence asserted"}
#: On what was recognised in speech.
DICTAST: Node = {"system": _VALUES, "code": "DICTAST", "display": "dictation asserted"}
#: On what comes of test data or of a demonstration model.
HTEST: Node = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
#: On what a person said in the place of a draft.
CLINAST: Node = {"system": _VALUES, "code": "CLINAST", "display": "clinician asserted"}
#: Codes of labels that say that a machine said it.
MACHINE = frozenset({"AIAST"})


def labelled(resource: Node, label: Node = AIAST) -> Node:
    """The resource with the label beside those that it has."""
    meta = resource.get("meta", {})
    known = meta.get("security", [])
    if any(each.get("code") == label["code"] and each.get("system") == label["system"] for each in known):
        return resource
    return {**resource, "meta": {**meta, "security": [*known, dict(label)]}}


def is_model(resource: Node) -> bool:
    """Whether a model said anything of it."""
    return _has(resource, "AIAST")


def is_person(resource: Node) -> bool:
    """Whether a person changed what it says."""
    return _has(resource, "CLINAST")


def is_test(resource: Node) -> bool:
    """Whether it is no real patient's."""
    return _has(resource, "HTEST")


def _has(resource: Node, code: str) -> bool:
    return any(each.get("code") == code for each in resource.get("meta", {}).get("security", []))
