"""Patients, the people and organizations around them, and the visit."""

from __future__ import annotations

from dataclasses import dataclass, field

from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.times import Moment, Period


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name (XPN, XCN). `use` is a FHIR name-use code or None."""

    family: str | None = None
    given: tuple[str, ...] = field(default=())
    prefix: tuple[str, ...] = field(default=())
    suffix: tuple[str, ...] = field(default=())
    text: str | None = None
    use: str | None = None
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address (XAD). `use` and `type` are FHIR codes or None."""

    lines: tuple[str, ...] = field(default=())
    city: str | None = None
    district: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    use: str | None = None
    type: str | None = None
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """A telephone number or address (XTN). `system` and `use` are FHIR codes or None."""

    value: str
    system: str | None = None
    use: str | None = None


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization as a message names it (XON, HD)."""

    name: str | None = None
    identifiers: tuple[Identifier, ...] = field(default=())
    addresses: tuple[Address, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Practitioner:
    """A person who acts (XCN, CNN)."""

    names: tuple[PersonName, ...] = field(default=())
    identifiers: tuple[Identifier, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to turn to beside the patient (NK1). `gender` is a FHIR code."""

    name: PersonName | None = None
    relationships: tuple[Concept, ...] = field(default=())
    telecoms: tuple[ContactPoint, ...] = field(default=())
    address: Address | None = None
    gender: str | None = None
    organization: Organization | None = None
    period: Period | None = None
    origin: str = "NK1[1]"


@dataclass(frozen=True, slots=True)
class Patient:
    """The subject (PID, PD1).

    Attributes:
        identity: from the channel's preferred assigner and PID-3; None when nothing identifies them.
        deceased: True/False (PID-30) or the moment (PID-29).
        birth_date: FHIR date at its own precision; `birth_time` the full moment where PID-7 had one.
        aliases: the same person by further identifiers of the channel's preferred assigners.
        replaces: who is this person too, and was written as another one (ADT^A40).
        caretakers: primary care practitioners and facilities.
        multiple_birth: birth order (PID-25) or the flag (PID-24).
        emptied: names of attributes that have no value any more (HL7 null).
        origin: segment label, e.g. "PID[1]".
    """

    identity: Identity | None
    identifiers: tuple[Identifier, ...] = field(default=())
    names: tuple[PersonName, ...] = field(default=())
    telecoms: tuple[ContactPoint, ...] = field(default=())
    addresses: tuple[Address, ...] = field(default=())
    gender: str | None = None
    birth_date: str | None = None
    birth_time: Moment | None = None
    deceased: bool | Moment | None = None
    marital_status: Concept | None = None
    multiple_birth: bool | int | None = None
    languages: tuple[Concept, ...] = field(default=())
    race: tuple[Coding, ...] = field(default=())
    ethnicity: tuple[Coding, ...] = field(default=())
    account: Identifier | None = None
    aliases: tuple[Identity, ...] = field(default=())
    replaces: tuple[Patient, ...] = field(default=())
    caretakers: tuple[Practitioner | Organization, ...] = field(default=())
    contacts: tuple[Contact, ...] = field(default=())
    emptied: tuple[str, ...] = field(default=())
    origin: str = "PID[1]"


@dataclass(frozen=True, slots=True)
class Visit:
    """The encounter (PV1).

    Attributes:
        encounter_class: a v3-ActCode or local v2-0004 coding.
        emptied: names of attributes that have no value any more (HL7 null).
    """

    identity: Identity
    encounter_class: Coding | None = None
    status: str = "unknown"
    identifiers: tuple[Identifier, ...] = field(default=())
    period: Period | None = None
    attending: tuple[Practitioner, ...] = field(default=())
    referring: tuple[Practitioner, ...] = field(default=())
    consulting: tuple[Practitioner, ...] = field(default=())
    admitting: tuple[Practitioner, ...] = field(default=())
    location: str | None = None
    service: Concept | None = None
    emptied: tuple[str, ...] = field(default=())
    origin: str = "PV1[1]"
