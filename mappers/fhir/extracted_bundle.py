"""A draft as resources: what was read off one document, who read it, where, and what a person is asked.

Every resource is judged before it is handed out. Nothing here is the sender's: drafts stand in a report of
their own, `preliminary`, and a version signed by a person is never overwritten by one of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from mappers.domain.extraction import Draft, Extracted, Method
from mappers.domain.identifiers import Identity
from mappers.fhir import device, extracted_observation, extracted_provenance, extracted_report
from mappers.fhir.authorship import Reading
from mappers.fhir.draft_writer import DRAFT, RETRACTED, DraftWriter
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.review_task import Asked
from mappers.fhir.whose import Whose

Node = dict[str, Any]


def write(draft: Draft, *, reading: Reading, whose: Whose) -> WrittenBundle:
    """The draft: Devices, Observations, DiagnosticReport, Task, Provenances.

    Where nothing at all could be written as a result, there is no report, and the Task is about the document.
    """
    writer = _Writer(reading, whose)
    report = draft.report
    writer.devices()
    confirmed = [row for row in report.rows if row.confirmed]
    rows = [
        (reference, row)
        for row, identity in zip(confirmed, _identities(confirmed, reading), strict=True)
        if (reference := writer.observation(row, identity))
    ]
    focus = writer.report(draft, [reference for reference, _ in rows]) if rows else None
    asked = Asked(
        focus=focus or reading.document,
        reasons=draft.reasons,
        coverage=report.coverage,
        unconfirmed=tuple(row for row in report.rows if not row.confirmed),
        unread=report.unread,
        issues=(*draft.issues, *report.issues, *(issue for row in report.rows for issue in row.issues)),
    )
    writer.ask(asked)
    writer.provenances(rows, unit="px" if report.document.media_type.startswith("image/") else "pt")
    return writer.written()


def write_question(asked: Asked, *, reading: Reading, whose: Whose) -> WrittenBundle:
    """A Task alone: the document was not read, or must not be written."""
    writer = _Writer(reading, whose)
    writer.devices()
    writer.ask(asked)
    writer.provenances((), unit="pt")
    return writer.written()


def retract(resources: Sequence[Node], *, reading: Reading, whose: Whose, reason: str) -> WrittenBundle:
    """Drafts taken back: entered in error, Tasks cancelled, and a Provenance that says why.

    Args:
        resources: current versions of drafts, as they are stored.
        reading: what takes them back: its document, message and moment.
        whose: as of the drafts.
        reason: for people.
    """
    writer = _Writer(reading, whose, order=RETRACTED)
    writer.devices()
    for resource in resources:
        writer.add(_taken_back(resource, reason))
    targets = writer.references({"Observation", "DiagnosticReport", "Task"})
    if targets:
        writer.add(
            extracted_provenance.of_retraction(targets, reading=reading, reason=reason, filing=writer.filing),
            once=True,
        )
    return writer.written()


def _taken_back(resource: Node, reason: str) -> Node:
    stored = {name: value for name, value in resource.get("meta", {}).items() if name not in _STORED}
    kept = {**resource, "meta": stored} if stored else {n: v for n, v in resource.items() if n != "meta"}
    if resource["resourceType"] == "Task":
        return {**kept, "status": "cancelled", "statusReason": {"text": reason}}
    return {**kept, "status": "entered-in-error"}


#: What only a store adds to a resource.
_STORED = frozenset({"versionId", "lastUpdated"})


def _identities(rows: Sequence[Extracted], reading: Reading) -> list[Identity]:
    """One for each row: document, task, analyte and what tells its like apart; the model where one spoke."""
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for row in rows:
        specimen = row.specimen.text if row.specimen else None
        key = (row.key or row.name.casefold(), specimen or "", row.effective_printed or "", row.panel or "")
        seen[key] += 1
        parts = (reading.document, reading.sha256, reading.task, *key, str(seen[key]))
        found.append(Identity("Observation", (*parts, *_spoken(reading, row))))
    return found


def _spoken(reading: Reading, row: Extracted | None = None) -> tuple[str, ...]:
    """What tells the words of one model from another's; nothing where none spoke."""
    run = reading.model_run
    if run is None or (row is not None and not extracted_observation.by_model(row)):
        return ()
    return (run.card.id, run.card.revision, run.card.weights_digest, run.prompt_digest)


class _Writer(DraftWriter):
    """Writes the parts of what was read off one document."""

    def __init__(self, reading: Reading, whose: Whose, *, order: int = DRAFT) -> None:
        super().__init__(reading, whose, order=order)
        run = reading.model_run
        self._model = device.identity_of_model(run.card).reference if run else self.engine

    def devices(self) -> None:
        """Wardwire, and the model when one spoke."""
        self.software()
        if self._reading.model_run:
            self.model(self._reading.model_run.card)

    def observation(self, row: Extracted, identity: Identity) -> str | None:
        """One confirmed result."""
        reader = self._model if row.method is Method.MODEL else self.engine
        resource = extracted_observation.write(row, identity=identity, device=reader, filing=self.filing)
        return self.add(resource)

    def report(self, draft: Draft, results: Iterable[str]) -> str | None:
        """The draft report."""
        resource = extracted_report.write(
            draft.report,
            identity=self._of_document("DiagnosticReport"),
            results=results,
            issued=self._reading.received,
            filing=self.filing,
        )
        return self.add(resource)

    def ask(self, asked: Asked) -> None:
        """The question to a person."""
        self.task(asked, self._of_document("Task"))

    def provenances(self, rows: Sequence[tuple[str, Extracted]], *, unit: str) -> None:
        """One for each method, with all that it read, and one for report and Task."""
        for method in Method:
            own = [(reference, row) for reference, row in rows if method in (row.method, *row.also)]
            if own:
                resource = extracted_provenance.of_rows(
                    own, method=method, unit=unit, reading=self._reading, filing=self.filing
                )
                self.add(resource, once=True)
        whole = self.references({"DiagnosticReport", "Task"})
        self.add(extracted_provenance.of_draft(whole, reading=self._reading, filing=self.filing), once=True)

    def _of_document(self, kind: str) -> Identity:
        reading = self._reading
        parts = (reading.document, reading.sha256, reading.task)
        return Identity(kind, (*parts, *_spoken(reading)))
