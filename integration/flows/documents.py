"""The story of a message's documents: find who reads each, check whose it is, hand out what is to be filed.

| the document, or its page | becomes |
|---|---|
| current, of the message's patient and order | a draft: preliminary, with a Task; earlier drafts of it go |
| about another patient or order | a Task that says so; nothing of it is written |
| unreadable, of nobody's kind, or at a host that is not allowed | a Task that says why |
| of a kind that nobody reads, or of no known kind and without any result | nothing: its DocumentReference |
| withdrawn by the sender, or replaced by another document | its drafts are taken back: entered in error |
| no longer the one that is stored | nothing: the later message speaks for it |
| in need of a model that does not run now | tried again later, at last read without it |

A draft that a person signed is never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from inference.errors import BackendUnavailable, InferenceError
from integration.errors import DocumentRefused, DocumentUnreachable
from integration.flows.convert import reports_of
from integration.flows.door import Terms
from integration.flows.filing_drafts import Filed
from integration.flows.readers import DocumentFetcher, DocumentReader
from integration.store.ids import utc_text
from integration.store.records import StoredMessage
from mappers.domain import drafting, page_checks
from mappers.domain.attribution import ModelRun, Software
from mappers.domain.documents import ClinicalDocument, Document, DocumentLink
from mappers.domain.issues import Issue
from mappers.domain.people import Organization
from mappers.domain.reconciliation import reconcile
from mappers.domain.results import LabReport
from mappers.domain.times import Moment
from mappers.fhir import extracted_bundle, whose
from mappers.fhir.authorship import Reading
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.review_task import Asked

_CURRENT = "current"
_ANOTHERS = "the page names another patient or order than the message: nothing of it was written"


class AttachmentReader(Protocol):
    """Reads attachments of some media types."""

    @property
    def task(self) -> str:
        """Id and version of its task, "lab_report@1"."""

    def reads(self, document: Document, *, section: str) -> bool:
        """Whether a document of this media type is for it.

        Args:
            document: with its media type by content.
            section: table 0074 code of the report that it came with, else LOINC of its type; "" when unknown.
        """

    def draft(self, document: Document, case: Case) -> WrittenBundle | None:
        """The draft, or the question to a person; None when there is nothing to say.

        Raises:
            BackendUnavailable: what it needs is not there now, and this is not the last attempt.
            InferenceError: it cannot be read: the text becomes a question to a person.
        """


@dataclass(frozen=True, slots=True)
class DocumentStory:
    """What the story needs.

    Attributes:
        readers: asked in this order; the first that reads a document has it.
        fetcher: of documents that messages point to.
        terms: by channel name.
        clock: aware now.
    """

    readers: Sequence[AttachmentReader]
    fetcher: DocumentFetcher
    terms: Mapping[str, Terms]
    software: Software
    clock: Callable[[], datetime]
    responsible: Organization | None = None

    def read(self, message: StoredMessage, *, last: bool) -> Sequence[Filed]:
        """Read the documents of one message (`flows.reading.Story.read`)."""
        assert message.raw is not None
        return [
            self.filed(document, report, message, last=last)
            for report in reports_of(message.raw, channel=self.terms[message.channel].channel)
            for document in report.documents
        ]

    def filed(
        self, document: ClinicalDocument, report: LabReport, message: StoredMessage, *, last: bool
    ) -> Filed:
        """What one document becomes; nothing is stored yet."""
        case = Case(self, document, report, message, last)
        refused: list[str] = []
        attachments = document.attachments if _is_current(document) else ()
        drafts = [self._draft(each, case, refused) for each in attachments]
        return Filed(
            message_id=message.id,
            document=document,
            drafts=tuple(draft for draft in drafts if draft is not None),
            whose=case.owner,
            reading=case.reading("", None, task=self.readers[0].task),
            refused=tuple(refused),
        )

    def _draft(
        self, attachment: Document | DocumentLink, case: Case, refused: list[str]
    ) -> WrittenBundle | None:
        """The draft or the question of one attachment; None when it is nobody's to read.

        Args:
            attachment: bytes, or where they lie.
            case: whose it is.
            refused: told of an address that was not called, or not listened to, for the audit trail.
        """
        try:
            document = self._content(attachment, case)
        except DocumentRefused as error:
            refused.append(str(error))
            return case.question("", f"not fetched: {error}", task=self.readers[0].task)
        except DocumentUnreachable:
            if not case.last:
                raise
            text = "not fetched: its server did not answer"
            return case.question("", text, task=self.readers[0].task)
        section = case.section
        reader = next((each for each in self.readers if each.reads(document, section=section)), None)
        if reader is None:
            return None
        try:
            return reader.draft(document, case)
        except BackendUnavailable:
            raise
        except InferenceError as error:
            return case.question(document.sha256, f"not read: {error}", task=reader.task)

    def _content(self, attachment: Document | DocumentLink, case: Case) -> Document:
        if isinstance(attachment, Document):
            return attachment
        return self.fetcher.fetch(attachment, channel=case.message.channel)


def _is_current(document: ClinicalDocument) -> bool:
    return document.status == _CURRENT


@dataclass(frozen=True, slots=True)
class Case:
    """One document of one message being read.

    Attributes:
        last: whether what is not there now is done without.
    """

    story: DocumentStory
    document: ClinicalDocument
    report: LabReport
    message: StoredMessage
    last: bool

    @property
    def owner(self) -> whose.Whose:
        """The chart that the sender's results went to, and the orders of this document."""
        return whose.of(self.report, self.document)

    @property
    def section(self) -> str:
        """Table 0074 code of the report that it came with, else LOINC of its type; "" when unknown."""
        return whose.section(self.report, self.document)

    def reading(self, sha256: str, run: ModelRun | None, *, task: str) -> Reading:
        """How it was read."""
        received = datetime.fromisoformat(self.message.received_at)
        return Reading(
            software=self.story.software,
            task=task,
            document=self.document.identity.reference,
            sha256=sha256 or self.report.source.sha256,
            received=Moment(utc_text(received)),
            recorded=Moment(utc_text(self.story.clock())),
            source=self.report.source,
            responsible=self.story.responsible,
            model_run=run,
        )

    def question(
        self, sha256: str, reason: str, issues: tuple[Issue, ...] = (), coverage: str = "", *, task: str
    ) -> WrittenBundle:
        """A Task alone: the document was not read, or must not be written."""
        asked = Asked(
            focus=self.document.identity.reference, reasons=(reason,), coverage=coverage, issues=issues
        )
        return extracted_bundle.write_question(
            asked, reading=self.reading(sha256, None, task=task), whose=self.owner
        )


@dataclass(frozen=True, slots=True)
class LabAttachments:
    """Laboratory reports among the documents of a message (`AttachmentReader`)."""

    reader: DocumentReader

    @property
    def task(self) -> str:
        """Id and version of the task."""
        return self.reader.task

    def reads(self, document: Document, *, section: str) -> bool:
        """As its task says."""
        return self.reader.reads(document, section=section)

    def draft(self, document: Document, case: Case) -> WrittenBundle | None:
        """What was read, beside what the sender sent."""
        with_model = self.reader.has_model and not case.last
        read = self.reader.read(document, channel=case.message.channel, with_model=with_model)
        if not (case.section or read.rows or read.unread):
            return None  # nothing on it, and nobody said that it is a laboratory's
        report = case.report
        check = page_checks.check(read, patient=report.patient, numbers=whose.numbers(report))
        if check.mismatches:
            return case.question(document.sha256, _ANOTHERS, check.mismatches, read.coverage, task=self.task)
        measurements = [*report.loose, *(m for each in report.reports for m in each.measurements)]
        drafted = drafting.draft(
            read, reconciled=reconcile(read.rows, measurements), check=check, has_model=with_model
        )
        reading = case.reading(document.sha256, read.model_run, task=self.task)
        return extracted_bundle.write(drafted, reading=reading, whose=case.owner)
