"""What a named person does to a draft, in FHIR: final, entered in error, amended, and who, when and why.

A person is a logical Reference (identifier and name), as people are everywhere here: no Practitioner is made
up. The label of what a model said stays on what a person signs; the earlier version stays in the history.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mappers.domain.attribution import Software
from mappers.domain.identifiers import Identity
from mappers.domain.sheet import Signed
from mappers.fhir import device, spoken
from mappers.fhir.datatypes import absent, pruned, text
from mappers.fhir.digests import source_uri

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md).
SIGNED_VERSION = "https://wardwire.org/fhir/StructureDefinition/signed-version"
REVIEWERS = "https://wardwire.org/fhir/reviewer"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_OPERATIONS = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
#: ASTM E1762-95: what the signature is for (R4 Signature.type).
_VERIFICATION = {
    "system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.5",
    "display": "Verification Signature",
}  # fmt: skip
_FINAL = frozenset({"final", "amended", "corrected", "appended"})
_GONE = frozenset({"entered-in-error", "cancelled"})


class Act(StrEnum):
    """What a person did."""

    SIGN = "sign"
    REJECT = "reject"
    AMEND = "amend"


_ACTIVITIES = {
    Act.SIGN: {"system": _LIFECYCLE, "code": "verify"},
    Act.REJECT: {"system": _OPERATIONS, "code": "NULLIFY"},
    Act.AMEND: {"system": _LIFECYCLE, "code": "amend"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who acts.

    Attributes:
        name: as it stands under the report.
        login: by which they were authenticated; "" from the shell without one.
        number: their number, with the system that issues it; None where not configured.
        shell_user: of the operating system, where they acted from a shell.
    """

    name: str
    login: str = ""
    number: tuple[str, str] | None = None
    shell_user: str = ""

    @property
    def reference(self) -> Node:
        """A logical Reference to the person."""
        system, value = self.number or (REVIEWERS, self.login)
        number = {"system": system, "value": value} if value else None
        return pruned({"type": "Practitioner", "identifier": number, "display": self.name})


@dataclass(frozen=True, slots=True)
class Bound:
    """A version that an act is bound to, by the SHA-256 of its bytes as they are served."""

    reference: str
    version: int
    sha256: str


def is_final(resource: Node) -> bool:
    """Whether a person signed it, or a sender said so."""
    return resource.get(_decides(resource)) in _FINAL


def is_gone(resource: Node) -> bool:
    """Whether it was taken back."""
    return resource.get("status") in _GONE or resource.get(_decides(resource)) in _GONE


def _decides(resource: Node) -> str:
    """Of a DocumentReference `docStatus` says how far it is."""
    return "docStatus" if resource["resourceType"] == "DocumentReference" else "status"


def finished(resource: Node, person: Person, *, at: str) -> Node:
    """A draft as signed; what is final already, or gone, stays as it is."""
    if is_final(resource) or is_gone(resource):
        return resource
    done = {**resource, _decides(resource): "final"}
    if resource["resourceType"] == "DiagnosticReport":
        return {**done, "issued": at, "resultsInterpreter": [person.reference]}
    if resource["resourceType"] == "DocumentReference":
        return {**done, "authenticator": person.reference}
    return done


def amended(resource: Node, person: Person, *, at: str) -> Node:
    """What was signed, as a person changed it and signed it again."""
    done = {**resource, _decides(resource): "amended"}
    if resource["resourceType"] == "DiagnosticReport":
        before = [each for each in resource.get("resultsInterpreter", []) if each != person.reference]
        return {**done, "issued": at, "resultsInterpreter": [*before, person.reference]}
    if resource["resourceType"] == "DocumentReference":
        return {**done, "authenticator": person.reference}
    return done


def withdrawn(resource: Node) -> Node:
    """Entered in error."""
    gone = {**resource, "status": "entered-in-error"}
    if resource["resourceType"] == "DocumentReference":
        gone["docStatus"] = "entered-in-error"
    return gone


def task(resource: Node, *, status: str, person: Person, at: str, reason: str) -> Node:
    """The Task as a person left it."""
    return {
        **resource,
        "status": status,
        "statusReason": {"text": text(reason) or "?"},
        "lastModified": at,
        "owner": person.reference,
    }


def provenance(  # noqa: PLR0913 - the parts of one Provenance
    act: Act,
    bound: Sequence[Bound],
    *,
    key: tuple[str, ...],
    person: Person,
    at: str,
    reasons: Sequence[str],
    software: Software,
    responsible: Node | None,
    entities: Iterable[Node] = (),
    seal: str = "",
) -> Node:
    """Who did it, when, what it means, and to which bytes (21 CFR 11.50, 11.70).

    Args:
        act: what was done.
        bound: the versions that it made, or confirmed.
        key: what makes this act another one than its like.
        person: who.
        at: when, an instant.
        reasons: the meaning of a signature first, then why it was rejected or amended.
        software: through which it was done.
        responsible: Reference to the organization for which they act.
        entities: what it was done to, and what was looked at.
        seal: JWS of the installation over the same facts; "" where it was not signed.
    """
    behalf = responsible or {"extension": absent(), "type": "Organization"}
    identity = Identity("Provenance", ("review", act.value, *key))
    return pruned(
        {
            "resourceType": "Provenance",
            "id": identity.id,
            "target": [_target(each) for each in bound],
            "occurredDateTime": at,
            "recorded": at,
            "reason": [{"text": said} for each in reasons if (said := text(each))],
            "activity": {"coding": [dict(_ACTIVITIES[act])]},
            "agent": [
                _agent("author" if act is Act.AMEND else "verifier", person.reference, behalf),
                *([_agent("verifier", person.reference, behalf)] if act is Act.AMEND and seal else []),
                _agent("assembler", {"reference": device.identity_of(software).reference}, behalf),
                *_shell(person, behalf),
            ],
            "entity": list(entities),
            "signature": [_signature(seal, person, at)] if seal else None,
        }
    )


def _target(bound: Bound) -> Node:
    parts = [
        {"url": "version", "valueString": str(bound.version)},
        {"url": "digest", "valueUri": source_uri(bound.sha256)},
    ]
    return {"extension": [{"url": SIGNED_VERSION, "extension": parts}], "reference": bound.reference}


def _agent(role: str, who: Node, behalf: Node) -> Node:
    kind = {"coding": [{"system": _PARTICIPANT, "code": role}]}
    return {"type": kind, "who": dict(who), "onBehalfOf": dict(behalf)}


def _shell(person: Person, behalf: Node) -> list[Node]:
    """Who sat at the shell, when that is how it was done."""
    if not person.shell_user:
        return []
    who = {"type": "Practitioner", "display": f"user {person.shell_user} of the operating system"}
    return [_agent("enterer", who, behalf)]


def _signature(seal: str, person: Person, at: str) -> Node:
    return {
        "type": [dict(_VERIFICATION)],
        "when": at,
        "who": person.reference,
        "targetFormat": "application/fhir+json",
        "sigFormat": "application/jose",
        "data": base64.b64encode(seal.encode()).decode("ascii"),
    }


def earlier_version(reference: str, version: int) -> Node:
    """What an act changed, as an entity."""
    return {"role": "revision", "what": {"reference": f"{reference}/_history/{version}"}}


def signatures(provenances: Iterable[Node]) -> tuple[Signed, ...]:
    """The signatures that these Provenances hold, the first one first."""
    found = [each for each in provenances if each.get("signature")]
    return tuple(
        Signed(
            name=each["signature"][0]["who"].get("display", ""),
            when=spoken.moment(each["signature"][0]["when"]),
            meaning=each["reason"][0]["text"],
        )
        for each in sorted(found, key=lambda one: str(one["recorded"]))
    )


def bound_of(provenance: Node) -> tuple[Bound, ...]:
    """The versions that a Provenance of an act is bound to, as `provenance` wrote them."""
    found = []
    for target in provenance["target"]:
        for extension in target.get("extension", []):
            if extension["url"] == SIGNED_VERSION:
                parts = {part["url"]: part for part in extension["extension"]}
                found.append(
                    Bound(
                        target["reference"],
                        int(parts["version"]["valueString"]),
                        parts["digest"]["valueUri"],
                    )
                )
    return tuple(found)
