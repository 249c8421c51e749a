"""The patient's prior image of the same kind, to compare with: the latest one before, as its server finds it.

| the search | gives |
|---|---|
| finds an earlier study of this PatientID and modality with an image of the same body part and view | it |
| finds none, or none whose header names the patient | nothing |
| fails | nothing, and the draft says that no prior could be looked for |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from inference.errors import InferenceError
from inference.media.dicom import DicomImage
from inference.tasks.evidence import Still
from integration.errors import WardwireError
from integration.flows import imaging_evidence
from integration.flows.imaging_ports import ImageServer
from mappers.domain.imaging import ImageHeader, Study
from mappers.domain.imaging_checks import OnFile

#: Earlier studies that are looked into.
_MOST_STUDIES: Final = 3
_MOST_IMAGES: Final = 4
_FAILED: Final = "no prior was looked for: the image server did not answer"
_FRONTAL: Final = frozenset({"AP", "PA"})


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier image, if there is one, and what to tell a person."""

    stills: tuple[Still, ...] = ()
    told: tuple[str, ...] = ()


def find(server: ImageServer, current: ImageHeader, *, on_file: OnFile) -> Prior:
    """The latest earlier image of the same patient, modality, body part and kind of view."""
    try:
        for study in _earlier(server, current):
            image = _image(server, study, current, on_file)
            if image is not None:
                # It stands under its own UIDs: the study need not be in our store.
                stills = imaging_evidence.stills((image,), reference="", role="prior")
                return Prior(
                    stills, (f"compared with a study of {image.header.study_date or 'unknown date'}",)
                )
    except (WardwireError, InferenceError):
        return Prior(told=(_FAILED,))
    return Prior()


def _earlier(server: ImageServer, current: ImageHeader) -> list[Study]:
    if not current.study_date or not current.patient_ids:
        return []
    last = date.fromisoformat(current.study_date) - timedelta(days=1)
    filters = [
        ("PatientID", current.patient_ids[0][0]),
        ("ModalitiesInStudy", current.modality),
        ("StudyDate", f"-{last:%Y%m%d}"),
    ]
    found = [study for study, _ in server.studies(filters) if study.uid != current.study]
    dated = [study for study in found if study.started and study.started.date < current.study_date]
    return sorted(dated, key=lambda each: each.started.text if each.started else "", reverse=True)[
        :_MOST_STUDIES
    ]


def _image(server: ImageServer, study: Study, current: ImageHeader, on_file: OnFile) -> DicomImage | None:
    of = imaging_evidence.listed(server, study.uid)
    if of.modality != current.modality:
        return None
    theirs = replace(on_file, study=study.uid, accession="")
    gathered = imaging_evidence.gather(server, study.uid, of, on_file=theirs, most=_MOST_IMAGES)
    return next((each for each in gathered.images if _alike(each.header, current)), None)


def _alike(one: ImageHeader, other: ImageHeader) -> bool:
    frontal = {one.view, other.view} <= _FRONTAL
    return one.body_part == other.body_part and (one.view == other.view or frontal)
