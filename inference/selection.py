"""Which task reads which evidence. One table, pure; a task that does not exist yet has no row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LAB_REPORT: Final = "lab_report"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about something before it is read.

    Attributes:
        media_type: by content.
        report: LOINC document type or class of the report, "LAB", "RAD", "" when unknown.
        modality: DICOM modality, "" for what is no image study.
    """

    media_type: str
    report: str = ""
    modality: str = ""


@dataclass(frozen=True, slots=True)
class _Rule:
    media: tuple[str, ...]
    reports: frozenset[str]
    task: str


#: First match wins. Diagnostic service sections of HL7 table 0074 that a laboratory's documents have.
_LABORATORY: Final = frozenset({"LAB", "CH", "HM", "BG", "IMM", "SR", "TX", "11502-2"})
_RULES: Final = (
    _Rule(("application/pdf", "text/plain"), _LABORATORY | {""}, LAB_REPORT),
    # A picture that nothing says more about may be of anything: only a laboratory's is read as a report.
    _Rule(("image/png", "image/jpeg", "image/tiff", "image/bmp"), _LABORATORY, LAB_REPORT),
)


def task_for(evidence: Evidence) -> str | None:
    """The id of the task that reads this evidence; None when no task does."""
    if evidence.modality:
        return None
    for rule in _RULES:
        if evidence.media_type in rule.media and evidence.report in rule.reports:
            return rule.task
    return None
