"""Patient of FHIR -> who they are, as a page or a picture is compared with them."""

from __future__ import annotations

from typing import Any

from mappers.domain.identifiers import Identity
from mappers.domain.people import Patient
from mappers.fhir import datatypes_reader as types

Node = dict[str, Any]


def read(resource: Node, *, identity: Identity) -> Patient:
    """What a Patient says of who they are: numbers, names, sex, day of birth; nothing else of them."""
    birth = types.moment(resource.get("birthDate"))
    return Patient(
        identity=identity,
        identifiers=types.identifiers(resource.get("identifier")),
        names=tuple(found for each in types.nodes(resource.get("name")) if (found := types.human_name(each))),
        gender=types.text(resource.get("gender")),
        birth_date=birth.text if birth else None,
        origin="Patient",
    )
