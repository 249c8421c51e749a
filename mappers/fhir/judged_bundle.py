"""What models judged of one piece of evidence, as resources of a draft.

| the report | becomes |
|---|---|
| has findings or sections | a DiagnosticReport, an Observation for each finding, a Task, a Provenance |
| has a transcription | its DocumentReference and Provenance too |
| was not read | a Task that says why, and the Provenance of that |

Every resource is judged before it is handed out. Drafts are `preliminary` and stand in a report of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from mappers.domain.coding import LOINC, SNOMED_CT, Coding, Concept
from mappers.domain.findings import Finding, GuardOutcome, ImageRegion, JudgedReport
from mappers.domain.identifiers import Identity
from mappers.fhir import judged_observation, judged_provenance, judged_report, judged_transcript, labels
from mappers.fhir.authorship import Reading
from mappers.fhir.categories import OBSERVATION_CATEGORY, SECTIONS
from mappers.fhir.draft_writer import DRAFT, DraftWriter
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.review_task import Asked
from mappers.fhir.whose import Whose

Node = dict[str, Any]

_IMAGING = Concept((Coding("imaging", OBSERVATION_CATEGORY, "Imaging"),))
_RADIOLOGY = "LP29684-5"


def write(report: JudgedReport, *, reading: Reading, whose: Whose) -> WrittenBundle:
    """The draft.

    Args:
        report: what was judged.
        reading: how and when; `document` is the reference of the resource that was read.
        whose: the chart, and the orders that it answers.
    """
    writer = _Writer(report, reading, whose)
    writer.software()
    transcript = writer.transcript()
    findings = writer.findings()
    drafted = writer.report([reference for reference, _ in findings])
    writer.ask(drafted or transcript or reading.document)
    writer.provenances(findings, transcript)
    written = writer.written()
    if not report.demonstration:
        return written
    marked = tuple(
        entry
        if entry.resource["resourceType"] == "Device"
        else replace(entry, resource=labels.labelled(entry.resource, labels.HTEST))
        for entry in written.entries
    )
    return replace(written, entries=marked)


def reasons(report: JudgedReport) -> tuple[str, ...]:
    """Why a person has to look, for people; counts and names of guards, no value."""
    if report.not_read is not None:
        return (report.not_read, *report.reasons)
    failed = [each.guard for each in report.verdicts if each.outcome is GuardOutcome.FAILED]
    uncoded = sum(not _is_coded(finding.code) for finding in report.findings)
    spoken = report.transcription
    said = [
        *(["a demonstration model wrote this: it is of no clinical use"] if report.demonstration else []),
        *(["a model judged this and nobody has looked at it"] if report.runs else []),
        *(["speech was recognised and nobody has compared it with the recording"] if spoken else []),
        *(
            ["several people speak: it was not arranged as a report"]
            if spoken and spoken.conversation
            else []
        ),
        *(f"a guard failed: {guard}" for guard in failed),
        *([f"{uncoded} finding{' has' if uncoded == 1 else 's have'} no code"] if uncoded else []),
    ]
    return (*said, *report.reasons)


def _is_coded(code: Concept) -> bool:
    return bool(code.code_in(LOINC) or code.code_in(SNOMED_CT))


class _Writer(DraftWriter):
    """Writes the parts of one judgement."""

    def __init__(self, report: JudgedReport, reading: Reading, whose: Whose) -> None:
        super().__init__(reading, whose, order=DRAFT)
        self._report = report
        self._version = judged_provenance.version(report, reading)
        self._device = ""
        for run in report.runs:
            self._device = self.model(run.card)
        for verdict in report.verdicts:
            if verdict.run:
                self.model(verdict.run.card)

    def transcript(self) -> str | None:
        """What was recognised; its reference."""
        spoken = self._report.transcription
        if spoken is None:
            return None
        resource = judged_transcript.write(
            self._report,
            spoken,
            identity=self._own("DocumentReference", "transcript"),
            author=self.model(spoken.run.card),
            date=self._reading.received,
            filing=self.filing,
        )
        return self.add(resource)

    def findings(self) -> list[tuple[str, Finding]]:
        """An Observation for each finding; those of its regions, where it has several, come before."""
        seen: Counter[str] = Counter()
        written = []
        for finding in self._report.findings:
            name = finding.key or finding.name.casefold()
            seen[name] += 1
            reference = self._finding(finding, (name, str(seen[name])))
            if reference:
                written.append((reference, finding))
        return written

    def _finding(self, finding: Finding, name: tuple[str, ...]) -> str | None:
        regions = tuple(each for each in finding.places if isinstance(each, ImageRegion))
        if len(regions) <= 1:
            return self._observation(finding, name, regions)
        members = [
            self._observation(finding, (*name, f"region {number}"), (region,))
            for number, region in enumerate(regions, start=1)
        ]
        return self._observation(finding, name, (), tuple(each for each in members if each))

    def _observation(
        self,
        finding: Finding,
        name: tuple[str, ...],
        regions: tuple[ImageRegion, ...],
        members: tuple[str, ...] = (),
    ) -> str | None:
        return self.add(
            judged_observation.write(
                finding,
                identity=self._own("Observation", *name),
                device=self._device,
                category=_categories(self._report),
                effective=self._report.effective,
                regions=regions,
                filing=self.filing,
                members=members,
            )
        )

    def report(self, results: list[str]) -> str | None:
        """The draft report; None when nothing was judged."""
        if self._report.not_read is not None or not (results or self._report.sections):
            return None
        return self.add(
            judged_report.write(
                self._report,
                identity=self._own("DiagnosticReport"),
                results=results,
                issued=self._reading.received,
                filing=self.filing,
            )
        )

    def ask(self, focus: str) -> None:
        """The question to a person."""
        report = self._report
        asked = Asked(
            focus=focus,
            reasons=reasons(report),
            coverage=report.coverage,
            issues=report.issues,
            verdicts=report.verdicts,
            about=f"Review: {report.title}",
        )
        self.task(asked, self._own("Task"))

    def provenances(self, findings: list[tuple[str, Finding]], transcript: str | None) -> None:
        """One for the judgement, one for the transcript."""
        report, reading = self._report, self._reading
        found = {reference for reference, _ in findings}
        kinds = {"DiagnosticReport", "Task", "Observation"}
        others = [each for each in self.references(kinds) if each not in found]
        if findings or others:
            resource = judged_provenance.of_report(
                report, findings, others, reading=reading, filing=self.filing
            )
            self.add(resource, once=True)
        if transcript and report.transcription:
            resource = judged_provenance.of_transcript(
                report, report.transcription, transcript, reading=reading, filing=self.filing
            )
            self.add(resource, once=True)

    def _own(self, kind: str, *parts: str) -> Identity:
        return Identity(kind, ("judged", *self._version, *parts))


def _categories(report: JudgedReport) -> tuple[Concept, ...]:
    """Imaging for a radiology report; nothing is claimed of others."""
    codes = {each.code_in(LOINC) for each in report.category}
    sections = {each.code_in(SECTIONS) for each in report.category}
    return (_IMAGING,) if _RADIOLOGY in codes or "RAD" in sections else ()
