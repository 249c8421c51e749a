"""What the header of a DICOM object says, as JSON values under the names of `ImageHeader`. Knows pydicom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pydicom.dataset import Dataset

_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_LONGEST: Final = 64  # LO, SH, CS and UI have at most 64 characters (PS3.5 6.2)


def facts(dataset: Dataset) -> dict[str, Any]:
    """The header; what is absent, empty or of the wrong kind is "", 0 or empty."""
    return {
        "study": _text(dataset, "StudyInstanceUID"),
        "series": _text(dataset, "SeriesInstanceUID"),
        "sop": _text(dataset, "SOPInstanceUID"),
        "sop_class": _text(dataset, "SOPClassUID"),
        "transfer_syntax": str(dataset.file_meta.TransferSyntaxUID),
        "modality": _text(dataset, "Modality"),
        "patient_ids": list(_patient_ids(dataset)),
        "birth_date": _date(_text(dataset, "PatientBirthDate")),
        "sex": _text(dataset, "PatientSex"),
        "accession": _text(dataset, "AccessionNumber"),
        "accession_issuer": next(
            (_issuer(each) for each in dataset.get("IssuerOfAccessionNumberSequence") or ()), ""
        ),
        "study_date": _date(_text(dataset, "StudyDate")),
        "study_description": _text(dataset, "StudyDescription"),
        "series_description": _text(dataset, "SeriesDescription"),
        "image_type": _texts(dataset, "ImageType"),
        "body_part": _text(dataset, "BodyPartExamined"),
        "view": _text(dataset, "ViewPosition"),
        "laterality": _text(dataset, "ImageLaterality") or _text(dataset, "Laterality"),
        "codes": [
            [_text(each, "CodeValue"), _text(each, "CodingSchemeDesignator")]
            for each in dataset.get("ProcedureCodeSequence") or ()
        ],
        "series_number": _number(dataset, "SeriesNumber"),
        "instance_number": _number(dataset, "InstanceNumber"),
        "acquisition_number": _number(dataset, "AcquisitionNumber"),
        "rows": _number(dataset, "Rows"),
        "columns": _number(dataset, "Columns"),
        "frames": _number(dataset, "NumberOfFrames") if dataset.get("NumberOfFrames") is not None else 1,
        "photometric": _text(dataset, "PhotometricInterpretation"),
        "bits": _number(dataset, "BitsStored"),
        "spacing": _floats(dataset, "PixelSpacing") or _floats(dataset, "ImagerPixelSpacing"),
        "position": _floats(dataset, "ImagePositionPatient"),
        "orientation": _floats(dataset, "ImageOrientationPatient"),
    }


def _patient_ids(dataset: Dataset) -> Iterator[list[str]]:
    for each in (dataset, *(dataset.get("OtherPatientIDsSequence") or ())):
        if number := _text(each, "PatientID"):
            qualifiers = each.get("IssuerOfPatientIDQualifiersSequence") or ()
            universal = next((_issuer(one) for one in qualifiers), "")
            yield [number, universal or _text(each, "IssuerOfPatientID")]


def _issuer(item: Dataset) -> str:
    """HL7v2 Hierarchic Designator macro (PS3.3 10.14): the universal id, else the local one."""
    return _text(item, "UniversalEntityID") or _text(item, "LocalNamespaceEntityID")


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except (ValueError, TypeError, AttributeError, LookupError, RuntimeError):
        return None  # one broken element costs no other


def _texts(dataset: Dataset, keyword: str) -> list[str]:
    value = _value(dataset, keyword)
    if value is None or value == "":
        return []
    many = [value] if isinstance(value, str | bytes | int | float) else list(value)
    return [str(each).strip("\x00 ")[:_LONGEST] for each in many]


def _text(dataset: Dataset, keyword: str) -> str:
    return next(iter(_texts(dataset, keyword)), "")


def _number(dataset: Dataset, keyword: str) -> int:
    try:
        return int(_text(dataset, keyword) or 0)
    except ValueError:
        return 0


def _floats(dataset: Dataset, keyword: str) -> list[float]:
    try:
        return [float(text) for text in _texts(dataset, keyword)]
    except ValueError:
        return []


def _date(text: str) -> str:
    """A FHIR date of a DA; "" where it is none."""
    found = _DATE.fullmatch(text)
    return "-".join(found.groups()) if found else ""
