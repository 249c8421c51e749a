"""ImagingStudy of FHIR -> the study: its UIDs, series, counts, and where its images can be had.

Lenient: what is not of FHIR's form counts as absent. A UID that is none is not taken: it becomes part of an
address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mappers.domain.identifiers import Identifier
from mappers.domain.imaging import DICOM_UID, Endpoint, InstanceRef, Series, Study
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.fhir import datatypes_reader as types

Node = dict[str, Any]

_UID: Final = re.compile(r"(?:urn:oid:)?([0-9]+(?:\.[0-9]+)*)")
_LONGEST_UID: Final = 64
_ACCESSION: Final = "ACSN"


def read(resource: Node, *, source: str = "") -> Study:
    """What an ImagingStudy says.

    Args:
        resource: as its server gave it, or our copy of it.
        source: URL that it was read from.

    Raises:
        Refused: it has no Study Instance UID.
    """
    numbers = types.identifiers(resource.get("identifier"))
    uids = (uid_of(number.value) for number in numbers if number.system == DICOM_UID)
    uid = next(filter(None, uids), None)
    if uid is None:
        text = "no identifier of the system urn:dicom:uid: nothing says which study this is"
        raise Refused(Issue(Severity.FATAL, IssueCode.REQUIRED, "ImagingStudy.identifier", text))
    notes = (types.text(note.get("text")) for note in types.nodes(resource.get("note")))
    return Study(
        uid=uid,
        status=types.text(resource.get("status")) or "unknown",
        subject=_reference(resource.get("subject")),
        identifiers=numbers,
        accession=_accession(numbers),
        modalities=tuple(
            found for each in types.nodes(resource.get("modality")) if (found := types.coding(each))
        ),
        started=types.moment(resource.get("started")),
        description=types.text(resource.get("description")),
        procedures=types.concepts(resource.get("procedureCode")),
        reasons=types.concepts(resource.get("reasonCode")),
        notes=tuple(words for words in notes if words),
        based_on=tuple(filter(None, map(_reference, types.nodes(resource.get("basedOn"))))),
        encounter=_reference(resource.get("encounter")),
        endpoints=tuple(endpoint_references(resource)),
        series=tuple(_series(resource)),
        series_count=_count(resource.get("numberOfSeries")),
        instance_count=_count(resource.get("numberOfInstances")),
        source=source,
    )


def uid_of(value: str) -> str | None:
    """A UID without its prefix; None where it is none."""
    match = _UID.fullmatch(value.strip())
    return match[1] if match and len(match[1]) <= _LONGEST_UID else None


def endpoint(resource: Node) -> Endpoint | None:
    """What an Endpoint says; None where it has no address."""
    address = types.text(resource.get("address"))
    kind = types.node(resource.get("connectionType")).get("code")
    if address is None or not isinstance(kind, str):
        return None
    return Endpoint(kind, address.strip(), types.text(resource.get("status")) or "")


def contained_endpoints(resource: Node) -> Iterator[Endpoint]:
    """The Endpoints that a study carries inside."""
    for each in types.nodes(resource.get("contained")):
        if each.get("resourceType") == "Endpoint" and (found := endpoint(each)):
            yield found


def endpoint_references(resource: Node) -> Iterator[str]:
    """References to Endpoints of the study and of its series, each once."""
    places = [resource, *types.nodes(resource.get("series"))]
    listed = [each for place in places for each in types.nodes(place.get("endpoint"))]
    yield from dict.fromkeys(found for each in listed if (found := _reference(each)))


def _accession(numbers: tuple[Identifier, ...]) -> Identifier | None:
    return next((each for each in numbers if types.has_type(each, _ACCESSION)), None)


def _series(resource: Node) -> Iterator[Series]:
    for each in types.nodes(resource.get("series")):
        uid = uid_of(types.text(each.get("uid")) or "")
        if uid is None:
            continue
        yield Series(
            uid=uid,
            modality=types.text(types.node(each.get("modality")).get("code")) or "",
            number=_count(each.get("number")),
            description=types.text(each.get("description")),
            body_site=types.concept({"coding": [each["bodySite"]]}) if each.get("bodySite") else None,
            laterality=types.concept({"coding": [each["laterality"]]}) if each.get("laterality") else None,
            started=types.moment(each.get("started")),
            count=_count(each.get("numberOfInstances")),
            instances=tuple(_instances(each)),
        )


def _instances(series: Node) -> Iterator[InstanceRef]:
    for each in types.nodes(series.get("instance")):
        uid = uid_of(types.text(each.get("uid")) or "")
        if uid is not None:
            sop_class = uid_of(types.text(types.node(each.get("sopClass")).get("code")) or "")
            yield InstanceRef(uid, sop_class or "", _count(each.get("number")), types.text(each.get("title")))


def _reference(value: Any) -> str | None:
    return types.text(types.node(value).get("reference"))


def _count(value: Any) -> int | None:
    """A whole number from 0; numbers of a resource keep their digits, so that they are no int yet."""
    try:
        number = int(str(value))
    except ValueError:
        return None
    return number if number >= 0 else None
