"""The DICOM JSON model (PS3.18 annex F) to studies, series and instances. Pure.

An answer may hold any attribute in any shape: what is absent, empty or of the wrong kind is nothing said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mappers.domain.coding import Coding
from mappers.domain.identifiers import Identifier
from mappers.domain.imaging import DCM, InstanceRef, Series, Study
from mappers.domain.times import Moment

Attributes = Mapping[str, Any]

STUDY_UID: Final = "0020000D"
SERIES_UID: Final = "0020000E"
SOP_UID: Final = "00080018"
SOP_CLASS: Final = "00080016"
ACCESSION: Final = "00080050"
MODALITY: Final = "00080060"
MODALITIES: Final = "00080061"
IMAGE_TYPE: Final = "00080008"
STUDY_DATE: Final = "00080020"
STUDY_DESCRIPTION: Final = "00081030"
SERIES_DESCRIPTION: Final = "0008103E"
PATIENT_ID: Final = "00100020"
ISSUER: Final = "00100021"
SERIES_NUMBER: Final = "00200011"
INSTANCE_NUMBER: Final = "00200013"
STUDY_SERIES: Final = "00201206"
STUDY_INSTANCES: Final = "00201208"
SERIES_INSTANCES: Final = "00201209"
FAILED_SEQUENCE: Final = "00081198"
FAILURE_REASON: Final = "00081197"
STORED_SEQUENCE: Final = "00081199"
REFERENCED_SOP: Final = "00081155"
_DATE_DIGITS: Final = 8


def texts(attributes: Attributes, tag: str) -> tuple[str, ...]:
    """The values of an element as text."""
    element = attributes.get(tag)
    values = element.get("Value") if isinstance(element, Mapping) else None
    if not isinstance(values, list):
        return ()
    return tuple(str(each).strip() for each in values if isinstance(each, str | int | float))


def text(attributes: Attributes, tag: str) -> str:
    """The first value of an element; "" where there is none."""
    return next(iter(texts(attributes, tag)), "")


def number(attributes: Attributes, tag: str) -> int | None:
    """The first value of an element, where it is a whole number."""
    try:
        return int(float(text(attributes, tag)))
    except (ValueError, OverflowError):
        return None


def items(attributes: Attributes, tag: str) -> Iterator[Attributes]:
    """The items of a sequence."""
    element = attributes.get(tag)
    values = element.get("Value") if isinstance(element, Mapping) else None
    yield from (each for each in values or () if isinstance(each, Mapping))


def study(attributes: Attributes) -> Study:
    """A study of a QIDO answer."""
    accession = text(attributes, ACCESSION)
    return Study(
        uid=text(attributes, STUDY_UID),
        status="available",
        subject=None,
        accession=Identifier(accession) if accession else None,
        modalities=tuple(Coding(code, DCM) for code in texts(attributes, MODALITIES) if code),
        started=_date(text(attributes, STUDY_DATE)),
        description=text(attributes, STUDY_DESCRIPTION) or None,
        series_count=number(attributes, STUDY_SERIES),
        instance_count=number(attributes, STUDY_INSTANCES),
    )


def _date(day: str) -> Moment | None:
    try:
        return Moment(f"{day[:4]}-{day[4:6]}-{day[6:]}") if len(day) == _DATE_DIGITS else None
    except ValueError:
        return None


def patient(attributes: Attributes) -> tuple[str, str]:
    """PatientID and IssuerOfPatientID."""
    return text(attributes, PATIENT_ID), text(attributes, ISSUER)


def series(attributes: Attributes, instances: tuple[Attributes, ...] = ()) -> Series:
    """A series of a QIDO answer, with the answers about its instances where they were asked for."""
    kinds = {(texts(each, IMAGE_TYPE) or ("",))[0] for each in instances} - {""}
    return Series(
        uid=text(attributes, SERIES_UID),
        modality=text(attributes, MODALITY),
        number=number(attributes, SERIES_NUMBER),
        description=text(attributes, SERIES_DESCRIPTION) or None,
        count=number(attributes, SERIES_INSTANCES),
        original="ORIGINAL" in kinds if kinds else None,
        instances=tuple(map(instance, instances)),
    )


def instance(attributes: Attributes) -> InstanceRef:
    """An instance of a QIDO answer."""
    return InstanceRef(
        uid=text(attributes, SOP_UID),
        sop_class=text(attributes, SOP_CLASS),
        number=number(attributes, INSTANCE_NUMBER),
    )
