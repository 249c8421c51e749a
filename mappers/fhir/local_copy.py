"""A resource of a FHIR server as a resource of our own: another id, local references; the rest as it was.

Nothing of it is interpreted. What points to a resource that was copied too points to that copy; any other
literal reference becomes a logical one, whose identifier is the address that it named, so that every literal
reference in our store is relative and leads somewhere. Profiles are not claimed: they were made for the
original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from mappers.domain.identifiers import Identity
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.fhir import datatypes_reader as types
from mappers.fhir.datatypes import URI_SYSTEM, pruned

Node = dict[str, Any]
Resolve = Callable[[str], str | None]

_RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_NOT_COPIED = frozenset({"resourceType", "id", "meta"})


def target(reference: Any, base: str) -> tuple[str, str] | None:
    """Type and id of what a literal reference names below a base; None: it is elsewhere, or no resource."""
    if not isinstance(reference, str):
        return None
    match = _RELATIVE.fullmatch(reference.removeprefix(f"{base}/") if base else reference)
    return (match[1], match[2]) if match else None


def references_at(resource: Any, path: str) -> Iterator[Node]:
    """The References that stand at a dotted path; arrays on the way are walked through."""
    yield from _at(resource, path.split("."))


def _at(node: Any, path: list[str]) -> Iterator[Node]:
    if isinstance(node, list):
        for item in node:
            yield from _at(item, path)
    elif isinstance(node, dict):
        if not path:
            yield node
        else:
            yield from _at(node.get(path[0]), path[1:])


def write(resource: Node, *, identity: Identity, source: str, resolve: Resolve, base: str) -> Node:
    """The copy; it may still hold what R4 forbids.

    Args:
        resource: as the server gave it.
        identity: of the copy.
        source: where it was read: an absolute, versioned URL, or the digest of a submission.
        resolve: what a literal reference is called here; None where it leads to nothing of ours.
        base: of the server.

    Raises:
        Refused: it must be understood by rules that nobody knows here (`implicitRules`).
    """
    if "implicitRules" in resource:
        where = f"{resource.get('resourceType')}.implicitRules"
        text = "this must be understood to read the resource, and is not"
        raise Refused(Issue(Severity.FATAL, IssueCode.NOT_SUPPORTED, where, text))
    meta = types.node(resource.get("meta"))
    labels = {name: meta[name] for name in ("security", "tag") if name in meta}
    head: Node = {
        "resourceType": identity.kind,
        "id": identity.id,
        "meta": {"source": source, **labels},
    }
    rest = {name: value for name, value in resource.items() if name not in _NOT_COPIED}
    copied: Node = {**head, **_pointed(rest, resolve, base)}
    return copied


def _pointed(node: Any, resolve: Resolve, base: str) -> Any:
    if isinstance(node, list):
        return [_pointed(item, resolve, base) for item in node]
    if not isinstance(node, dict):
        return node
    inside = {name: _pointed(value, resolve, base) for name, value in node.items() if name != "reference"}
    literal = node.get("reference")
    if not isinstance(literal, str) or literal.startswith("#"):
        return {**inside, **({"reference": literal} if "reference" in node else {})}
    here = resolve(literal)
    if here is not None:
        return {"reference": here, **inside}
    return _logical(inside, literal, target(literal, base), base)


def _logical(reference: Node, literal: str, named: tuple[str, str] | None, base: str) -> Node:
    """A reference to what is not here: its identifier, else the address that it named."""
    address = f"{base}/{'/'.join(named)}" if named and base else literal
    told = {"type": named[0] if named else None, "identifier": {"system": URI_SYSTEM, "value": address}}
    if not (address.startswith(("http:", "https:", "urn:"))):
        told["identifier"] = {"value": address}
    return {**pruned(told), **reference}
