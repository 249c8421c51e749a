"""FHIR R4: what is valid, and how it is written down. The only importer of fhir.resources.

Its R4B models are structurally R4 for the types of Wardwire. What they let pass (codes of required
bindings, reference targets, invariants, narrative, check digits) is judged by `shapes`, so that nothing
invalid can be written. Knows nothing of the domain's results and nothing of HL7 v2.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.fhir.codec import decode, encode
from mappers.fhir.definitions import load
from mappers.fhir.shapes import Walk

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["decode", "encode", "is_valid", "validate"]

Node = dict[str, Any]

_NAME = re.compile(r"[A-Za-z_]{1,64}")


def validate(resource: Node) -> tuple[Issue, ...]:
    """Judge one resource or Bundle: every issue with its FHIRPath, none with a value.

    Our own checks speak first, in R4's words; where they find no error, fhir.resources has the last word.

    Args:
        resource: plain JSON data; numbers as Decimal or int.

    Returns:
        Errors, which forbid writing it, and warnings, which do not.
    """
    walk = Walk()
    name = resource.get("resourceType")
    root = name if isinstance(name, str) and name in load().codes["resource-types"] else "Resource"
    try:
        walk.resource(resource, root)
        if not walk.faults and not _is_accepted(walk):
            found = _library_issues(root, resource)
            if not found:
                _accept(walk)
            walk.issues += found
    except RecursionError:
        text = "nested too deeply"
        return (Issue(Severity.ERROR, IssueCode.TOO_COSTLY, root, text),)
    return tuple(walk.issues)


def is_valid(resource: Node) -> bool:
    """Whether nothing forbids writing this resource."""
    return not any(issue.severity in {Severity.ERROR, Severity.FATAL} for issue in validate(resource))


#: Skeletons that fhir.resources took. Once our walk has passed every primitive, its verdict hangs on nothing
#: else, and asking costs five times the walk. Skeletons hold no values.
_accepted: set[tuple[str | None, ...]] = set()
_MAX_ACCEPTED = 4096
#: What the library refuses and R4 does not: a uuid of another version than 4.
_STRICTER_THAN_R4 = frozenset({"uuid_version"})


def _is_accepted(walk: Walk) -> bool:
    return not walk.by_value and tuple(walk.skeleton) in _accepted


def _accept(walk: Walk) -> None:
    if len(_accepted) >= _MAX_ACCEPTED:
        _accepted.clear()
    _accepted.add(tuple(walk.skeleton))


@cache
def _model(name: str) -> type[BaseModel] | None:
    """The model of a resource type, imported when first needed; None where R4B no longer has it."""
    try:
        module = import_module(f"fhir.resources.R4B.{name.lower()}")
    except ModuleNotFoundError:
        return None
    model: type[BaseModel] = getattr(module, name)
    return model


def _library_issues(name: str, resource: Node) -> list[Issue]:
    """What fhir.resources refuses. Its own texts repeat the input, so that none of them is used."""
    model = _model(name)
    if model is None:
        text = "no model of this resource type: its structure is not checked"
        return [Issue(Severity.WARNING, IssueCode.NOT_SUPPORTED, name, text)]
    try:
        model.model_validate(resource)
    except ValueError as error:  # pydantic.ValidationError is one
        return _translated(name, error)
    except (AttributeError, KeyError, TypeError):
        return [_issue(name, "fhir.resources cannot read this resource")]
    return []


def _translated(name: str, error: ValueError) -> list[Issue]:
    details = getattr(error, "errors", None)
    if details is None:
        return [_issue(name, "fhir.resources refuses this resource")]
    found = details(include_url=False, include_context=False, include_input=False)
    return [
        _issue(_path(name, detail), f"fhir.resources: {detail['type']}")
        for detail in found
        if detail["type"] not in _STRICTER_THAN_R4
    ]


def _path(name: str, detail: Node) -> str:
    """The FHIRPath of what was refused; the name of an unknown element is the sender's text and stays out."""
    location = detail["loc"][:-1] if detail["type"] == "extra_forbidden" else detail["loc"]
    path = name
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _NAME.fullmatch(step):
            path += f".{step}"
    return path


def _issue(path: str, text: str) -> Issue:
    return Issue(Severity.ERROR, IssueCode.STRUCTURE, path, text)
