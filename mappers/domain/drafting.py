"""From what was read off a document to a draft: what a person has to be told before they sign it.

Reasons are for people and hold counts, never a value. Knows neither FHIR nor how the document was read.
"""

from __future__ import annotations

from mappers.domain.coding import LOINC
from mappers.domain.extraction import Draft, ExtractedReport
from mappers.domain.issues import IssueCode
from mappers.domain.page_checks import PageCheck
from mappers.domain.reconciliation import Reconciled

#: What stands on a draft of which something could be read by a model only, and none is configured.
NO_MODEL = "not read: no model"


def draft(report: ExtractedReport, *, reconciled: Reconciled, check: PageCheck, has_model: bool) -> Draft:
    """The draft of a document that is the patient's.

    Args:
        report: what was read.
        reconciled: how it compares with what the sender sent.
        check: how the page compares with the message; without mismatch.
        has_model: whether a model is configured that could have read the rest.
    """
    reasons = (
        *_found(report),
        *_unread(report, has_model=has_model),
        *_doubtful(report),
        *_compared(reconciled),
        *(f"the page names no {what} that can be compared with the message" for what in check.unchecked),
    )
    return Draft(report=report, reasons=reasons, issues=(*check.doubts, *reconciled.issues))


def _found(report: ExtractedReport) -> list[str]:
    confirmed = sum(row.confirmed for row in report.rows)
    if not confirmed:
        return ["no result was read off the document"]
    found = _several(confirmed, "result was", "results were")
    return [f"{found} read off a document and nobody has looked at them"]


def _unread(report: ExtractedReport, *, has_model: bool) -> list[str]:
    reasons = []
    if report.unread:
        places = _several(len(report.unread), "place", "places")
        why = "not read" if has_model else NO_MODEL
        reasons.append(f"{why}: {places} may hold results")
    if report.pages_total and len(report.pages_read) < report.pages_total:
        reasons.append(f"only {report.coverage} was read")
    return reasons


def _doubtful(report: ExtractedReport) -> list[str]:
    unconfirmed = sum(not row.confirmed for row in report.rows)
    uncoded = sum(row.confirmed and not row.code.code_in(LOINC) for row in report.rows)
    reasons = []
    if unconfirmed:
        reasons.append(f"{_several(unconfirmed, 'value is', 'values are')} unconfirmed and not written")
    if uncoded:
        reasons.append(f"{_several(uncoded, 'result has', 'results have')} no LOINC code")
    return reasons


def _compared(reconciled: Reconciled) -> list[str]:
    differ = sum(issue.code is IssueCode.CONFLICT for issue in reconciled.issues)
    other = len(reconciled.issues) - differ
    reasons = []
    if differ:
        reasons.append(f"{_several(differ, 'result differs', 'results differ')} from what the sender sent")
    if other:
        reasons.append(f"{_several(other, 'result', 'results')} could not be compared with the sender's")
    if reconciled.agreeing:
        agree = _several(reconciled.agreeing, "result agrees", "results agree")
        reasons.append(f"{agree} with what the sender sent")
    return reasons


def _several(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
