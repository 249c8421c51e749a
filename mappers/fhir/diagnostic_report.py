"""DiagnosticReport from OBR and ORC (v2-to-FHIR, OBR[DiagnosticReport], ORC[DiagnosticReport]; US Core 9)."""

from __future__ import annotations

from typing import Any

from mappers.domain.orders import Note
from mappers.domain.results import Measurement, Report
from mappers.fhir.account import Account
from mappers.fhir.accruing import Member
from mappers.fhir.attachment import plain_text
from mappers.fhir.categories import of_report
from mappers.fhir.chart import Chart, instant, note_extensions, timing
from mappers.fhir.datatypes import absent, actors, concept, concepts, identifiers, pruned, text
from mappers.fhir.digests import key_of

Node = dict[str, Any]

#: What ORC says of a report; the rest is OBR's.
_SAID_BY_ORC = frozenset({"identifier", "basedOn"})
_SAID_BY_PRT = frozenset({"performer"})


def write(report: Report, *, section: str | None, notes: tuple[Note, ...], chart: Chart) -> Node:
    """The DiagnosticReport.

    Args:
        report: the order's results.
        section: its observation category.
        notes: notes that no result shows; R4 has no element for them: the `note` extension.
        chart: what it shares with the rest of the message.
    """
    account = chart.account
    account.origin = report.origins[0] if report.origins else ""
    resource = chart.head(report.identity) | pruned(
        {
            "extension": note_extensions(notes, "DiagnosticReport.extension", account),
            "identifier": identifiers(report.identifiers, account),
            "basedOn": [{"reference": report.order.identity.reference}] if report.order else None,
            "status": report.status,
            "category": concepts(of_report(report, section), account),
            "code": concept(report.code, account) or {"extension": absent()},
            "subject": chart.subject,
            "encounter": chart.encounter,
            **timing("effective", report.effective, account),
            "issued": instant(report.issued, account),
            "performer": actors(report.performers, account),
            "resultsInterpreter": actors(report.interpreters, account),
            "specimen": _references(specimen.identity.reference for specimen in report.specimens),
            "result": _references(each.identity.reference for each in report.measurements if _stands(each)),
            "conclusion": text(report.conclusion),
            "presentedForm": [plain_text(report.narrative)] if text(report.narrative) else None,
        }
    )
    _trace(report, resource, account)
    return resource


def members(report: Report) -> tuple[Member, ...]:
    """What the report says of each of its results.

    A report that is text is sent by whole sections, line by line: its lines have the standing of the report.
    """
    text_only = report.narrative is not None
    return tuple(
        Member(
            each.identity.reference,
            report.standing if text_only else each.standing,
            listed=_stands(each),
            section=key_of(each.code) if text_only else "",
        )
        for each in report.measurements
    )


def _stands(measurement: Measurement) -> bool:
    """Whether it is a result: not when it was withdrawn (OBX-11 D, W)."""
    return measurement.status != "entered-in-error"


def _references(references: Any) -> list[Node]:
    """Each once, in order."""
    return [{"reference": reference} for reference in dict.fromkeys(references)]


def _trace(report: Report, resource: Node, account: Account) -> None:
    for origin in report.origins:
        if origin.startswith("PRT"):
            account.wrote_all((origin,), resource, without=resource.keys() - _SAID_BY_PRT)
            continue
        said = (
            _SAID_BY_ORC
            if origin.startswith("ORC")
            else resource.keys() - {"result", "specimen", "basedOn", "conclusion", "presentedForm"}
        )
        account.wrote_all((origin,), resource, without=resource.keys() - said)
