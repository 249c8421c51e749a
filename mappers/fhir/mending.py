"""Leaves out of a resource what R4 forbids, so that the rest can be kept: lenient in, strict out.

An element at fault goes whole; where that leaves its parent at fault, the parent goes too. What cannot be
mended so is refused. The bytes as they came are kept elsewhere, so that nothing is lost.
"""

from __future__ import annotations

import re
from typing import Any

from mappers.domain.issues import Issue, IssueCode, Mapped, Refused, Severity
from mappers.fhir import r4

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
        without = _without(resource, _path(fault.location))
        if without is None:
            raise Refused(Issue(Severity.FATAL, fault.code, fault.location, fault.text))
        resource = without
        issues.append(Issue(Severity.WARNING, fault.code, fault.location, f"left out: {fault.text}"))
    raise Refused(
        Issue(Severity.FATAL, IssueCode.STRUCTURE, str(resource.get("resourceType")), "too much is at fault")
    )


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
