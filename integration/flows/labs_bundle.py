"""A document that came with no message, as FHIR: the document itself and what was read off it. Pure."""

from __future__ import annotations

from typing import Any

from mappers.domain.attribution import Software
from mappers.domain.coding import Concept
from mappers.domain.documents import ClinicalDocument
from mappers.domain.drafting import draft
from mappers.domain.extraction import ExtractedReport
from mappers.domain.identifiers import Identity
from mappers.domain.page_checks import PageCheck
from mappers.domain.people import Organization
from mappers.domain.reconciliation import Reconciled
from mappers.domain.results import standing
from mappers.domain.times import Moment
from mappers.fhir import document_reference_writer, extracted_bundle
from mappers.fhir.account import Account
from mappers.fhir.authorship import Reading
from mappers.fhir.chart import Chart
from mappers.fhir.extracted_report import CODE
from mappers.fhir.result_bundle import Entry, WrittenBundle
from mappers.fhir.whose import Whose


def bundle_of(
    report: ExtractedReport,
    *,
    task: str,
    software: Software,
    recorded: Moment,
    responsible: Organization | None = None,
) -> dict[str, Any]:
    """A transaction Bundle: the DocumentReference with its bytes, and the draft; no patient is known.

    Args:
        report: what was read.
        task: id and version of the task that read it.
        software: what writes it.
        recorded: now, an instant.
        responsible: on whose behalf Wardwire acts.
    """
    identity = Identity("DocumentReference", (report.document.sha256,))
    filed = ClinicalDocument(
        identity=identity,
        status="current",
        standing=standing("final", recorded),
        type=Concept((CODE,)),
        date=recorded,
        attachments=(report.document,),
    )
    chart = Chart(account=Account(), subject=None, encounter=None, meta={})
    document = document_reference_writer.write(filed, chart=chart)
    del document["meta"]
    reading = Reading(
        software=software,
        task=task,
        document=identity.reference,
        sha256=report.document.sha256,
        received=recorded,
        recorded=recorded,
        responsible=responsible,
        model_run=report.model_run,
    )
    drafted = draft(
        report, reconciled=Reconciled(), check=PageCheck(), has_model=report.model_run is not None
    )
    written = extracted_bundle.write(drafted, reading=reading, whose=Whose())
    return WrittenBundle((Entry(document, filed.standing), *written.entries), ()).bundle()
