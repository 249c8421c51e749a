"""Leaves out of a resource what R4 forbids, so that the rest can be kept: lenient in, strict out.

An element at fault goes whole; where that leaves its parent at fault, the parent goes too. What cannot be
mended so is refused. The bytes as they came are kept elsewhere, so that nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mappers.domain.issues import Issue, IssueCode, Mapped, Refused, Severity
from mappers.fhir import r4
from mappers.fhir.shapes import NO_SUCH_ELEMENT, shape

Node = dict[str, Any]

_STEP = re.compile(r"([A-Za-z_]+)(\[x\])?(?:\[(\d+)\])?")
#: More faults than this are no resource with a flaw.
_MOST = 64


def mended(resource: Node) -> Mapped[Node]:
    """The resource without what is at fault, and what was left out.

    Raises:
        Refused: nothing valid is left.
    """
    issues: list[Issue] = []
    for _ in range(_MOST):
        faults = [each for each in r4.validate(resource) if each.severity is Severity.ERROR]
        if not faults:
            return Mapped(resource, tuple(issues))
        fault = faults[0]
        without = _repaired(resource, fault)
        if without is None:
            raise Refused(Issue(Severity.FATAL, fault.code, fault.location, fault.text))
        resource = without
        issues.append(Issue(Severity.WARNING, fault.code, fault.location, f"left out: {fault.text}"))
    raise Refused(
        Issue(Severity.FATAL, IssueCode.STRUCTURE, str(resource.get("resourceType")), "too much is at fault")
    )


def _repaired(resource: Node, fault: Issue) -> Any:
    """A copy without what this fault is about; None where that is all of it."""
    path = _path(fault.location)
    if fault.text.endswith(NO_SUCH_ELEMENT):
        known = shape(fault.text.removesuffix(NO_SUCH_ELEMENT))
        return _changed(
            resource, path, lambda node: {k: v for k, v in node.items() if known.knows(k)} or None
        )
    return _without(resource, path)


def _changed(node: Any, path: list[str | int], change: Callable[[Node], Node | None]) -> Any:
    """A copy in which the object at the path is what `change` makes of it; None takes it away."""
    if not path:
        return change(node) if isinstance(node, dict) else None
    step = path[0]
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        inner = _changed(node[step], path[1:], change)
        return [*node[:step], *([] if inner is None else [inner]), *node[step + 1 :]] or None
    if isinstance(node, dict) and isinstance(step, str) and step in node:
        inner = _changed(node[step], path[1:], change)
        rest = {name: value for name, value in node.items() if name != step}
        return (rest if inner is None else {**rest, step: inner}) or None
    return None


def _path(location: str) -> list[str | int]:
    """`Patient.name[0].family` as steps below the root; a choice is its stem with a star."""
    steps: list[str | int] = []
    for part in location.split(".")[1:]:
        match = _STEP.match(part)
        if match is None:
            break
        steps.append(match[1] + ("*" if match[2] else ""))
        if match[3] is not None:
            steps.append(int(match[3]))
    return steps


def _without(node: Any, path: list[str | int]) -> Any:
    """A copy without what stands at the path, or without its nearest parent that is there; None: the root."""
    if not path:
        return None
    step, rest = path[0], path[1:]
    if isinstance(node, list):
        if not isinstance(step, int) or step >= len(node):
            return None
        inner = _without(node[step], rest)
        kept = [*node[:step], *([] if inner is None else [inner]), *node[step + 1 :]]
        return kept or None
    if not isinstance(node, dict) or not isinstance(step, str):
        return None
    names = [name for name in node if _is_named(name, step)]
    if not names:
        return None
    copy = dict(node)
    for name in names:
        inner = _without(node[name], rest)
        if inner is None:
            del copy[name]
        else:
            copy[name] = inner
    return copy if copy.keys() - {"resourceType", "id", "meta"} else None


def _is_named(name: str, step: str) -> bool:
    plain = name.removeprefix("_")
    return plain.startswith(step[:-1]) if step.endswith("*") else plain == step
