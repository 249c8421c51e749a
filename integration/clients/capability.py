"""What a FHIR server says it can do, and what that means for us: its CapabilityStatement, read and judged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Node = dict[str, Any]
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """What is offered for one resource type.

    Attributes:
        interactions: codes of restful-interaction: read, vread, search-type, create, update, …
        search: names of search parameters.
    """

    interactions: frozenset[str] = _NONE
    search: frozenset[str] = _NONE
    conditional_create: bool = False
    conditional_update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """A server.

    Attributes:
        fhir_version: e.g. "4.0.1".
        software: name and version, as it calls itself.
        system: interactions over all types: transaction, batch, …
    """

    fhir_version: str
    software: str
    system: frozenset[str]
    types: Mapping[str, Type] = field(default_factory=dict)

    def of(self, kind: str) -> Type:
        """What is offered for a type; nothing where it is not named."""
        return self.types.get(kind, Type())


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that will work or will not.

    Attributes:
        required: without it the channel cannot do its work.
        reason: what it means, and what Wardwire does instead.
    """

    name: str
    passed: bool
    reason: str
    required: bool = False


def read(statement: Node) -> Capability:
    """A CapabilityStatement; what is of another form than FHIR's counts as not offered."""
    rest = next((each for each in _nodes(statement.get("rest")) if each.get("mode") == "server"), {})
    software = _node(statement.get("software"))
    return Capability(
        fhir_version=_text(statement.get("fhirVersion")),
        software=f"{_text(software.get('name'))} {_text(software.get('version'))}".strip(),
        system=frozenset(_texts(rest.get("interaction"), "code")),
        types={_text(each.get("type")): _type(each) for each in _nodes(rest.get("resource"))},
    )


def _type(node: Node) -> Type:
    return Type(
        interactions=frozenset(_texts(node.get("interaction"), "code")),
        search=frozenset(_texts(node.get("searchParam"), "name")),
        conditional_create=node.get("conditionalCreate") is True,
        conditional_update=node.get("conditionalUpdate") is True,
    )


def judge(capability: Capability, *, sources: Collection[str]) -> tuple[Finding, ...]:
    """What will work with this server.

    Args:
        capability: what it says.
        sources: the resource types that are read from it.
    """
    return tuple(_findings(capability, sources))


def _findings(capability: Capability, sources: Collection[str]) -> Iterator[Finding]:
    version = capability.fhir_version
    yield Finding(
        "version",
        version.startswith(("4.0", "4.3")),
        f"FHIR {version or '(not stated)'}, {capability.software or '(no name)'}; R4 or R4B is needed",
        required=True,
    )
    for kind in sorted(sources):
        offered = capability.of(kind)
        yield Finding(
            f"{kind}.read",
            "read" in offered.interactions,
            "read" if "read" in offered.interactions else "does not offer to read it",
            required=True,
        )
        caught_up = "_lastUpdated" in offered.search
        how = (
            "is caught up by _lastUpdated"
            if caught_up
            else "no search by _lastUpdated: nothing catches up lost events"
        )
        yield Finding(f"{kind}.search", caught_up, how)
    yield from _writing(capability)


def _writing(capability: Capability) -> Iterator[Finding]:
    atomic = "transaction" in capability.system
    yield Finding(
        "transaction",
        atomic,
        "offered" if atomic else "not offered: results are written one by one, in order",
    )
    report = capability.of("DiagnosticReport")
    for name, offered in (
        ("conditional create", report.conditional_create),
        ("conditional update", report.conditional_update),
    ):
        yield Finding(
            name, offered, "offered" if offered else "not offered: a search comes before each write"
        )
    binary = "create" in capability.of("Binary").interactions
    yield Finding(
        "Binary", binary, "offered" if binary else "not offered: documents travel inside DocumentReference"
    )
    hooks = "create" in capability.of("Subscription").interactions
    yield Finding("Subscription", hooks, "offered" if hooks else "not offered: register it by hand, or poll")


#: What is looked up at a destination and never created, and what is written there.
LOOKED_UP: Final = ("Patient", "ServiceRequest", "Encounter", "ImagingStudy", "Media")
WRITTEN: Final = (
    "Device", "Specimen", "Observation", "DiagnosticReport", "DocumentReference", "Provenance",
)  # fmt: skip
#: Without these no result gets there.
_NEEDED: Final = frozenset({"Observation", "DiagnosticReport", "DocumentReference"})


def judge_destination(capability: Capability, *, style: str, tasks: bool = False) -> tuple[Finding, ...]:
    """What will work with a server that results are written to.

    Args:
        capability: what it says.
        style: how it is written to: auto, transaction or writes.
        tasks: review Tasks are written too.
    """
    return tuple(_of_destination(capability, style, (*WRITTEN, "Task") if tasks else WRITTEN))


def _of_destination(capability: Capability, style: str, written: Sequence[str]) -> Iterator[Finding]:
    version = capability.fhir_version
    told = f"FHIR {version or '(not stated)'}, {capability.software or '(no name)'}; R4 or R4B is needed"
    yield Finding("version", version.startswith(("4.0", "4.3")), told, required=True)
    atomic = "transaction" in capability.system
    yield Finding("style", atomic or style != "transaction", _style(style, atomic=atomic), required=True)
    for kind in LOOKED_UP:
        found = {"search-type"} <= capability.of(kind).interactions and "identifier" in _params(
            capability, kind
        )
        how = "is found by identifier" if found else "no search by identifier is stated: it may not be found"
        yield Finding(f"{kind}.search", found, how, required=False)
    for kind in written:
        yield _write_of(capability, kind)
    report = capability.of("DiagnosticReport")
    for name, offered in (
        ("conditional create", report.conditional_create),
        ("conditional update", report.conditional_update),
    ):
        how = "offered" if offered else "not offered: a search comes before each write, as it does anyway"
        yield Finding(name, offered, how)
    binary = "create" in capability.of("Binary").interactions
    yield Finding("Binary", binary, f"{'' if binary else 'not '}offered: documents travel inline in any case")


def _write_of(capability: Capability, kind: str) -> Finding:
    offered = capability.of(kind).interactions
    once = kind in {"Device", "Provenance"}
    lacking = [each for each in (("create",) if once else ("create", "update")) if each not in offered]
    by = "target" if kind == "Provenance" else "identifier"
    searched = "search-type" in offered and by in _params(capability, kind)
    if lacking:
        return Finding(
            f"{kind}.write",
            passed=False,
            reason=f"does not offer to {' and '.join(lacking)} it: deliveries with one will be parked",
            required=kind in _NEEDED,
        )
    how = "created" if once else "created and updated"
    how += (
        f", found again by {by}"
        if searched
        else f"; no search by {by} is stated: after a lost answer one may be written twice"
    )
    return Finding(f"{kind}.write", passed=searched, reason=how)


def _params(capability: Capability, kind: str) -> frozenset[str]:
    return capability.of(kind).search


def _style(style: str, *, atomic: bool) -> str:
    if style == "writes" or (style == "auto" and not atomic):
        return "one resource after the other, in order, going on where it was cut off"
    if atomic:
        return "all results of a message in one transaction"
    return 'no transaction is offered: set style = "writes" or "auto"'


def _node(value: Any) -> Node:
    return value if isinstance(value, dict) else {}


def _nodes(value: Any) -> Iterator[Node]:
    yield from (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def _texts(value: Any, name: str) -> Iterator[str]:
    yield from (each[name] for each in _nodes(value) if isinstance(each.get(name), str))


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""
