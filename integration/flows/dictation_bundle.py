"""A recording that came with no message, as FHIR: the recording and the draft of what was said. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mappers.domain.attribution import Software
from mappers.domain.documents import ClinicalDocument, Document
from mappers.domain.findings import JudgedReport, SourceKind
from mappers.domain.identifiers import Identity
from mappers.domain.people import Organization
from mappers.domain.results import standing
from mappers.domain.times import Moment
from mappers.fhir import document_reference_writer, judged_bundle
from mappers.fhir.account import Account
from mappers.fhir.authorship import Reading
from mappers.fhir.chart import Chart
from mappers.fhir.result_bundle import Entry, WrittenBundle
from mappers.fhir.whose import Whose


def bundle_of(
    report: JudgedReport,
    content: bytes,
    *,
    software: Software,
    recorded: Moment,
    responsible: Organization | None = None,
) -> dict[str, Any]:
    """A transaction Bundle: the DocumentReference with its bytes, and the draft; no patient is known.

    Args:
        report: what was said.
        content: the recording.
        software: what writes it.
        recorded: now, an instant.
        responsible: on whose behalf Wardwire acts.
    """
    source = next(each for each in report.sources if each.kind is SourceKind.RECORDING)
    identity = Identity("DocumentReference", (source.sha256,))
    filed = ClinicalDocument(
        identity=identity,
        status="current",
        standing=standing("final", recorded),
        type=report.code,
        date=recorded,
        attachments=(Document(content, source.media_type, source.sha256),),
    )
    chart = Chart(account=Account(), subject=None, encounter=None, meta={})
    document = document_reference_writer.write(filed, chart=chart)
    del document["meta"]
    reading = Reading(
        software=software,
        task=report.task,
        document=identity.reference,
        sha256=source.sha256,
        received=recorded,
        recorded=recorded,
        responsible=responsible,
    )
    named = replace(source, reference=identity.reference)
    known = replace(report, sources=tuple(named if each is source else each for each in report.sources))
    written = judged_bundle.write(known, reading=reading, whose=Whose())
    return WrittenBundle((Entry(document, filed.standing), *written.entries), ()).bundle()
