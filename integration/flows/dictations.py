"""Recordings among the documents of a message: heard, and filed as a transcript and a draft.

| the recording | becomes |
|---|---|
| a dictation | DocumentReference of the transcript, DiagnosticReport draft, Provenance of both, a Task |
| a conversation | the transcript and a Task; no report unless the channel says so |
| silence, noise, nothing that is recognised | a Task that says so |
| damaged, a film, too long | a Task that says why |
| of a channel without a model | a Task: not read: no model |
| in need of a model that does not run now | tried again later, at last a Task |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from inference.errors import BackendUnavailable
from inference.media import audio_kinds
from inference.media.audio import Recording
from inference.media.audio_kinds import Decoder
from inference.media.streams import Source
from inference.tasks.dictation import Told
from integration.flows.documents import Case
from mappers.domain.documents import Document
from mappers.domain.findings import JudgedReport
from mappers.fhir import judged_bundle
from mappers.fhir.result_bundle import WrittenBundle

NO_MODEL = "not read: no model"
NOT_NOW = "not read: the model does not run"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a channel says of its recordings.

    Attributes:
        conversation: they are conversations.
        arrange_conversations: conversations are arranged as reports, too.
    """

    conversation: bool = False
    arrange_conversations: bool = False


class RecordingReader(Protocol):
    """Hears recordings: the task of inference, and its models."""

    @property
    def task(self) -> str:
        """Id and version of the task, "dictation@1"."""

    @property
    def has_model(self) -> bool:
        """Whether a model hears."""

    def open(self, source: Source) -> Recording:
        """Measure a recording.

        Raises:
            InputRefused, ReaderMissing: it cannot be heard.
        """

    def read(self, recording: Recording, told: Told, *, arrange: bool = True) -> JudgedReport:
        """What was said in it.

        Raises:
            InferenceError: it cannot be heard, or not now.
        """


def is_recording(document: Document) -> bool:
    """Whether a document is one by its content. DICOM is for those who read images."""
    kind = audio_kinds.kind(document.content[: audio_kinds.HEAD])
    return kind is not None and kind.decoder is not Decoder.DICOM


@dataclass(frozen=True, slots=True)
class DictationAttachments:
    """Recordings among the documents of a message (`flows.documents.AttachmentReader`).

    Attributes:
        terms: by channel name.
    """

    reader: RecordingReader
    terms: Mapping[str, Terms] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """Id and version of the task."""
        return self.reader.task

    def reads(self, document: Document, *, section: str) -> bool:  # noqa: ARG002
        """Every recording, whatever it came with."""
        return is_recording(document)

    def draft(self, document: Document, case: Case) -> WrittenBundle | None:
        """What was said, or why it was not heard."""
        if not self.reader.has_model:
            return case.question(document.sha256, NO_MODEL, task=self.task)
        recording = self.reader.open(document.content)
        try:
            report = self._read(recording, case)
        except BackendUnavailable:
            if not case.last:
                raise
            return case.question(document.sha256, NOT_NOW, recording.issues, task=self.task)
        reading = case.reading(document.sha256, None, task=self.task)
        return judged_bundle.write(report, reading=reading, whose=case.owner)

    def _read(self, recording: Recording, case: Case) -> JudgedReport:
        terms = self.terms.get(case.message.channel, Terms())
        told = Told(
            reference=case.document.identity.reference,
            conversation=terms.conversation,
            arrange_conversations=terms.arrange_conversations,
            effective=case.document.performed or case.document.date,
            **({"code": case.document.type} if case.document.type else {}),
        )
        try:
            return self.reader.read(recording, told)
        except BackendUnavailable:
            if not case.last:
                raise
            # The one that arranges may be the one that does not run: the transcript does without.
            return self.reader.read(recording, told, arrange=False)
