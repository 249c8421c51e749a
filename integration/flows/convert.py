"""From the bytes of a message to FHIR resources and a ledger: pure orchestration, no store, no clock.

The same function serves `wardwire convert` (a dry run) and the worker, so that a dry run tells the truth.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, Refused
from mappers.domain.ledger import Disposition, Ledger, LedgerRow
from mappers.domain.people import Organization
from mappers.domain.results import LabReport
from mappers.domain.times import Moment
from mappers.fhir import merging, result_bundle
from mappers.fhir.result_bundle import Entry, WrittenBundle
from mappers.hl7v2 import messages, tokens
from mappers.hl7v2.segments import msh

#: (segment, element that FHIR could not carry) -> the field that it was read from.
_FIELDS: Final = {
    ("OBR", "issued"): "OBR-22", ("OBR", "effective"): "OBR-8", ("OBR", "collected"): "OBR-8",
    ("OBR", "quantity"): "OBR-9", ("OBR", "requester"): "OBR-16", ("ORC", "requester"): "ORC-12",
    ("OBX", "value"): "OBX-5", ("OBX", "quantity"): "OBX-7", ("OBX", "effective"): "OBX-14",
    ("TXA", "date"): "TXA-6", ("PID", "birthDate"): "PID-7", ("PV1", "period"): "PV1-45",
    ("SPM", "collected"): "SPM-17", ("SPM", "quantity"): "SPM-12", ("NK1", "period"): "NK1-9",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conversion:
    """What one message became.

    Attributes:
        control_id: MSH-10, "" when it could not be read.
        written: its resources; None when it was refused.
        ledger: what became of each segment; None when not even segments could be told apart.
        issues: all that was found, worst included.
        has_documents: whether it carries, points to or withdraws any document.
        reports: what it says, one for each patient.
    """

    control_id: str
    written: WrittenBundle | None
    ledger: Ledger | None
    issues: tuple[Issue, ...] = field(default=())
    has_documents: bool = False
    reports: tuple[LabReport, ...] = field(default=(), repr=False)

    @property
    def has_narratives(self) -> bool:
        """Whether a report of it is all text."""
        return any(report.narrative for each in self.reports for report in each.reports)

    @property
    def refused(self) -> bool:
        """Whether nothing was written."""
        return self.written is None


def convert(
    raw: bytes,
    *,
    channel: Channel,
    software: Software,
    recorded: Moment,
    responsible: Organization | None = None,
) -> Conversion:
    """Map one message; never raises for what a message holds.

    Args:
        raw: one message from MSH on, as received.
        channel: what was agreed about the feed.
        software: what writes it.
        recorded: an instant, Provenance.recorded.
        responsible: on whose behalf Wardwire acts; None means the sending facility.
    """
    try:
        message, issues = _unpack(tokens.parse(raw, channel=channel))
    except Refused as refusal:
        return Conversion(_control_id(raw), None, None, (refusal.issue,))
    source = msh.source(message, channel=channel, sha256=hashlib.sha256(raw).hexdigest(), size=len(raw))
    try:
        reading, found = _unpack(messages.read(message, channel=channel, source=source))
    except Refused as refusal:
        return Conversion(source.control_id, None, _all_reported(message), (*issues, refusal.issue))
    written = [
        result_bundle.write(report, software=software, recorded=recorded, responsible=responsible)
        for report in reading.lab_reports
    ]
    whole = _one_bundle(written)
    return Conversion(
        source.control_id,
        whole,
        reading.ledger.with_paths(whole.trace).with_lost(map(_field_of, whole.lost)),
        (*issues, *found, *whole.issues),
        any(report.documents for report in reading.lab_reports),
        reading.lab_reports,
    )


def reports_of(raw: bytes, *, channel: Channel) -> tuple[LabReport, ...]:
    """What a message says, one for each patient, with nothing written.

    Raises:
        Refused: it cannot be read.
    """
    message = tokens.parse(raw, channel=channel).value
    source = msh.source(message, channel=channel, sha256=hashlib.sha256(raw).hexdigest(), size=len(raw))
    return messages.read(message, channel=channel, source=source).value.lab_reports


def _unpack(mapped: Any) -> tuple[Any, tuple[Issue, ...]]:
    return mapped.value, mapped.issues


def _control_id(raw: bytes) -> str:
    try:
        return tokens.peek(raw).control_id
    except Refused:
        return ""


def _all_reported(message: tokens.Message) -> Ledger:
    """The ledger of a message of which nothing was written: the refusal speaks for every segment."""
    return Ledger(tuple(LedgerRow(segment.label, Disposition.REPORTED) for segment in message.segments))


def _one_bundle(parts: list[WrittenBundle]) -> WrittenBundle:
    """The parts of a message about several patients as one: each resource once, one Provenance of all."""
    if len(parts) == 1:
        return parts[0]
    entries: dict[tuple[str, str], Entry] = {}
    for entry in (entry for part in parts for entry in part.entries):
        key = (entry.resource["resourceType"], entry.resource["id"])
        before = entries.get(key)
        entries[key] = entry if before is None else _both(before, entry)
    ordered = sorted(entries.values(), key=lambda entry: entry.resource["resourceType"] == "Provenance")
    trace = tuple(dict.fromkeys(pair for part in parts for pair in part.trace))
    issues = tuple(issue for part in parts for issue in part.issues)
    lost = tuple(dict.fromkeys(pair for part in parts for pair in part.lost))
    return WrittenBundle(tuple(ordered), trace, issues, lost)


def _field_of(lost: tuple[str, str]) -> tuple[str, str]:
    """The field behind what a writer left out; where several may be, the segment and the element."""
    label, element = lost
    segment = label.partition("[")[0]
    return label, _FIELDS.get((segment, element), f"{segment} ({element})")


def _both(first: Entry, second: Entry) -> Entry:
    """What two parts of a message say of one resource."""
    if second.by_element and second.standing:
        resource, _ = merging.merge(first.resource, {}, second.resource, second.standing)
        aliases = tuple(dict.fromkeys((*first.aliases, *second.aliases)))
        deletes = tuple(dict.fromkeys((*first.deletes, *second.deletes)))
        return replace(second, resource=resource, aliases=aliases, deletes=deletes)
    if second.resource["resourceType"] != "Provenance":
        return second
    targets = {each["reference"]: each for entry in (first, second) for each in entry.resource["target"]}
    return replace(second, resource={**second.resource, "target": list(targets.values())})


def ledger_line(conversion: Conversion, *, file: str, index: int) -> dict[str, Any]:
    """One line of `wardwire convert --ledger`: what became of a message, without a value of it."""
    ledger = conversion.ledger or Ledger(())
    return {
        "file": file,
        "index": index,
        "control_id": conversion.control_id,
        "outcome": "refused" if conversion.refused else "converted",
        "issues": [describe(issue) for issue in conversion.issues],
        "segments": {
            "in": len(ledger.rows),
            **{disposition.value: ledger.count(disposition) for disposition in Disposition},
        },
        "rows": [
            {
                "segment": row.segment,
                "outcome": row.disposition.value,
                "paths": list(row.paths),
                "unmapped": list(row.unmapped),
            }
            for row in ledger.rows
        ],
    }


def describe(issue: Issue) -> dict[str, str]:
    """An issue as JSON."""
    return {
        "severity": issue.severity.value,
        "code": issue.code.value,
        "location": issue.location,
        "text": issue.text,
    }
