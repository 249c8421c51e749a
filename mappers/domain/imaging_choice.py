"""Which series of a study are looked at: those that hold what was acquired of the patient.

Pure; says why the rest is left out. What the pixels show is judged by others.

| a series | is |
|---|---|
| of a modality that acquires no image (SR, SEG, KO, PR, DOC, …), or of none | left out |
| without instances | left out |
| whose images say DERIVED, beside another of its modality that says ORIGINAL | left out |
| anything else | taken, lowest SeriesNumber first |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mappers.domain.imaging import Series

_CID_29: Final = (
    "AR BDUS BI BMD CFM CR CT DG DMS DX ECG EEG EMG EOG EPS ES GM HD IO IVOCT IVUS KER LEN LS MG MR NM OAM "
    "OCT OP OPM OPT OPTBSV OPTENF OPV OSS PA POS PT PX RESP RF RG RTIMAGE SM SRF TG US VA XA XC"
)
_NO_IMAGE: Final = "BDUS BMD ECG EEG EMG EOG EPS HD KER LEN OAM OPV POS RESP SRF VA"
#: PS3.16 CID 29 Acquisition Modality: what a machine acquires of a patient.
ACQUISITION: Final = frozenset(_CID_29.split())
#: Of these, what is no image.
NO_IMAGE: Final = frozenset(_NO_IMAGE.split())
#: Storage classes of presentation states, SR, KO, RT objects, encapsulated documents, waveforms and
#: segmentations (PS3.4 annex B), which a series of an image's modality may hold beside its images.
_NO_IMAGE_CLASSES: Final = tuple(
    f"1.2.840.10008.5.1.4.1.1.{part}" for part in ("88.", "11.", "66", "104.", "9.", "481.3", "481.5")
)
_FOR_PROCESSING: Final = frozenset(f"1.2.840.10008.5.1.4.1.1.1.{kind}.1" for kind in (1, 2, 3))


@dataclass(frozen=True, slots=True)
class Choice:
    """What is looked at.

    Attributes:
        series: in their order.
        left_out: how many series for which reason, for people: "1 series of modality SR holds no image".
    """

    series: tuple[Series, ...]
    left_out: tuple[str, ...] = field(default=())


def choose(series: Iterable[Series]) -> Choice:
    """The series of a study that hold what was acquired."""
    left_out: list[str] = []
    images: list[Series] = []
    for each in series:
        if each.modality not in ACQUISITION or each.modality in NO_IMAGE:
            left_out.append(f"a series of modality {each.modality or 'unknown'} is no acquired image")
        elif each.count == 0:
            left_out.append("a series has no instances")
        else:
            images.append(each)
    original = {each.modality for each in images if each.original}
    taken = [each for each in images if each.original is not False or each.modality not in original]
    derived = len(images) - len(taken)
    if derived:
        left_out.append(f"{derived} derived series beside original ones")
    taken.sort(key=lambda each: (each.number is None, each.number or 0, each.uid))
    return Choice(tuple(taken), tuple(left_out))


def is_for_processing(sop_class: str) -> bool:
    """Whether instances of a class are a detector's raw data, which no reader is meant to see (PS3.4 B.5)."""
    return sop_class in _FOR_PROCESSING


def is_image_class(sop_class: str) -> bool:
    """Whether instances of a storage class are images, as far as the class says."""
    return not sop_class.startswith(_NO_IMAGE_CLASSES)
