"""Task: what a person signed lost its ground, and a person has to say what becomes of it.

Nothing signed is changed by a machine: the Task says what happened, and waits.
"""

from __future__ import annotations

from mappers.domain.identifiers import Identity
from mappers.fhir.authorship import Reading
from mappers.fhir.draft_writer import DraftWriter
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.review_task import Asked
from mappers.fhir.whose import Whose

ABOUT = "Review again what was signed"


def write(report: str, *, reason: str, reading: Reading, whose: Whose) -> WrittenBundle:
    """The alert.

    Args:
        report: reference of the signed resource.
        reason: what happened to its source, for people.
        reading: what brought it up: its document, message and moment.
        whose: the chart.
    """
    writer = DraftWriter(reading, whose)
    writer.software()
    asked = Asked(focus=report, reasons=(f"signed, and then {reason}",), about=ABOUT)
    writer.task(asked, Identity("Task", ("re-review", report, reason, *reading.version)))
    return writer.written()
