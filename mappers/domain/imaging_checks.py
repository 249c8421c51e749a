"""Whether an image is of the patient and the study that asked for it, by what its own header says.

A reading filed under the wrong patient is worse than none: a contradiction stops it, and what cannot be
compared stops it too. Compares identifiers; names are spelt in too many ways to decide anything.

| the header | against what is on file | means |
|---|---|---|
| StudyInstanceUID | another study | another study |
| PatientID, or one of OtherPatientIDs | the same value, issuer the same or not said | the patient |
| PatientID | the same value only under another issuer | another patient |
| PatientID | no identifier of this value | another patient |
| none, or the patient has no identifier on file | | cannot be told: not read |
| PatientBirthDate | another day, as far as both are said | another patient |
| AccessionNumber | another number, where both are said | another order |
| PatientSex | another | a doubt, for the person who signs |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mappers.domain.identifiers import Identifier
from mappers.domain.imaging import ImageHeader
from mappers.domain.issues import Issue, IssueCode, Severity

#: PatientSex to FHIR administrative-gender.
_SEX: Final = MappingProxyType({"M": "male", "F": "female", "O": "other"})
_OID: Final = "urn:oid:"
_NO_ISSUERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class OnFile:
    """What is on file about whom and what the image should be of.

    Attributes:
        study: StudyInstanceUID; "" when any may come (a single image without a study).
        patient: identifiers of the patient.
        birth_date: FHIR date; "" when not known.
        gender: FHIR administrative-gender; "" when not known.
        accession: of study or order; "" when not known.
        issuers: what a site's local issuer names stand for: "HOSP" to a URI.
    """

    study: str = ""
    patient: tuple[Identifier, ...] = field(default=(), repr=False)
    birth_date: str = field(default="", repr=False)
    gender: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    issuers: Mapping[str, str] = field(default_factory=lambda: _NO_ISSUERS)


@dataclass(frozen=True, slots=True)
class ImageCheck:
    """What comparing came to: with a mismatch nothing may be read, doubts are for a person."""

    mismatches: tuple[Issue, ...] = field(default=())
    doubts: tuple[Issue, ...] = field(default=())


def check(header: ImageHeader, on_file: OnFile) -> ImageCheck:
    """Compare one image with what is on file. Issues name no value of either."""
    wrong = [
        *_study(header, on_file),
        *_number(header, on_file),
        *_birth(header, on_file),
        *_accession(header, on_file),
    ]
    doubts = []
    gender = _SEX.get(header.sex, "")
    if gender and on_file.gender in {"male", "female", "other"} and gender != on_file.gender:
        doubts.append(_issue(Severity.WARNING, "PatientSex", "the image's PatientSex is not the patient's"))
    return ImageCheck(tuple(wrong), tuple(doubts))


def _study(header: ImageHeader, on_file: OnFile) -> Sequence[Issue]:
    if not on_file.study or header.study == on_file.study:
        return ()
    return (_issue(Severity.ERROR, "StudyInstanceUID", "the image is of another study"),)


def _number(header: ImageHeader, on_file: OnFile) -> Sequence[Issue]:
    if not header.patient_ids:
        text = "the image names no patient: whose it is cannot be told"
        return (_issue(Severity.ERROR, "PatientID", text),)
    if not on_file.patient:
        text = "no identifier of the patient is on file: whose the image is cannot be told"
        return (_issue(Severity.ERROR, "PatientID", text),)
    same = [
        (issuer, number)
        for value, issuer in header.patient_ids
        for number in on_file.patient
        if value.strip() == number.value.strip()
    ]
    if not same:
        return (_issue(Severity.ERROR, "PatientID", "the image's PatientID is none of the patient's"),)
    if not any(_is_issuer(issuer, number, on_file.issuers) for issuer, number in same):
        text = "the image's PatientID is the patient's only under another issuer"
        return (_issue(Severity.ERROR, "IssuerOfPatientID", text),)
    return ()


def _is_issuer(issuer: str, number: Identifier, issuers: Mapping[str, str]) -> bool:
    """Whether an issuer is the identifier's, or one of the two is not said or in no form to compare."""
    if not issuer or not number.scope:
        return True
    told = issuers.get(issuer, issuer)
    if {told, issuer, f"{_OID}{told}"} & {number.system, number.assigner}:
        return True
    # A local name beside a URI that nobody mapped it to says nothing.
    return number.system is not None and issuer not in issuers and not _is_global(told)


def _is_global(issuer: str) -> bool:
    return ":" in issuer or ("." in issuer and issuer.replace(".", "").isdecimal())


def _birth(header: ImageHeader, on_file: OnFile) -> Sequence[Issue]:
    length = min(len(header.birth_date), len(on_file.birth_date))
    if not length or header.birth_date[:length] == on_file.birth_date[:length]:
        return ()
    return (_issue(Severity.ERROR, "PatientBirthDate", "the image's PatientBirthDate is not the patient's"),)


def _accession(header: ImageHeader, on_file: OnFile) -> Sequence[Issue]:
    if not header.accession or not on_file.accession or header.accession == on_file.accession:
        return ()
    return (_issue(Severity.ERROR, "AccessionNumber", "the image's AccessionNumber is of another order"),)


def _issue(severity: Severity, where: str, text: str) -> Issue:
    return Issue(severity, IssueCode.CONFLICT, where, text)
