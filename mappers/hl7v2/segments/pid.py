"""PID: the patient. Standard: v2-to-FHIR 1.0.0 PID[Patient], PID[Account]."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mappers.domain.coding import Coding
from mappers.domain.identifiers import Identifier
from mappers.domain.issues import IssueCode
from mappers.domain.people import Address, ContactPoint, Patient, PersonName
from mappers.domain.times import Moment
from mappers.hl7v2 import identities, tables
from mappers.hl7v2.datatypes import codes, identifiers, people, times
from mappers.hl7v2.elements import SegmentReader

_US_SSN: Final = "http://hl7.org/fhir/sid/us-ssn"
_YES_NO: Final = {"Y": True, "N": False}
#: Contact-point-use of the fields PID-13, PID-14 and PID-40 where XTN.2 is empty.
_TELECOM_FIELDS: Final = ((13, "home"), (14, "work"), (40, None))
#: Attributes of a patient -> fields whose HL7 null takes them away.
_EMPTIED: Final = {
    "names": (5,), "birth_date": (7,), "gender": (8,), "race": (10,), "addresses": (11,),
    "telecoms": (13, 14, 40), "languages": (15,), "marital_status": (16,), "ethnicity": (22,),
    "multiple_birth": (24, 25), "deceased": (29, 30),
}  # fmt: skip


def read(pid: SegmentReader, scopes: identities.Sender) -> Patient:
    """The patient and who they are."""
    listed = tuple(found for each in pid.all(3) if (found := identifiers.cx(each)))
    retired = tuple(found for n in (2, 4) for each in pid.all(n) if (found := identifiers.cx(each)))
    if retired and not listed:
        pid.first(3).warn(IssueCode.REQUIRED, "PID-3 is empty; PID-2 or PID-4, withdrawn in v2.7, stands in")
    birth = times.dtm(pid.first(7))
    number = pid.first(18)
    identity = identities.patient(pid, scopes, listed or retired)
    read = Patient(
        identity=identity,
        aliases=identities.patient_aliases(pid, scopes, listed, identity),
        identifiers=(
            *listed,
            *(each for each in retired if each not in listed),
            *_social_security(pid),
            *_driving_licence(pid),
        ),
        names=_names(pid),
        telecoms=_telecoms(pid),
        addresses=_addresses(pid),
        gender=_gender(pid),
        birth_date=birth.date if birth else None,
        birth_time=birth if birth and birth.is_instant else None,
        deceased=_deceased(pid),
        marital_status=codes.cwe(pid.first(16), tables.marital_status),
        multiple_birth=_multiple_birth(pid),
        languages=tuple(spoken for each in pid.all(15) if (spoken := codes.cwe(each))),
        race=_codings(pid, 10),
        ethnicity=_codings(pid, 22),
        account=identifiers.cx(number) if number.valued else None,
        origin=pid.label,
    )
    return replace(read, emptied=pid.emptied(read, _EMPTIED))


def identify(reader: SegmentReader, scopes: identities.Sender, *, at: int = 3) -> Patient:
    """Who a patient is, and nothing else of them: PID-3, or MRG-1."""
    listed = tuple(found for each in reader.all(at) if (found := identifiers.cx(each)))
    identity = identities.patient(reader, scopes, listed, at=at)
    if identity is None:
        reader.first(at).error(IssueCode.REQUIRED, "no patient number: nobody can be linked")
    return Patient(identity=identity, identifiers=listed, origin=reader.label)


def _social_security(pid: SegmentReader) -> tuple[Identifier, ...]:
    value = pid.text(19)
    return (Identifier(value, _US_SSN, type=codes.of_table("SS", "0203")),) if value else ()


def _driving_licence(pid: SegmentReader) -> tuple[Identifier, ...]:
    """PID-20, withdrawn in v2.7: number and issuing state."""
    value = pid.text(20, 1)
    if value is None:
        return ()
    return (Identifier(value, assigner=pid.text(20, 2), type=codes.of_table("DL", "0203")),)


def _names(pid: SegmentReader) -> tuple[PersonName, ...]:
    return tuple(found for n in (5, 9) for each in pid.all(n) if (found := people.xpn(each)))


def _telecoms(pid: SegmentReader) -> tuple[ContactPoint, ...]:
    return tuple(
        point for n, use in _TELECOM_FIELDS for each in pid.all(n) for point in people.xtn(each, use=use)
    )


def _addresses(pid: SegmentReader) -> tuple[Address, ...]:
    """PID-11, with the county of PID-12 where the only address names none."""
    addresses = tuple(found for each in pid.all(11) if (found := people.xad(each)))
    county = pid.first(12).peek()
    if county is None:
        return addresses
    if not addresses:
        pid.first(12).take()
        return (Address(district=county),)
    if len(addresses) == 1 and addresses[0].district in {None, county}:
        pid.first(12).take()
        return (replace(addresses[0], district=county),)
    return addresses


def _gender(pid: SegmentReader) -> str | None:
    element = pid.first(8)
    code = element.peek(1)
    gender = tables.sex(code) if code else None
    if gender:
        element.take(1)
    elif code:
        element.warn(IssueCode.CODE_INVALID, "not a code of table 0001; the gender was left out")
    return gender


def _deceased(pid: SegmentReader) -> bool | Moment | None:
    """PID-29, else PID-30."""
    died_at = times.dtm(pid.first(29))
    indicator = _indicator(pid, 30)
    if died_at is None:
        if indicator is not None:
            pid.first(30).take()
        return indicator
    if indicator is False:
        pid.first(30).warn(
            IssueCode.CONFLICT, "PID-30 says alive, PID-29 gives a time of death, which was read"
        )
    elif indicator:
        pid.first(30).take()
    return died_at


def _multiple_birth(pid: SegmentReader) -> bool | int | None:
    """PID-25 birth order, else PID-24."""
    order = pid.first(25).peek()
    indicator = _indicator(pid, 24)
    if order and order.isdecimal() and order.isascii() and int(order) > 0:
        pid.first(25).take()
        if indicator:
            pid.first(24).take()
        return int(order)
    if indicator is not None:
        pid.first(24).take()
    return indicator


def _indicator(pid: SegmentReader, n: int) -> bool | None:
    """Table 0136; takes nothing."""
    return _YES_NO.get((pid.first(n).peek(1) or "").upper())


def _codings(pid: SegmentReader, n: int) -> tuple[Coding, ...]:
    """The codings of a field, and its words where it has no code."""
    found: list[Coding] = []
    for element in pid.all(n):
        concept = codes.cwe(element)
        if concept:
            found += concept.codings
            if concept.text and all(coding.display != concept.text for coding in concept.codings):
                found.append(Coding(display=concept.text))
    return tuple(found)
