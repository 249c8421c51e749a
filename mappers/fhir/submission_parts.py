"""What a request submits: one resource or a Bundle, taken apart into entries, as yet unjudged."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from mappers.domain.identifiers import Identity
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.fhir import datatypes_reader as types

Node = dict[str, Any]

#: What is taken, in an order in which most of what a resource refers to comes before it.
TYPES: Final = (
    "Organization", "Practitioner", "PractitionerRole", "Location", "Endpoint", "Patient", "Encounter",
    "Specimen", "ServiceRequest", "Binary", "ImagingStudy", "Media", "DocumentReference",
)  # fmt: skip
#: What may be submitted as a single resource.
SINGLE: Final = frozenset({"ImagingStudy", "Media", "DocumentReference", "Binary"})
#: Most entries of one Bundle.
MAX_ENTRIES: Final = 1000
_BUNDLES = frozenset({"transaction", "batch", "collection"})


class Style(StrEnum):
    """How entries hang together: in a batch each stands for itself, else all or none is taken."""

    SINGLE = "single"
    TRANSACTION = "transaction"
    BATCH = "batch"
    COLLECTION = "collection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One resource that is submitted.

    Attributes:
        where: its FHIRPath in the submission.
        resource: as it is to be written; as it came while it is refused.
        unless: `ifNoneExist`: a search that finds what makes it needless.
        issues: an error refuses it.
    """

    where: str
    resource: Node
    full_url: str = ""
    unless: str = ""
    identity: Identity | None = None
    issues: tuple[Issue, ...] = field(default=())

    @property
    def refused(self) -> bool:
        """Whether it is not taken."""
        return any(each.severity in {Severity.ERROR, Severity.FATAL} for each in self.issues)


@dataclass(frozen=True, slots=True)
class Submission:
    """All that one request submits."""

    style: Style
    entries: tuple[Entry, ...]

    @property
    def refused(self) -> bool:
        """Whether nothing of it is taken."""
        each = [entry.refused for entry in self.entries]
        return all(each) if self.style is Style.BATCH else any(each)


def parse(body: Node, *, kind: str | None) -> Submission:
    """The entries of what was submitted; none is judged yet.

    Args:
        body: the JSON.
        kind: the type that the address named; None where it named none.

    Raises:
        Refused: it is neither a Bundle that is taken nor a resource of that type.
    """
    name = body.get("resourceType")
    if kind is not None and name != kind:
        raise _refused(
            IssueCode.INVALID, "resourceType", "the resource is not of the type that the address names"
        )
    if name != "Bundle":
        if kind is None and name not in SINGLE:
            raise _refused(
                IssueCode.NOT_SUPPORTED, "resourceType", f"send a Bundle, or one of {listed(SINGLE)}"
            )
        return Submission(Style.SINGLE, (Entry(where=str(name), resource=body),))
    if body.get("type") not in _BUNDLES:
        raise _refused(IssueCode.NOT_SUPPORTED, "Bundle.type", f"only {listed(_BUNDLES)} are taken")
    entries = body.get("entry", [])
    if not isinstance(entries, list) or not entries:
        raise _refused(IssueCode.REQUIRED, "Bundle.entry", "there is nothing in the Bundle")
    if len(entries) > MAX_ENTRIES:
        raise _refused(IssueCode.TOO_COSTLY, "Bundle.entry", f"more than {MAX_ENTRIES} entries")
    style = Style(body["type"])
    return Submission(style, tuple(_entry(each, number, style) for number, each in enumerate(entries)))


def _entry(node: Any, number: int, style: Style) -> Entry:
    entry = types.node(node)
    where = f"Bundle.entry[{number}]"
    resource, request = types.node(entry.get("resource")), types.node(entry.get("request"))
    issues: tuple[Issue, ...] = ()
    if not resource:
        issues = (_error(IssueCode.REQUIRED, where, "the entry holds no resource"),)
    elif style is not Style.COLLECTION and request.get("method") != "POST":
        text = "only POST is taken: what is submitted is named by what it says"
        issues = (_error(IssueCode.NOT_SUPPORTED, f"{where}.request.method", text),)
    elif request and request.get("url") not in {resource.get("resourceType"), None}:
        issues = (_error(IssueCode.INVALID, f"{where}.request.url", "the url is not the resource's type"),)
    return Entry(
        where=where,
        resource=resource,
        full_url=types.text(entry.get("fullUrl")) or "",
        unless=types.text(request.get("ifNoneExist")) or "",
        issues=issues,
    )


def binary(content: bytes, media_type: str) -> Node:
    """Bytes as a Binary."""
    return {
        "resourceType": "Binary",
        "contentType": media_type,
        "data": base64.b64encode(content).decode("ascii"),
    }


def listed(names: Collection[str]) -> str:
    """Names for an issue's text."""
    return ", ".join(sorted(names))


def _error(code: IssueCode, where: str, text: str) -> Issue:
    return Issue(Severity.ERROR, code, where, text)


def _refused(code: IssueCode, where: str, text: str) -> Refused:
    return Refused(Issue(Severity.FATAL, code, where, text))
