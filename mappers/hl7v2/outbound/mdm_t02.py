"""MDM^T02 (chapter 9.6.2): one report as a document, as text, with its documents in Base64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mappers.domain.documents import Document
from mappers.domain.results import LabReport, Measurement, Report
from mappers.domain.times import Moment
from mappers.hl7v2 import tables
from mappers.hl7v2.outbound import codes, datatypes, results, segments, values
from mappers.hl7v2.outbound.composer import Composer, Repetition
from mappers.hl7v2.outbound.recipient import Outgoing, Recipient

_IMAGING: Final = "DI"  # table 0270, TXA-2
_CANCELLED: Final = frozenset({"cancelled", "entered-in-error"})


def write(
    whole: LabReport,
    report: Report,
    *,
    recipient: Recipient,
    now: Moment,
    documents: Sequence[Document] = (),
) -> Outgoing:
    """One report as a document. Versions of a report bear one unique document number (TXA-12).

    Args:
        whole: patient, visit and source of the report.
        report: one of `whole.reports`.
        recipient: what was agreed with them.
        now: MSH-7, an instant.
        documents: of this report.

    Raises:
        Refused: a character that the recipient's character set does not have, or an unknown status; located.
    """
    composer = Composer(recipient)
    segments.msh(composer, ("MDM", "T02", "MDM_T02"), whole.source, now)
    composer.add("EVN", {1: "" if recipient.since("2.7") else "T02", 2: datatypes.dtm(now)})
    if whole.patient is not None:
        segments.pid(composer, whole.patient)
    segments.pv1(composer, whole.visit)
    _txa(composer, report, documents)
    status = results.status_of(report)
    if not status:
        raise composer.refusal("OBX", 11, "the report's status is unknown, and OBX-11 has to say one")
    composer.add(
        "OBX",
        {
            1: "1",
            2: "TX",
            3: segments.coded(composer, "OBX", 3, report.code),
            5: _lines(whole, report),
            11: status,
        },
    )
    results.documents(composer, documents, report=report, after=1)
    return composer.finish()


def _txa(composer: Composer, report: Report, documents: Sequence[Document]) -> None:
    section = results.section(report)
    later = composer.recipient.since("2.7")
    composer.add(
        "TXA",
        {
            1: "1",
            2: _IMAGING if tables.is_imaging(section) else section or _IMAGING,
            3: "AP" if documents else "TX",
            4: datatypes.start_of(report.effective),
            6: datatypes.dtm(report.issued),
            9: [datatypes.xcn(each, later=later) for each in report.interpreters],
            12: (report.identity.id, "WARDWIRE"),
            14: datatypes.ei(results.number(report, "PLAC")),
            15: datatypes.ei(results.number(report, "FILL")),
            17: codes.COMPLETION_STATUS[report.status],
            19: "CA" if report.status in _CANCELLED else "AV",
        },
    )


def _lines(whole: LabReport, report: Report) -> list[Repetition]:
    """The report as text, a repetition for each line."""
    return [line for text in _text(whole, report) for line in datatypes.lines(text)]


def _text(whole: LabReport, report: Report) -> Iterator[str]:
    if report.status != "final":
        yield f"Status: {report.status}"
    for measurement in report.measurements:
        yield from _measurement(measurement)
    yield from (note.text for note in (*report.notes, *whole.patient_notes))
    if report.conclusion:
        yield report.conclusion


def _measurement(measurement: Measurement) -> Iterator[str]:
    coding = next(iter(measurement.code.codings), None)
    name = measurement.code.text or (coding and (coding.display or coding.code)) or ""
    held = measurement.components or ((measurement.value,) if measurement.value is not None else ())
    shown = ", ".join(values.show(each) for each in held) or f"no value ({measurement.absent_reason or '-'})"
    if "\n" in shown:
        yield f"{name}:\n{shown}"
    else:
        ranges = "; ".join(each.text for each in measurement.reference_ranges)
        flags = ", ".join(results.flag(each) for each in measurement.interpretations)
        status = "" if measurement.status == "final" else f" [{measurement.status}]"
        yield (
            f"{name}: {shown}" + (f" ({ranges})" if ranges else "") + (f" {flags}" if flags else "") + status
        )
    yield from (note.text for note in measurement.notes)
