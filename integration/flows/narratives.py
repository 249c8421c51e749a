"""The story of a message's texts: the findings that a written report states, as a draft beside it.

| the text | becomes |
|---|---|
| of a report that is final, amended or corrected | a draft: its findings, each with its words, and a Task |
| of a report that is preliminary, or says no status | nothing yet |
| of a report that was taken back | its drafts are taken back |
| of a report that is no longer the one that is stored | nothing: the later message speaks for it |
| a document of plain text that is no laboratory's | the same, beside its DocumentReference |
| where no model is configured | nothing: the sender's own words are complete as they are |
| in need of a model that does not run now | tried again later, at last a Task that says so |

What the sender wrote is never changed: the list is a reading of it, for who searches by findings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inference.errors import BackendUnavailable, InferenceError
from integration.flows.convert import reports_of
from integration.flows.documents import Case
from integration.flows.door import Terms
from integration.flows.filing_drafts import FiledSource
from integration.flows.readers import TextReader
from integration.flows.reading import Fileable, Story
from integration.store.ids import utc_text
from integration.store.records import StoredMessage
from mappers.domain.attribution import Software
from mappers.domain.documents import Document
from mappers.domain.findings import JudgedReport
from mappers.domain.media_types import TEXT
from mappers.domain.people import Organization
from mappers.domain.results import LabReport, Report
from mappers.domain.times import Moment
from mappers.fhir import judged_bundle, whose
from mappers.fhir.authorship import Reading
from mappers.fhir.digests import source_uri
from mappers.fhir.result_bundle import WrittenBundle

#: A model reads what the sender stands by (FHIR diagnostic-report-status).
_READ = frozenset({"final", "amended", "corrected", "appended"})
_UNREACHED = "not read: the model did not answer"


@dataclass(frozen=True, slots=True)
class Together:
    """Several stories of one kind of message, each for its channels (`flows.reading.Story`)."""

    stories: Sequence[tuple[Collection[str], Story]]

    def read(self, message: StoredMessage, *, last: bool) -> Sequence[Fileable]:
        """What all of them hand out, in their order."""
        return [
            filed
            for channels, story in self.stories
            if message.channel in channels
            for filed in story.read(message, last=last)
        ]


@dataclass(frozen=True, slots=True)
class NarrativeStory:
    """Reports of a message whose results are text.

    Attributes:
        reader: the task, with its model.
        terms: by channel name.
        clock: aware now.
    """

    reader: TextReader
    terms: Mapping[str, Terms]
    software: Software
    clock: Callable[[], datetime]
    responsible: Organization | None = None

    def read(self, message: StoredMessage, *, last: bool) -> Sequence[FiledSource]:
        """Read the reports of one message (`flows.reading.Story.read`)."""
        assert message.raw is not None
        return [
            self._filed(report, said, message, last=last)
            for said in reports_of(message.raw, channel=self.terms[message.channel].channel)
            for report in said.reports
            if report.narrative and self.reader.has_model
        ]

    def _filed(self, report: Report, said: LabReport, message: StoredMessage, *, last: bool) -> FiledSource:
        assert report.narrative is not None
        reference = report.identity.reference
        owner = whose.of_report(said, report)
        reading = Reading(
            software=self.software,
            task=self.reader.task,
            document=reference,
            sha256=said.source.sha256,
            received=Moment(utc_text(datetime.fromisoformat(message.received_at))),
            recorded=Moment(utc_text(self.clock())),
            source=said.source,
            responsible=self.responsible,
        )
        drafts: tuple[WrittenBundle, ...] = ()
        if report.status in _READ:
            judged = judge(self.reader, report.narrative, reference, said.source.sha256, last=last)
            judged = replace(judged, category=report.category or judged.category, effective=report.effective)
            drafts = (judged_bundle.write(judged, reading=reading, whose=owner),)
        return FiledSource(
            message_id=message.id,
            source=reference,
            version=source_uri(said.source.sha256),
            drafts=drafts,
            whose=owner,
            reading=reading,
        )


@dataclass(frozen=True, slots=True)
class TextAttachments:
    """Documents of plain text among those of a message (`flows.documents.AttachmentReader`)."""

    reader: TextReader

    @property
    def task(self) -> str:
        """Id and version of the task."""
        return self.reader.task

    def reads(self, document: Document, *, section: str) -> bool:  # noqa: ARG002 - laboratories come first
        """Plain text, where there is a model for it."""
        return document.media_type == TEXT and self.reader.has_model

    def draft(self, document: Document, case: Case) -> WrittenBundle | None:
        """The findings that the document states."""
        text = document.content.decode("utf-8", errors="strict")
        reference = case.document.identity.reference
        judged = judge(self.reader, text, reference, document.sha256, last=case.last)
        reading = case.reading(document.sha256, None, task=self.task)
        return judged_bundle.write(judged, reading=reading, whose=case.owner)


def judge(reader: TextReader, text: str, reference: str, sha256: str, *, last: bool) -> JudgedReport:
    """What a text states; on the last attempt a model that does not answer is said, not waited for.

    Raises:
        BackendUnavailable: the model does not run now, and this is not the last attempt.
        InferenceError: see `TextReader.read`.
    """
    try:
        return reader.read(text, reference=reference, sha256=sha256)
    except BackendUnavailable:
        if not last:
            raise
        return reader.unread(text, _UNREACHED, reference=reference, sha256=sha256)
    except InferenceError as error:
        return reader.unread(text, f"not read: {error}", reference=reference, sha256=sha256)
