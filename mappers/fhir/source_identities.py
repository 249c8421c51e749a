"""Who is who among resources of FHIR servers: every rule of identity in one place.

`mappers.hl7v2.identities` has those of HL7 v2; where both know a number, both give one identity.

| of | first of these that the resource has | else |
|---|---|---|
| Patient | an identifier of the channel's `patient_assigners`, best first; the first of type MR; the only \
one with a system | its address |
| ServiceRequest | placer number (PLAC) with its system + code; filler number (FILL) with its system \
+ code | its address |
| Encounter | visit number (VN) with its system | its address |
| ImagingStudy | its Study Instance UID (identifier of `urn:dicom:uid`) | its address |
| others | | its address |

Its address is the server's base and the id that the server gave; of a submission, which has neither, the
channel and what it says: its business identifier, else a digest of its content. A number is never taken from
an identifier that is marked as old, nor without the name space that makes it unique.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from mappers.domain.channels import Channel
from mappers.domain.identifiers import FHIR, FILLER, Identifier, Identity
from mappers.fhir import datatypes_reader as types

Node = dict[str, Any]

DICOM_UID: Final = "urn:dicom:uid"
_UID = re.compile(r"(?:urn:oid:)?([0-9]+(?:\.[0-9]+)+)")
_LONGEST_UID: Final = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where resources come from.

    Attributes:
        channel: their way in.
        base: of the server, without a slash at the end; of submissions, a name that no server has.
    """

    channel: Channel
    base: str


def of(resource: Node, *, name: str, place: Place) -> Identity:
    """Of a resource.

    Args:
        resource: as the server gave it.
        name: its id there.
        place: where it comes from.
    """
    kind = str(resource.get("resourceType"))
    parts: tuple[str, ...] | None = None
    match kind:
        case "Patient":
            parts = _patient(resource, place.channel)
        case "ServiceRequest":
            parts = _order(resource)
        case "Encounter":
            number = _typed(types.identifiers(resource.get("identifier")), "VN")
            parts = (number.scope, number.value) if number else None
        case "ImagingStudy":
            uid = study_uid(resource)
            parts = (DICOM_UID, uid) if uid else None
    return Identity(kind, parts) if parts else address(kind, name, place=place)


def address(kind: str, name: str, *, place: Place) -> Identity:
    """Of what only its server names."""
    return Identity(kind, (place.base, FHIR, name))


def study_uid(resource: Node) -> str | None:
    """The Study Instance UID of an ImagingStudy, bare."""
    for number in types.identifiers(resource.get("identifier")):
        match = _UID.fullmatch(number.value) if number.system == DICOM_UID else None
        if match and len(match[1]) <= _LONGEST_UID:
            return match[1]
    return None


def patient_aliases(resource: Node, own: Identity, *, channel: Channel) -> tuple[Identity, ...]:
    """The same patient by the other numbers of assigners that the channel names, and no more."""
    trusted = [
        each
        for each in types.identifiers(resource.get("identifier"))
        if each.scope and any(_is_of(each, one, channel) for one in channel.patient_assigners)
    ]
    named = (Identity("Patient", (each.scope, each.value)) for each in trusted)
    return tuple(dict.fromkeys(each for each in named if each != own))


def _patient(resource: Node, channel: Channel) -> tuple[str, ...] | None:
    listed = [each for each in types.identifiers(resource.get("identifier")) if each.scope]
    for assigner in channel.patient_assigners:
        found = next((each for each in listed if _is_of(each, assigner, channel)), None)
        if found:
            return (found.scope, found.value)
    chosen = _typed(listed, "MR") or (listed[0] if len(listed) == 1 else None)
    return (chosen.scope, chosen.value) if chosen else None


def _is_of(number: Identifier, assigner: str, channel: Channel) -> bool:
    return bool({assigner, channel.assigners.get(assigner, assigner)} & {number.system, number.assigner})


def _order(resource: Node) -> tuple[str, ...] | None:
    """As of an HL7 v2 order: one number may cover several tests, each an order of its own."""
    numbers = types.identifiers(resource.get("identifier"))
    what = _code_key(resource.get("code"))
    placer, filler = _typed(numbers, "PLAC"), _typed(numbers, "FILL")
    if placer:
        return (placer.scope, placer.value, what)
    return (filler.scope, FILLER, filler.value, what) if filler else None


def _typed(numbers: Iterable[Identifier], code: str) -> Identifier | None:
    return next((each for each in numbers if each.scope and types.has_type(each, code)), None)


def _code_key(value: Any) -> str:
    """The first code with its system, else the words: as `mappers.hl7v2.identities.code_key`."""
    concept = types.concept(value)
    if concept is None:
        return ""
    first = next((each for each in concept.codings if each.code), None)
    if first:
        return f"{first.code}|{first.system or ''}"
    words = concept.text or next((each.display for each in concept.codings if each.display), None)
    return f"|{words}" if words else ""
