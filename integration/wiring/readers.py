"""What reads documents: the task of inference, the channel's units and codes, a model that loads when needed.

Nothing of torch is imported before a document leaves something over that only a model can read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from inference.media.pdf import PdfLimits
from inference.runs import RunMemo
from inference.selection import LAB_REPORT, Evidence, task_for
from inference.tasks import lab_report, report_text
from inference.tasks.lab_report import Help, Terms
from integration.clients.documents import DocumentClient
from integration.settings import Settings
from integration.store.ids import utc_text
from integration.wiring.models import Models
from integration.wiring.terms import channel_of
from mappers.domain.documents import Document
from mappers.domain.extraction import ExtractedReport
from mappers.domain.findings import JudgedReport
from mappers.domain.media_types import TEXT
from mappers.domain.times import Moment
from mappers.hl7v2.units import ucum_code


class LabReader:
    """Reads laboratory reports (`flows.readers.DocumentReader`)."""

    def __init__(
        self, settings: Settings, *, models: Models, memo: RunMemo, clock: Callable[[], datetime]
    ) -> None:
        self._terms = {
            name: Terms(
                ucum=partial(ucum_code, channel=channel_of(name, each)), codes=_codes(each.analyte_codes)
            )
            for name, each in settings.channels.items()
        }
        self._limits = PdfLimits(pages=settings.inference.max_pages)
        model = models.scholar()

        def now() -> Moment:
            return Moment(utc_text(clock()))

        self._help = Help(model, memo, now) if model else None

    @property
    def task(self) -> str:
        """Id and version of the task."""
        return f"{lab_report.ID}@{lab_report.VERSION}"

    @property
    def has_model(self) -> bool:
        """Whether a model is configured."""
        return self._help is not None

    def reads(self, document: Document, *, section: str) -> bool:
        """Whether the table of tasks names this one; words of which nobody says more are a letter."""
        if document.media_type == TEXT and not section:
            return False
        return task_for(Evidence(media_type=document.media_type, report=section)) == LAB_REPORT

    def read(self, document: Document, *, channel: str, with_model: bool) -> ExtractedReport:
        """All results of a document (`flows.readers.DocumentReader.read`)."""
        help_ = self._help if with_model else None
        return lab_report.read(document, terms=self._terms[channel], help_=help_, limits=self._limits)


class NarrativeReader:
    """Lists the findings of written reports (`flows.readers.TextReader`)."""

    def __init__(self, *, models: Models, memo: RunMemo, clock: Callable[[], datetime]) -> None:
        model = models.scholar()

        def now() -> Moment:
            return Moment(utc_text(clock()))

        self._help = Help(model, memo, now) if model else None

    @property
    def task(self) -> str:
        """Id and version of the task."""
        return report_text.TASK.name

    @property
    def has_model(self) -> bool:
        """Whether a model is configured."""
        return self._help is not None

    def read(self, text: str, *, reference: str, sha256: str) -> JudgedReport:
        """The findings of a text (`TextReader.read`)."""
        return report_text.read(text, help_=self._help, reference=reference, sha256=sha256)

    def unread(self, text: str, reason: str, *, reference: str, sha256: str) -> JudgedReport:
        """A report that says why the text was not read."""
        blank = report_text.read(text, help_=None, reference=reference, sha256=sha256)
        return replace(blank, not_read=reason)


def _codes(names: dict[str, str]) -> dict[str, str]:
    from inference.tasks.lab_report.analytes import normalised

    return {normalised(name): code for name, code in names.items()}


def build_fetcher(settings: Settings) -> DocumentClient:
    """The client of documents that messages point to."""
    return DocumentClient({name: each.document_hosts for name, each in settings.channels.items()})
