"""Which task reads which evidence: tables, pure. What is unclear or unsupported gets a reason, never a guess.

| the evidence | the task |
|---|---|
| a laboratory's PDF, text or picture | lab_report |
| text of a radiology or pathology report | report_text |
| CR, DX of a body part in the table | radiograph; comparison where a frontal chest has a prior |
| DMS; XC of skin | dermatology |
| OP of the retina | fundus |
| GM; SM of one frame that is no whole slide | pathology_patch |
| anything else | none, with a `Reason` |

A route may name a task itself; then nothing is selected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

LAB_REPORT: Final = "lab_report"
RADIOGRAPH: Final = "radiograph"
COMPARISON: Final = "comparison"
LOCALIZATION: Final = "localization"
DERMATOLOGY: Final = "dermatology"
FUNDUS: Final = "fundus"
PATHOLOGY_PATCH: Final = "pathology_patch"
REPORT_TEXT: Final = "report_text"
QUESTION: Final = "question"


class Reason(StrEnum):
    """Why no task reads something."""

    NO_IMAGE = "no-image"
    UNSUPPORTED_MODALITY = "unsupported-modality"
    UNSUPPORTED_BODY_PART = "unsupported-body-part"
    UNSUPPORTED_SOP_CLASS = "unsupported-sop-class"
    UNSUPPORTED_MEDIA = "unsupported-media"
    BODY_PART_UNKNOWN = "body-part-unknown"
    CONTENT_UNKNOWN = "content-unknown"
    CONTRADICTORY = "contradictory"
    MULTI_FRAME = "multi-frame"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about something before it is read.

    Attributes:
        media_type: by content.
        report: LOINC document type or class of the report, "LAB", "RAD", "" when unknown.
        modality: DICOM modality, "" for what is no image study.
        body_part: DICOM BodyPartExamined, "" when not said.
        codes: of the procedure, as codes alone: LOINC, SNOMED CT.
        view: DICOM ViewPosition, "" when not said.
        sop_class: SOPClassUID, "" when not said.
        frames: of one object.
        prior: whether an earlier image of the same patient, kind and body part is at hand.
    """

    media_type: str
    report: str = ""
    modality: str = ""
    body_part: str = ""
    codes: tuple[str, ...] = field(default=())
    view: str = ""
    sop_class: str = ""
    frames: int = 1
    prior: bool = False


@dataclass(frozen=True, slots=True)
class Selected:
    """The task, or why there is none."""

    task: str | None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    media: tuple[str, ...]
    reports: frozenset[str]
    task: str


_PICTURES: Final = ("image/png", "image/jpeg", "image/tiff", "image/bmp")
#: Diagnostic service sections of HL7 table 0074 that a laboratory's documents have.
_LABORATORY: Final = frozenset({"LAB", "CH", "HM", "BG", "IMM", "SR", "TX", "11502-2"})
#: Likewise of those whose reports are prose, with LOINC document types.
_NARRATIVE: Final = frozenset({
    "RAD", "RX", "RUS", "CT", "NMR", "NMS", "XRC", "CUS", "VUS", "SP", "CP",
    "18748-4", "18782-3", "11526-1",
})  # fmt: skip
#: First match wins.
_RULES: Final = (
    _Rule(("application/pdf", "text/plain"), _LABORATORY | {""}, LAB_REPORT),
    # A picture that nothing says more about may be of anything: only a laboratory's is read as a report.
    _Rule(_PICTURES, _LABORATORY, LAB_REPORT),
    _Rule(("text/plain",), _NARRATIVE, REPORT_TEXT),
)

#: CID 33 without CID 29: objects about images, not images.
_NO_IMAGE: Final = frozenset({
    "ANN", "ASMT", "AU", "CTPROTOCOL", "DOC", "FID", "HC", "IOL", "KO", "M3D", "PLAN", "PR", "REG", "RTDOSE",
    "RTIMAGE", "RTINTENT", "RTPLAN", "RTRAD", "RTRECORD", "RTSEGANN", "RTSTRUCT", "RWV", "SEG", "SMR", "SR",
    "STAIN", "TEXTUREMAP",
})  # fmt: skip
_RADIOGRAPHS: Final = frozenset({"CR", "DX"})
#: BodyPartExamined that the question has words for (PS3.16 annex L).
_PARTS: Final = frozenset({
    "ABDOMEN", "ANKLE", "CHEST", "CLAVICLE", "CSPINE", "ELBOW", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND",
    "HIP", "HUMERUS", "KNEE", "LSPINE", "PELVIS", "RIB", "SHOULDER", "SKULL", "SPINE", "TIBIAFIBULA",
    "TSPINE", "WRIST",
})  # fmt: skip
#: Procedures that say the body part: LOINC of chest radiographs, SNOMED CT of the Global Patient Set.
_PART_OF: Final = dict.fromkeys(
    ("30745-4", "30746-2", "36554-4", "36572-6", "36589-0", "36643-5", "42272-5", "399208008"), "CHEST"
)
_FRONTAL: Final = frozenset({"AP", "PA"})
_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
#: Raw detector data that no reader is meant to see (PS3.4 B.5: "for processing").
_FOR_PROCESSING: Final = frozenset({f"{_STORAGE}1.1.1", f"{_STORAGE}1.2.1", f"{_STORAGE}1.3.1"})
_WHOLE_SLIDE: Final = f"{_STORAGE}77.1.6"
_SKIN: Final = frozenset({"SKIN"})
_RETINA: Final = frozenset({"RETINA", "FUNDUS"})


def task_for(evidence: Evidence) -> str | None:
    """The id of the task that reads this evidence; None when no task does."""
    return select(evidence).task


def select(evidence: Evidence) -> Selected:
    """The task that reads this evidence, or why none does."""
    if evidence.modality:
        return _image(evidence)
    for rule in _RULES:
        if evidence.media_type in rule.media and evidence.report in rule.reports:
            return Selected(rule.task)
    unclear = evidence.media_type in _PICTURES
    return Selected(None, Reason.CONTENT_UNKNOWN if unclear else Reason.UNSUPPORTED_MEDIA)


def _image(evidence: Evidence) -> Selected:
    modality = evidence.modality.upper()
    if modality in _NO_IMAGE:
        return Selected(None, Reason.NO_IMAGE)
    if modality in _RADIOGRAPHS:
        return _radiograph(evidence)
    if modality == "DMS":
        return _single(evidence, DERMATOLOGY)
    if modality == "XC":
        return _of_part(evidence, _SKIN, DERMATOLOGY)
    if modality == "OP":
        return _of_part(evidence, _RETINA, FUNDUS)
    if modality in {"GM", "SM"}:
        slide = evidence.sop_class == _WHOLE_SLIDE or (modality == "SM" and not evidence.sop_class)
        return Selected(None, Reason.UNSUPPORTED_SOP_CLASS) if slide else _single(evidence, PATHOLOGY_PATCH)
    return Selected(None, Reason.UNSUPPORTED_MODALITY)


def _radiograph(evidence: Evidence) -> Selected:
    if evidence.sop_class in _FOR_PROCESSING:
        return Selected(None, Reason.UNSUPPORTED_SOP_CLASS)
    said = {part} if (part := _flat(evidence.body_part)) else set()
    parts = said | {_PART_OF[code] for code in evidence.codes if code in _PART_OF}
    if not parts:
        return Selected(None, Reason.BODY_PART_UNKNOWN)
    if len(parts) > 1:
        return Selected(None, Reason.CONTRADICTORY)
    (part,) = parts
    if part not in _PARTS:
        return Selected(None, Reason.UNSUPPORTED_BODY_PART)
    compared = evidence.prior and part == "CHEST" and evidence.view.upper() in _FRONTAL
    return _single(evidence, COMPARISON if compared else RADIOGRAPH)


def _of_part(evidence: Evidence, parts: frozenset[str], task: str) -> Selected:
    """Photographs are of anything: only the body part says of what."""
    part = _flat(evidence.body_part)
    if not part:
        return Selected(None, Reason.CONTENT_UNKNOWN)
    return _single(evidence, task) if part in parts else Selected(None, Reason.UNSUPPORTED_BODY_PART)


def _single(evidence: Evidence, task: str) -> Selected:
    return Selected(None, Reason.MULTI_FRAME) if evidence.frames > 1 else Selected(task)


def _flat(part: str) -> str:
    return part.upper().replace(" ", "").replace("_", "")
