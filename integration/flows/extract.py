"""The story of a message's documents: read each, check whose it is, and file what was read as a draft.

It begins when the sender's own results are written, which never wait for a page or a model.

| the document, or its page | becomes |
|---|---|
| current, of the message's patient and order | a draft: preliminary, with a Task; earlier drafts of it go |
| about another patient or order | a Task that says so; nothing of it is written |
| unreadable, of nobody's kind, or at a host that is not allowed | a Task that says why |
| of a kind that no task reads, or of no known kind and without any result | nothing: its DocumentReference |
| withdrawn by the sender, or replaced by another document | its drafts are taken back: entered in error |
| no longer the one that is stored | nothing: the later message speaks for it |
| in need of a model that does not run now | tried again later, at last read without it |

A draft that a person signed is never touched. What a model answered is kept apart and at once, so that
nothing that happens here makes it answer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from inference.errors import BackendUnavailable, InferenceError
from integration import telemetry
from integration.errors import (
    Conflict,
    DocumentRefused,
    DocumentUnreachable,
    NotFound,
    SettingsInvalid,
    StoreUnavailable,
    WardwireError,
)
from integration.flows import retry
from integration.flows.convert import reports_of
from integration.flows.door import Terms
from integration.flows.filing_drafts import Cabinet, Filed
from integration.flows.ports import DocumentFetcher, DocumentReader, Later
from integration.states import Attempt, MessageState
from integration.store import extractions
from integration.store.database import Transaction
from integration.store.extractions import Extractions, StoredExtraction
from integration.store.ids import utc_text
from integration.store.inbox import Inbox
from integration.store.records import Act, StoredMessage
from mappers.domain import drafting, page_checks
from mappers.domain.attribution import ModelRun, Software
from mappers.domain.documents import ClinicalDocument, Document, DocumentLink
from mappers.domain.issues import Issue, Refused
from mappers.domain.people import Organization
from mappers.domain.reconciliation import reconcile
from mappers.domain.results import LabReport
from mappers.domain.times import Moment
from mappers.fhir import extracted_bundle, whose
from mappers.fhir.extracted_provenance import Reading
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.review_task import Asked

ACTOR = "worker"
_LOG = telemetry.logger(__name__)
_CURRENT = "current"
_ANOTHERS = "the page names another patient or order than the message: nothing of it was written"


@dataclass(frozen=True, slots=True)
class ExtractFlow:
    """What the story needs.

    Attributes:
        terms: by channel name.
        reader: the task that reads, with its model where there is one.
        fetcher: of documents that messages point to.
        clock: aware now.
        max_attempts: attempts to reach a model or a server; the next one does without.
    """

    inbox: Inbox
    cabinet: Cabinet
    readings: Extractions
    reader: DocumentReader
    fetcher: DocumentFetcher
    terms: Mapping[str, Terms]
    software: Software
    clock: Callable[[], datetime]
    responsible: Organization | None = None
    max_attempts: int = 5

    def extract(self, message_id: str) -> Later | None:
        """Read the documents of one stored message; what it returns says when to try again."""
        try:
            begun = self.readings.begin(message_id)
        except (Conflict, NotFound):
            return None  # read by an earlier run, or nothing was asked for
        except StoreUnavailable:
            return Later(retry.delay_seconds(1))
        try:
            self._story(begun)
        except (WardwireError, InferenceError, Refused) as error:
            return self._give_up(begun, error)
        return None

    def _story(self, begun: StoredExtraction) -> None:
        message = self.inbox.load(begun.message_id)
        if message.state is not MessageState.PROCESSED:
            # It was put back in the queue: when it is processed again, this is asked for again.
            self.readings.move(message.id, MessageState.PROCESSED, actor=ACTOR, reason="superseded").result()
            return
        if message.channel not in self.terms:
            raise SettingsInvalid("the channel of this message is no longer in the settings")
        assert message.raw is not None
        last = begun.attempts > self.max_attempts
        filed = [
            self._filed(document, report, message, last=last)
            for report in reports_of(message.raw, channel=self.terms[message.channel].channel)
            for document in report.documents
        ]
        now = self.clock()

        def store(connection: Transaction) -> None:
            for each in filed:
                self.cabinet.file(connection, each, now=now)
            extractions.finish(
                connection, message.id, MessageState.PROCESSED, Act(utc_text(now), ACTOR, None)
            )

        self.cabinet.database.write(store).result()

    def _filed(
        self, document: ClinicalDocument, report: LabReport, message: StoredMessage, *, last: bool
    ) -> Filed:
        """What one document becomes; nothing is stored yet."""
        case = _Case(self, document, report, message, last)
        drafts = [case.read(each) for each in document.attachments] if document.status == _CURRENT else []
        return Filed(
            message_id=message.id,
            document=document,
            drafts=tuple(draft for draft in drafts if draft is not None),
            whose=case.owner,
            reading=case.reading("", None),
        )

    def _give_up(self, begun: StoredExtraction, error: Exception) -> Later | None:
        retrying = retry.verdict(error) is Attempt.RETRY
        _LOG.warning("extraction.attempt_failed", message_id=begun.message_id, code=retry.reason(error))
        if not retrying:
            reason = retry.reason(error)
            self.readings.move(begun.message_id, MessageState.PARKED, actor=ACTOR, reason=reason).result()
            return None
        return Later(retry.delay_seconds(begun.attempts))


@dataclass(frozen=True, slots=True)
class _Case:
    """One document of one message being read.

    Attributes:
        last: whether what is not there now is done without.
    """

    flow: ExtractFlow
    document: ClinicalDocument
    report: LabReport
    message: StoredMessage
    last: bool

    @property
    def owner(self) -> whose.Whose:
        """The chart that the sender's results went to, and the orders of this document."""
        return whose.of(self.report, self.document)

    def reading(self, sha256: str, run: ModelRun | None) -> Reading:
        """How it was read."""
        flow = self.flow
        received = datetime.fromisoformat(self.message.received_at)
        return Reading(
            software=flow.software,
            task=flow.reader.task,
            document=self.document.identity.reference,
            sha256=sha256 or self.report.source.sha256,
            received=Moment(utc_text(received)),
            recorded=Moment(utc_text(flow.clock())),
            source=self.report.source,
            responsible=flow.responsible,
            model_run=run,
        )

    def read(self, attachment: Document | DocumentLink) -> WrittenBundle | None:
        """The draft or the question of one attachment; None when it is nobody's to read."""
        try:
            document = self._content(attachment)
        except DocumentRefused as error:
            return self._question("", f"not fetched: {error}")
        except DocumentUnreachable:
            if not self.last:
                raise
            return self._question("", "not fetched: its server did not answer")
        section = whose.section(self.report, self.document)
        if not self.flow.reader.reads(document, section=section):
            return None
        return self._draft(document, section)

    def _content(self, attachment: Document | DocumentLink) -> Document:
        if isinstance(attachment, Document):
            return attachment
        return self.flow.fetcher.fetch(attachment, channel=self.message.channel)

    def _draft(self, document: Document, section: str) -> WrittenBundle | None:
        with_model = self.flow.reader.has_model and not self.last
        try:
            read = self.flow.reader.read(document, channel=self.message.channel, with_model=with_model)
        except BackendUnavailable:
            raise
        except InferenceError as error:
            return self._question(document.sha256, f"not read: {error}")
        if not (section or read.rows or read.unread):
            return None  # nothing on it, and nobody said that it is a laboratory's
        check = page_checks.check(read, patient=self.report.patient, numbers=whose.numbers(self.report))
        if check.mismatches:
            return self._question(document.sha256, _ANOTHERS, check.mismatches, read.coverage)
        measurements = [*self.report.loose, *(m for each in self.report.reports for m in each.measurements)]
        drafted = drafting.draft(
            read, reconciled=reconcile(read.rows, measurements), check=check, has_model=with_model
        )
        reading = self.reading(document.sha256, read.model_run)
        return extracted_bundle.write(drafted, reading=reading, whose=self.owner)

    def _question(
        self, sha256: str, reason: str, issues: tuple[Issue, ...] = (), coverage: str = ""
    ) -> WrittenBundle:
        asked = Asked(
            focus=self.document.identity.reference, reasons=(reason,), coverage=coverage, issues=issues
        )
        reading = self.reading(sha256, None)
        return extracted_bundle.write_question(asked, reading=reading, whose=self.owner)
