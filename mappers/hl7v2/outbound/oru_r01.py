"""ORU^R01 (chapter 7.3.1): all results that one message reported on one patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from mappers.domain.documents import Document
from mappers.domain.identifiers import Identity
from mappers.domain.results import LabReport, Measurement, Report
from mappers.domain.times import Moment
from mappers.hl7v2.outbound import results, segments
from mappers.hl7v2.outbound.composer import Composer
from mappers.hl7v2.outbound.recipient import Outgoing, Recipient

_NONE: Final[Mapping[Identity, tuple[Document, ...]]] = MappingProxyType({})


def write(
    report: LabReport,
    *,
    recipient: Recipient,
    now: Moment,
    documents: Mapping[Identity, Sequence[Document]] = _NONE,
) -> Outgoing:
    """The results as the recipient reads them.

    Args:
        report: what was reported on one patient.
        recipient: what was agreed with them.
        now: MSH-7, an instant.
        documents: by the identity of the report that they belong to; they become OBX of type ED.

    Raises:
        Refused: a character that the recipient's character set does not have, or an unknown status; located.
    """
    composer = Composer(recipient)
    segments.msh(composer, ("ORU", "R01", "ORU_R01"), report.source, now)
    if report.patient is not None:
        segments.pid(composer, report.patient)
    segments.notes(composer, report.patient_notes)
    if report.visit is not None:
        segments.pv1(composer, report.visit)
    for ordinal, each in enumerate(report.reports, start=1):
        results.orc(composer, each)
        _observations(composer, each, ordinal, documents.get(each.identity, ()))
    if report.loose:
        _loose(composer, report.loose, len(report.reports) + 1)
    return composer.finish()


def _observations(composer: Composer, report: Report, ordinal: int, held: Sequence[Document]) -> None:
    results.obr(composer, report, ordinal)
    for number, measurement in enumerate(report.measurements, start=1):
        results.obx(composer, measurement, number, report=report)
    results.documents(composer, held, report=report, after=len(report.measurements))
    _specimens(composer, report)


def _specimens(composer: Composer, report: Report) -> None:
    """SPM behind the results. Which of several a result was made from, no version before 2.9 can say."""
    if not composer.recipient.since("2.5"):
        if len(report.specimens) > 1:
            composer.warn("OBR", 15, "only the first specimen has a place")
        return
    if len(report.specimens) > 1 and any(each.specimen for each in report.measurements):
        composer.warn("SPM", None, "which result was made from which specimen has no place")
    for number, specimen in enumerate(report.specimens, start=1):
        segments.spm(composer, specimen, number)


def _loose(composer: Composer, loose: Sequence[Measurement], ordinal: int) -> None:
    """Results that came without an OBR hang under one of their own, for the grammar demands it."""
    first = loose[0]
    composer.warn("OBR", 4, "the results came without an OBR: the first of them names the group")
    head = Report(first.identity, first.code, first.status, first.standing, effective=first.effective)
    results.obr(composer, head, ordinal)
    for number, measurement in enumerate(loose, start=1):
        results.obx(composer, measurement, number, report=head)
