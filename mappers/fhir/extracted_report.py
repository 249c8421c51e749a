"""DiagnosticReport of what was read off a document: a draft of its own, never the sender's report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.extraction import Extracted, ExtractedReport
from mappers.domain.identifiers import Identity
from mappers.domain.times import Moment
from mappers.fhir import labels
from mappers.fhir.categories import SECTIONS
from mappers.fhir.chart import NOTE
from mappers.fhir.datatypes import concepts, pruned
from mappers.fhir.filing import Filing

Node = dict[str, Any]

LABORATORY = Concept((Coding("LAB", SECTIONS, "Laboratory"),))
#: LOINC 11502-2 "Laboratory report": what a document is called whose panel nobody knows.
CODE = Coding("11502-2", LOINC, "Laboratory report")
_TITLE = "Laboratory results read off a document"


def write(
    report: ExtractedReport,
    *,
    identity: Identity,
    results: Iterable[str],
    issued: Moment,
    filing: Filing,
) -> Node:
    """The draft report.

    Args:
        report: what was read.
        identity: of the draft.
        results: references of its Observations.
        issued: when it was read, an instant.
        filing: what it shares with the rest of the draft.
    """
    account = filing.chart.account
    resource = filing.head(identity) | pruned(
        {
            "extension": [
                {"url": NOTE, "valueAnnotation": {"text": f"Read off a document: {report.coverage}"}}
            ],
            "basedOn": filing.based_on,
            "status": "preliminary",
            "category": concepts((LABORATORY,), account),
            "code": {"coding": concepts((Concept((CODE,)),), account)[0]["coding"], "text": _TITLE},
            **filing.whose,
            **_effective(report.rows),
            "issued": issued.text,
            "result": [{"reference": reference} for reference in results],
        }
    )
    return labels.labelled(resource) if report.model_run else resource


def _effective(rows: Iterable[Extracted]) -> Node:
    """When the specimens were taken: one moment, or from the first to the last day; nothing where unknown."""
    moments = sorted({row.effective.text for row in rows if row.confirmed and row.effective})
    if not moments:
        return {}
    if len(moments) == 1:
        return {"effectiveDateTime": moments[0]}
    # Days of different precision and zone compare as far as the shortest goes.
    length = min(len("2026-11-22"), *(len(moment) for moment in moments))
    start, end = moments[0][:length], moments[-1][:length]
    return {"effectiveDateTime": start} if start == end else {"effectivePeriod": {"start": start, "end": end}}
