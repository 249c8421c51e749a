"""What reads documents: the task of inference, the channel's units and codes, a model that loads when needed.

Nothing of torch is imported before a document leaves something over that only a model can read.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from inference.errors import BackendMisconfigured
from inference.media.pdf import PdfLimits
from inference.ports import Completion, ModelCard, Prompt
from inference.runs import RunMemo
from inference.selection import LAB_REPORT, Evidence, task_for
from inference.tasks import lab_report
from inference.tasks.lab_report import Help, Terms
from integration.clients.documents import DocumentClient
from integration.settings import ModelSettings, Settings
from integration.store.ids import utc_text
from integration.wiring.terms import channel_of
from mappers.domain.documents import Document
from mappers.domain.extraction import ExtractedReport
from mappers.domain.media_types import TEXT
from mappers.domain.times import Moment
from mappers.hl7v2.units import ucum_code

if TYPE_CHECKING:
    from inference.backends.local import LocalGenerator
    from inference.backends.scripted import ScriptedGenerator

#: The model that helps to read laboratory reports.
LAB_MODEL = "medgemma"


class LazyGenerator:
    """A model that is loaded by its first use and stays warm; used by one thread at a time."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loaded: LocalGenerator | ScriptedGenerator | None = None

    @property
    def card(self) -> ModelCard:
        """The model as it runs.

        Raises:
            BackendMisconfigured, BackendUnavailable: it does not load.
        """
        with self._lock:
            return self._ready().card

    def generate(self, prompt: Prompt) -> Completion:
        """Answer a prompt; raises as `TextGenerator.generate`, and as `card`."""
        with self._lock:
            return self._ready().generate(prompt)

    def _ready(self) -> LocalGenerator | ScriptedGenerator:
        if self._loaded is None:
            backend = (
                _scripted(self._settings) if self._settings.backend == "scripted" else _local(self._settings)
            )
            backend.start()
            self._loaded = backend
        return self._loaded


def _scripted(settings: ModelSettings) -> ScriptedGenerator:
    from inference.backends.scripted import ScriptedGenerator

    try:
        answers = json.loads(settings.folder.read_bytes()) if settings.folder else None
    except (OSError, ValueError):
        answers = None
    if not isinstance(answers, list) or not answers:
        raise BackendMisconfigured(
            "models.*.model of a scripted backend names no JSON file with a list of answers"
        )
    return ScriptedGenerator(answers)


def _local(settings: ModelSettings) -> LocalGenerator:
    from inference.backends.local import LocalGenerator, LocalModel

    chosen = LocalModel(
        model=settings.model, revision=settings.revision, dtype=settings.dtype, device=settings.device
    )
    return LocalGenerator(chosen)


class LabReader:
    """Reads laboratory reports (`flows.readers.DocumentReader`)."""

    def __init__(self, settings: Settings, *, memo: RunMemo, clock: Callable[[], datetime]) -> None:
        self._terms = {
            name: Terms(
                ucum=partial(ucum_code, channel=channel_of(name, each)), codes=_codes(each.analyte_codes)
            )
            for name, each in settings.channels.items()
        }
        self._limits = PdfLimits(pages=settings.inference.max_pages)
        model = settings.models.get(LAB_MODEL)

        def now() -> Moment:
            return Moment(utc_text(clock()))

        self._help = Help(LazyGenerator(model), memo, now) if model else None

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


def _codes(names: dict[str, str]) -> dict[str, str]:
    from inference.tasks.lab_report.analytes import normalised

    return {normalised(name): code for name, code in names.items()}


def build_fetcher(settings: Settings) -> DocumentClient:
    """The client of documents that messages point to."""
    return DocumentClient({name: each.document_hosts for name, each in settings.channels.items()})
