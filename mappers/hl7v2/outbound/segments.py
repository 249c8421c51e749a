"""PID, PV1, NTE, SPM and MSH of an outgoing message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mappers.domain.attribution import MessageSource
from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.orders import Note
from mappers.domain.people import ContactPoint, Patient, Visit
from mappers.domain.results import Specimen
from mappers.domain.times import Moment
from mappers.hl7v2.outbound import codes, datatypes
from mappers.hl7v2.outbound.composer import Composer, Field, Repetition
from mappers.hl7v2.outbound.recipient import Recipient

_SSN: Final = "http://hl7.org/fhir/sid/us-ssn"
_SSN_OID: Final = "urn:oid:2.16.840.1.113883.4.1"
_YES_NO: Final = {True: "Y", False: "N"}


def msh(composer: Composer, kind: tuple[str, str, str], source: MessageSource, now: Moment) -> None:
    """MSH, but for MSH-10.

    Args:
        composer: of the message.
        kind: MSH-9: type, trigger, structure.
        source: the message that the facts came from.
        now: MSH-7.
    """
    to = composer.recipient
    own = to.sending_facility
    composer.add(
        "MSH",
        {
            3: designation(to.sending_application),
            4: designation(own) if own is not None else source.sending_facility or "",
            5: designation(to.receiving_application),
            6: designation(to.receiving_facility),
            7: datatypes.dtm(now),
            9: kind if to.since("2.3.1") else kind[:2],
            11: source.processing_id or "P",
            12: to.version,
            18: to.character_set,
        },
    )


def designation(text: str) -> Repetition:
    """An HD of the settings, whose components are joined by `^`."""
    return tuple(text.split("^"))


def coded(composer: Composer, name: str, place: int, concept: Concept | None) -> Repetition:
    """A CWE, or the CE of old versions; says what it cannot hold."""
    extended = composer.recipient.since("2.5")
    if concept is not None and datatypes.lost(concept, extended=extended):
        composer.warn(name, place, "not every coding or text of this concept has a place in this datatype")
    return datatypes.cwe(concept, extended=extended)


def pid(composer: Composer, patient: Patient) -> None:
    """PID: the patient."""
    to = composer.recipient
    later = to.since("2.7")
    numbers, social_security = _numbers(patient, to)
    deceased = patient.deceased
    birth = patient.multiple_birth
    fields: dict[int, Field] = {
        1: "1",
        3: [datatypes.cx(each) for each in numbers],
        5: [datatypes.xpn(each, later=later) for each in patient.names],
        7: datatypes.dtm(patient.birth_time) or (patient.birth_date or "").replace("-", ""),
        8: codes.SEX.get(patient.gender or "", ""),
        10: [_coding(composer, each) for each in patient.race],
        11: [datatypes.xad(each) for each in patient.addresses],
        13: _telecoms(patient, home=True, later=later),
        14: _telecoms(patient, home=False, later=later),
        15: [coded(composer, "PID", 15, each) for each in patient.languages[:1]],
        16: _marital_status(composer, patient.marital_status),
        18: datatypes.cx(patient.account) if patient.account else "",
        19: social_security,
        22: [_coding(composer, each) for each in patient.ethnicity],
        24: _YES_NO[birth] if isinstance(birth, bool) else "Y" if birth else "",
        25: str(birth) if birth and not isinstance(birth, bool) else "",
        29: datatypes.dtm(deceased) if isinstance(deceased, Moment) else "",
        30: _YES_NO[deceased] if isinstance(deceased, bool) else "Y" if deceased else "",
    }
    if len(patient.languages) > 1:
        composer.warn("PID", 15, "only the first language has a place")
    composer.add("PID", fields)


def _numbers(patient: Patient, to: Recipient) -> tuple[list[Identifier], str]:
    """PID-3, and PID-19, which v2.7 withdrew: there the social security number is one of PID-3."""
    own = [each for each in patient.identifiers if each.system != _SSN]
    social = next((each for each in patient.identifiers if each.system == _SSN), None)
    if social is None:
        return own, ""
    if not to.since("2.7"):
        return own, social.value
    return [*own, Identifier(social.value, _SSN_OID, "SSA", social.type)], ""


def _coding(composer: Composer, coding: Coding) -> Repetition:
    return datatypes.cwe(Concept((coding,)), extended=composer.recipient.since("2.5"))


def _telecoms(patient: Patient, *, home: bool, later: bool) -> list[Repetition]:
    def is_work(point: ContactPoint) -> bool:
        return point.use == "work"

    return [datatypes.xtn(each, later=later) for each in patient.telecoms if is_work(each) is not home]


def _marital_status(composer: Composer, status: Concept | None) -> Repetition:
    first = next(iter(status.codings), None) if status else None
    code = codes.MARITAL_STATUS.get(first.code or "") if first and first.system else None
    if not (code and first):
        return coded(composer, "PID", 16, status)
    # Without a system it is of the field's own table, 0002.
    return (code, first.display or "") if composer.recipient.since("2.3.1") else code


def pv1(composer: Composer, visit: Visit | None) -> None:
    """PV1: the visit; without one, of an unknown class, since some messages demand the segment."""
    if visit is None:
        composer.add("PV1", {1: "1", 2: "U"})
        return
    later = composer.recipient.since("2.7")
    kind = visit.encounter_class
    number = next((each for each in visit.identifiers if datatypes.has_type(each, "VN")), None)
    further = [each for each in visit.identifiers if each is not number]
    composer.add(
        "PV1",
        {
            1: "1",
            2: codes.PATIENT_CLASS.get(kind.code or "", kind.code or "U") if kind else "U",
            3: datatypes.at({9: visit.location}),
            7: [datatypes.xcn(each, later=later) for each in visit.attending],
            8: [datatypes.xcn(each, later=later) for each in visit.referring],
            9: [datatypes.xcn(each, later=later) for each in visit.consulting],
            10: _service(composer, visit.service),
            17: [datatypes.xcn(each, later=later) for each in visit.admitting],
            19: datatypes.cx(number) if number else "",
            44: datatypes.start_of(visit.period),
            45: datatypes.end_of(visit.period),
            50: [datatypes.cx(each) for each in further],
        },
    )


def _service(composer: Composer, service: Concept | None) -> Repetition:
    """PV1-10: a code of a user's table (IS) before v2.7."""
    if service is None or composer.recipient.since("2.7"):
        return coded(composer, "PV1", 10, service)
    return next((each.code for each in service.codings if each.code), service.text or "")


def notes(composer: Composer, written: Sequence[Note]) -> None:
    """NTE: comments, each line a repetition."""
    for number, note in enumerate(written, start=1):
        author = note.author
        composer.add(
            "NTE",
            {
                1: str(number),
                2: "L",
                3: datatypes.lines(note.text),
                5: datatypes.xcn(author, later=composer.recipient.since("2.7")) if author else "",
                6: datatypes.dtm(note.time),
            },
        )


def spm(composer: Composer, specimen: Specimen, number: int) -> None:
    """SPM: a specimen."""
    placer = next((each for each in specimen.identifiers if datatypes.has_type(each, "PGN")), None)
    filler = next((each for each in specimen.identifiers if datatypes.has_type(each, "FGN")), None)
    further = [each for each in specimen.identifiers if each not in (placer, filler)]
    collected = (datatypes.start_of(specimen.collected), datatypes.end_of(specimen.collected))
    composer.add(
        "SPM",
        {
            1: str(number),
            2: (_eip(placer), _eip(filler)),
            4: coded(composer, "SPM", 4, specimen.type),
            7: coded(composer, "SPM", 7, specimen.method),
            8: coded(composer, "SPM", 8, specimen.body_site),
            12: amount(specimen),
            17: collected,
            18: datatypes.dtm(specimen.received),
            24: [coded(composer, "SPM", 24, each) for each in specimen.conditions],
            30: datatypes.cx(specimen.accession) if specimen.accession else "",
            31: [datatypes.cx(each) for each in further],
        },
    )
    notes(composer, specimen.notes)


def amount(specimen: Specimen) -> Repetition:
    """CQ: how much of it there is."""
    quantity = specimen.quantity
    if quantity is None:
        return ""
    return (quantity.value or "", (quantity.code or quantity.unit or "",))


def _eip(identifier: Identifier | None) -> tuple[str, ...]:
    if identifier is None:
        return ()
    return (identifier.value, *datatypes.hd(identifier.system, identifier.assigner))
