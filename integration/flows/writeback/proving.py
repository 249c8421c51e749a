"""Trials at a FHIR server: does it keep a draft a draft, and does an update change that same resource?

Only a server that passed gets drafts that nobody signed. The trials write an Observation, a DiagnosticReport
and a DocumentReference about a patient who was named for it, labelled as a test (HTEST), look at each, make
it final, look again, take it back as entered in error, and delete it where the server lets them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from integration.errors import RemoteError
from integration.flows.writeback.ports import FhirServer
from mappers.domain.coding import LOINC
from mappers.fhir import departure, r4

Node = dict[str, Any]

_TEST: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
_WITHDRAWN: Final = "entered-in-error"
_WORDS: Final = "VGVzdCBvZiB3cml0aW5nIGRyYWZ0cw=="  # "Test of writing drafts"


@dataclass(frozen=True, slots=True)
class Trial:
    """What one trial showed.

    Attributes:
        kind: resource type.
        told: in words; nothing of what the server said.
    """

    kind: str
    passed: bool
    told: str


def trials(server: FhirServer, *, patient: str, run: str) -> tuple[Trial, ...]:
    """Make all trials.

    Args:
        server: where.
        patient: id there of a patient who exists for tests.
        run: names these trials: other ones write other resources.

    Raises:
        ValueError: `patient` is no FHIR id.
    """
    if departure.key_of(f"Patient/{patient}") is None:
        raise ValueError("not the id of a patient")
    return tuple(_trial(server, resource) for resource in _drafts(patient, run))


def _drafts(patient: str, run: str) -> Iterator[Node]:
    text = {"coding": [{"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}]}
    whose = {"subject": {"reference": f"Patient/{patient}"}}
    for kind in ("Observation", "DiagnosticReport", "DocumentReference"):
        head = {
            "resourceType": kind,
            "meta": {"security": [_TEST]},
            "identifier": [departure.identifier_of(f"{kind}/{run}")],
        }
        if kind == "DocumentReference":
            content = {"contentType": "text/plain; charset=utf-8", "data": _WORDS}
            yield {
                **head,
                "status": "current",
                "docStatus": "preliminary",
                "type": text,
                **whose,
                "content": [{"attachment": content}],
            }
        else:
            yield {**head, "status": "preliminary", "code": text, **whose, **_said(kind)}


def _said(kind: str) -> Node:
    return {"valueString": "test"} if kind == "Observation" else {"conclusion": "test"}


def _trial(server: FhirServer, draft: Node) -> Trial:
    kind = draft["resourceType"]
    field = "docStatus" if kind == "DocumentReference" else "status"
    try:
        told = server.create(kind, r4.encode(draft))
        if told.held or not told.id:
            return Trial(
                kind, passed=False, told="held for a review (202): nobody can say what becomes of it"
            )
        try:
            return _updates(server, draft, told.id, field)
        finally:
            _leave(server, draft, told.id)
    except RemoteError as error:
        return Trial(kind, passed=False, told=f"the server did not do it: {error}")


def _updates(server: FhirServer, draft: Node, key: str, field: str) -> Trial:
    kind = draft["resourceType"]
    first = server.read(kind, key)
    if first.resource.get(field) != "preliminary":
        return Trial(kind, passed=False, told=f"{field} preliminary was not kept")
    final = {**draft, "id": key, field: "final"}
    server.update(kind, key, r4.encode(final), version=first.version or None)
    second = server.read(kind, key)
    if second.resource.get(field) != "final":
        return Trial(kind, passed=False, told=f"an update does not change {field}")
    if first.version and first.version == second.version:
        return Trial(kind, passed=False, told="an update makes no new version")
    return Trial(kind, passed=True, told=f"keeps {field} preliminary, and an update makes the same one final")


def _leave(server: FhirServer, draft: Node, key: str) -> None:
    """Take back what was tried."""
    kind = draft["resourceType"]
    gone = {**draft, "id": key, "status": _WITHDRAWN}
    if kind == "DocumentReference":
        gone["docStatus"] = _WITHDRAWN
    try:
        server.update(kind, key, r4.encode(gone))
        server.delete(kind, key)
    except RemoteError:
        return  # it stays, labelled as a test
