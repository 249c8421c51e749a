"""Which search parameters each resource type has, and where in the resource their values stand.

Names, types and paths are those of the R4 search parameter registry (http://hl7.org/fhir/R4/searchparameter-registry.html).
Wardwire adds one name: `date` on the types that have none there, so that every result sorts by its date.
Knows nothing of SQL or HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """How a parameter compares (FHIR search-param-type; the four that Wardwire indexes)."""

    TOKEN = "token"  # noqa: S105
    REFERENCE = "reference"
    DATE = "date"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one resource type.

    Attributes:
        name: as in the query, e.g. `based-on`.
        paths: dotted element paths whose values it indexes; lists on the way are walked through.
        targets: resource types that a reference may name; empty means any type that Wardwire serves.
        code: a token on an element of type `code`, whose system is implied: a system in the query is
            not compared.
        own: not in FHIR's registry.
        exact: a date that is found as a whole and by no range, because the index keeps a mark of it only.
    """

    name: str
    kind: Kind
    paths: tuple[str, ...]
    targets: tuple[str, ...] = field(default=())
    code: bool = False
    own: bool = False
    exact: bool = False


def _token(name: str, *paths: str) -> Parameter:
    return Parameter(name, Kind.TOKEN, paths or (name,))


def _code(name: str, *paths: str) -> Parameter:
    return Parameter(name, Kind.TOKEN, paths or (name,), code=True)


def _date(name: str, *paths: str) -> Parameter:
    return Parameter(name, Kind.DATE, paths or (name,))


def _own_date(*paths: str) -> Parameter:
    return Parameter("date", Kind.DATE, paths, own=True)


def _string(name: str, *paths: str) -> Parameter:
    return Parameter(name, Kind.STRING, paths or (name,))


def _reference(name: str, path: str, *targets: str) -> Parameter:
    return Parameter(name, Kind.REFERENCE, (path,), targets)


_IDENTIFIER = _token("identifier")
_STATUS = _code("status")
_CODE = _token("code")
_CATEGORY = _token("category")
_SUBJECT = _reference("subject", "subject")
_PATIENT = _reference("patient", "subject", "Patient")
_ENCOUNTER = _reference("encounter", "encounter", "Encounter")
_SPECIMEN = _reference("specimen", "specimen", "Specimen")
_BASED_ON = _reference("based-on", "basedOn")
_PERFORMER = _reference("performer", "performer")
_ABOUT_PATIENT = (_IDENTIFIER, _PATIENT, _SUBJECT, _STATUS)

_TABLE: dict[str, tuple[Parameter, ...]] = {
    "Patient": (
        _IDENTIFIER,
        _string("name"),
        _string("family", "name.family"),
        _string("given", "name.given"),
        Parameter("birthdate", Kind.DATE, ("birthDate",), exact=True),
        _code("gender"),
    ),
    "Encounter": (
        *_ABOUT_PATIENT,
        _token("class"),
        _date("date", "period"),
        _reference("participant", "participant.individual"),
    ),
    "ServiceRequest": (
        *_ABOUT_PATIENT,
        _CODE,
        _CATEGORY,
        _code("intent"),
        _code("priority"),
        _token("requisition"),
        _date("authored", "authoredOn"),
        _date("occurrence", "occurrenceDateTime", "occurrencePeriod"),
        _own_date("authoredOn", "occurrenceDateTime", "occurrencePeriod"),
        _BASED_ON,
        _SPECIMEN,
        _ENCOUNTER,
        _reference("requester", "requester"),
    ),
    "Specimen": (
        *_ABOUT_PATIENT,
        _token("accession", "accessionIdentifier"),
        _token("type"),
        _date("collected", "collection.collectedDateTime", "collection.collectedPeriod"),
        _own_date("collection.collectedDateTime", "collection.collectedPeriod"),
    ),
    "Observation": (
        *_ABOUT_PATIENT,
        _CODE,
        _CATEGORY,
        _token("component-code", "component.code"),
        _token("combo-code", "code", "component.code"),
        _token("value-concept", "valueCodeableConcept"),
        _token("data-absent-reason", "dataAbsentReason"),
        _date("date", "effectiveDateTime", "effectivePeriod", "effectiveInstant"),
        _BASED_ON,
        _SPECIMEN,
        _ENCOUNTER,
        _PERFORMER,
        _reference("device", "device"),
        _reference("derived-from", "derivedFrom"),
        _reference("has-member", "hasMember"),
    ),
    "DiagnosticReport": (
        *_ABOUT_PATIENT,
        _CODE,
        _CATEGORY,
        _token("conclusion", "conclusionCode"),
        _date("date", "effectiveDateTime", "effectivePeriod"),
        _date("issued"),
        _BASED_ON,
        _reference("result", "result", "Observation"),
        _SPECIMEN,
        _ENCOUNTER,
        _PERFORMER,
        _reference("results-interpreter", "resultsInterpreter"),
        _reference("media", "media.link", "Media"),
    ),
    "DocumentReference": (
        _token("identifier", "identifier", "masterIdentifier"),
        _PATIENT,
        _SUBJECT,
        _STATUS,
        _token("type"),
        _CATEGORY,
        _code("contenttype", "content.attachment.contentType"),
        _date("date"),
        _date("period", "context.period"),
        _reference("author", "author"),
        _reference("encounter", "context.encounter"),
        _reference("related", "context.related"),
        _reference("relatesto", "relatesTo.target", "DocumentReference"),
    ),
    "Binary": (),
    "Media": (
        *_ABOUT_PATIENT,
        _token("type"),
        _token("modality"),
        _date("created", "createdDateTime", "createdPeriod"),
        _own_date("createdDateTime", "createdPeriod"),
        _BASED_ON,
        _ENCOUNTER,
        _reference("operator", "operator"),
        _reference("device", "device"),
    ),
    "ImagingStudy": (
        *_ABOUT_PATIENT,
        _token("modality", "series.modality"),
        _date("started"),
        _own_date("started"),
        _reference("basedon", "basedOn"),
        _ENCOUNTER,
    ),
    "Device": (
        _IDENTIFIER,
        _STATUS,
        _token("type"),
        _string("device-name", "deviceName.name", "type.text", "type.coding.display"),
        _string("manufacturer"),
        _string("model", "modelNumber"),
        _reference("patient", "patient", "Patient"),
    ),
    "Provenance": (
        _reference("target", "target"),
        _reference("patient", "target", "Patient"),
        _date("recorded"),
        _date("when", "occurredDateTime", "occurredPeriod"),
        _own_date("recorded"),
        _reference("agent", "agent.who"),
        _token("agent-type", "agent.type"),
        _token("agent-role", "agent.role"),
        _reference("entity", "entity.what"),
    ),
    "Task": (
        _IDENTIFIER,
        _reference("patient", "for", "Patient"),
        _reference("subject", "for"),
        _STATUS,
        _CODE,
        _code("intent"),
        _code("priority"),
        _token("business-status", "businessStatus"),
        _date("authored-on", "authoredOn"),
        _date("modified", "lastModified"),
        _date("period", "executionPeriod"),
        _own_date("authoredOn"),
        _BASED_ON,
        _ENCOUNTER,
        _reference("focus", "focus"),
        _reference("owner", "owner"),
        _reference("requester", "requester"),
        _reference("part-of", "partOf", "Task"),
    ),
    "Organization": (_IDENTIFIER, _string("name", "name", "alias"), _token("type")),
    "Practitioner": (
        _IDENTIFIER,
        _string("name"),
        _string("family", "name.family"),
        _string("given", "name.given"),
    ),
    "PractitionerRole": (
        _IDENTIFIER,
        _reference("practitioner", "practitioner", "Practitioner"),
        _reference("organization", "organization", "Organization"),
        _token("role", "code"),
    ),
    "Endpoint": (
        _IDENTIFIER,
        _STATUS,
        _string("name"),
        _token("connection-type", "connectionType"),
        _reference("organization", "managingOrganization", "Organization"),
    ),
    "Location": (_IDENTIFIER, _string("name", "name", "alias"), _STATUS),
}

#: type -> parameter name -> parameter, for every type that Wardwire keeps and serves.
PARAMETERS: Mapping[str, Mapping[str, Parameter]] = MappingProxyType(
    {
        kind: MappingProxyType({parameter.name: parameter for parameter in parameters})
        for kind, parameters in _TABLE.items()
    }
)


def targets_of(parameter: Parameter) -> tuple[str, ...]:
    """The resource types that a reference of this parameter may name, among those served."""
    return parameter.targets or tuple(PARAMETERS)
