"""Patient from PID and PD1 (v2-to-FHIR, PID[Patient]; US Core 9, us-core-patient)."""

from __future__ import annotations

from typing import Any

from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Note
from mappers.domain.people import Contact, Patient
from mappers.domain.times import Moment
from mappers.fhir.account import Account
from mappers.fhir.chart import Chart, note_extensions
from mappers.fhir.datatypes import (
    actor,
    actors,
    address,
    concept,
    concepts,
    contact_point,
    human_name,
    identifiers,
    period,
    pruned,
    text,
)
from mappers.fhir.primitives import is_date

Node = dict[str, Any]

_BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
_RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
_CDC_RACE = "urn:oid:2.16.840.1.113883.6.238"
_IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
#: The OMB categories, which tables 0005 and 0189 share with the CDC's system.
_OMB = {
    "1002-5": "American Indian or Alaska Native",
    "2028-9": "Asian",
    "2054-5": "Black or African American",
    "2076-8": "Native Hawaiian or Other Pacific Islander",
    "2106-3": "White",
    "2135-2": "Hispanic or Latino",
    "2186-5": "Not Hispanic or Latino",
}
#: Table 0189 -> CDC.
_ETHNIC_GROUPS = {"H": "2135-2", "N": "2186-5"}

#: Attributes that HL7 null takes away -> element, or extension, as `merging` groups them.
_ELEMENTS = {
    "names": "name", "birth_date": "birthDate", "gender": "gender", "addresses": "address",
    "telecoms": "telecom", "languages": "communication", "marital_status": "maritalStatus",
    "multiple_birth": "multipleBirth", "deceased": "deceased",
    "race": f"extension {_RACE}", "ethnicity": f"extension {_ETHNICITY}",
}  # fmt: skip


def identity_of(patient: Patient, sha256: str) -> Identity:
    """The patient's identity; one whom nothing identifies is a patient of this message only."""
    return patient.identity or Identity("Patient", ("message", sha256, patient.origin))


def write(patient: Patient, identity: Identity, *, notes: tuple[Note, ...], chart: Chart) -> Node:
    """The Patient. `notes` are NTE after PID, which R4 has no element for: the `note` extension."""
    account = chart.account
    account.origin = patient.origin
    numbers = (*patient.identifiers, *((_account_number(patient.account),) if patient.account else ()))
    resource = chart.head(identity) | pruned(
        {
            "extension": [
                *_group(_RACE, patient.race, {}),
                *_group(_ETHNICITY, patient.ethnicity, _ETHNIC_GROUPS),
                *note_extensions(notes, "Patient.extension", account),
            ],
            "identifier": identifiers(numbers, account),
            "name": [name for one in patient.names if (name := human_name(one, account))],
            "telecom": [point for one in patient.telecoms if (point := contact_point(one))],
            "gender": patient.gender,
            **_birth(patient, account),
            **_deceased(patient),
            "address": [place for one in patient.addresses if (place := address(one, account))],
            "maritalStatus": concept(patient.marital_status, account),
            **_multiple_birth(patient),
            "contact": [_contact(each, account) for each in patient.contacts],
            "communication": [{"language": spoken} for spoken in concepts(patient.languages, account)],
            "generalPractitioner": actors(patient.caretakers, account),
            "link": [_link(each.identity, "replaces") for each in patient.replaces if each.identity],
        }
    )
    account.wrote_all((patient.origin,), resource, without=("generalPractitioner", "contact"))
    if "generalPractitioner" in resource:
        account.wrote(f"PD1{patient.origin.removeprefix('PID')}", "Patient.generalPractitioner")
    if patient.race or patient.ethnicity:
        account.wrote(patient.origin, "Patient.extension")
    return resource


def deletes(patient: Patient) -> tuple[str, ...]:
    """Elements of which the message says that they have no value any more."""
    return tuple(_ELEMENTS[name] for name in patient.emptied)


def write_replaced(patient: Patient, *, by: Identity, chart: Chart) -> Node:
    """A Patient whom another one replaces: who they were, and who they are now."""
    account = chart.account
    account.origin = patient.origin
    assert patient.identity is not None
    resource = chart.head(patient.identity) | pruned(
        {
            "identifier": identifiers(patient.identifiers, account),
            "active": False,
            "link": [_link(by, "replaced-by")],
        }
    )
    account.wrote_all((patient.origin,), resource)
    return resource


def _contact(contact: Contact, account: Account) -> Node:
    """One Patient.contact (v2-to-FHIR, NK1[Patient])."""
    account.origin = contact.origin
    account.wrote(contact.origin, "Patient.contact")
    return pruned(
        {
            "relationship": concepts(contact.relationships, account),
            "name": human_name(contact.name, account) if contact.name else None,
            "telecom": [point for one in contact.telecoms if (point := contact_point(one))],
            "address": address(contact.address, account) if contact.address else None,
            "gender": contact.gender,
            "organization": actor(contact.organization, account) if contact.organization else None,
            "period": period(contact.period, account),
        }
    )


def _link(other: Identity, kind: str) -> Node:
    return {"other": {"reference": other.reference}, "type": kind}


def _account_number(account: Identifier) -> Identifier:
    """PID-18 as an identifier of type AN; there is no Account resource to point to."""
    kind = account.type or Concept((Coding("AN", _IDENTIFIER_TYPE),))
    return Identifier(account.value, account.system, account.assigner, kind, account.period)


def _birth(patient: Patient, account: Account) -> Node:
    written: Node = {}
    if patient.birth_date is not None:
        if is_date(patient.birth_date):
            written["birthDate"] = patient.birth_date
        else:
            text = "the date of birth is no date: it is not written"
            account.lose(IssueCode.VALUE, text, element="birthDate")
    if patient.birth_time is not None:
        written["_birthDate"] = {
            "extension": [{"url": _BIRTH_TIME, "valueDateTime": patient.birth_time.text}]
        }
    return written


def _deceased(patient: Patient) -> Node:
    if isinstance(patient.deceased, Moment):
        return {"deceasedDateTime": patient.deceased.text}
    return {"deceasedBoolean": patient.deceased}


def _multiple_birth(patient: Patient) -> Node:
    birth = patient.multiple_birth
    return {"multipleBirthBoolean" if isinstance(birth, bool) else "multipleBirthInteger": birth}


def _group(url: str, codings: tuple[Coding, ...], aliases: dict[str, str]) -> list[Node]:
    """US Core race or ethnicity: OMB categories where the codes are, and always the words."""
    categories, words = [], []
    for one in codings:
        symbol = aliases.get(one.code or "", one.code or "")
        if symbol in _OMB:
            categories.append({"system": _CDC_RACE, "code": symbol, "display": _OMB[symbol]})
        said = text(one.display) or _OMB.get(symbol) or text(one.code)
        if said:
            words.append(said)
    if not words:
        return []
    parts = [{"url": "ombCategory", "valueCoding": category} for category in categories]
    return [{"url": url, "extension": [*parts, {"url": "text", "valueString": ", ".join(words)}]}]
