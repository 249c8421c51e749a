"""What hears recordings: the recogniser of the settings, loaded when needed, and the task of dictations."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec

from inference.errors import BackendMisconfigured
from inference.media import audio
from inference.media.audio import AudioLimits, Recording
from inference.media.streams import Source
from inference.ports import TextGenerator, Transcriber, Transcript
from inference.runs import Help, RunMemo
from inference.tasks import dictation
from inference.tasks.dictation import Staff, Told
from inference.tasks.evidence import Still
from inference.tasks.reading import Aids
from integration.settings import Settings
from integration.store.ids import utc_text
from integration.web.services import Check
from integration.wiring.models import READER, TRANSCRIBER, Models
from integration.wiring.transcribers import LazyTranscriber
from mappers.domain.findings import JudgedReport
from mappers.domain.times import Moment

#: The model that hears, and the one that arranges what was heard.
SPEECH_MODEL = TRANSCRIBER
ARRANGING_MODEL = READER


def build_transcriber(settings: Settings, *, model: str = SPEECH_MODEL) -> LazyTranscriber | None:
    """The recogniser of the settings; None where none is configured."""
    chosen = settings.models_with_demo.get(model)
    return LazyTranscriber(chosen) if chosen else None


@dataclass(frozen=True, slots=True)
class DictationReader:
    """Hears recordings and arranges what was said (`flows.dictations.RecordingReader`).

    Attributes:
        transcriber: None where no model hears.
        arranger: None where no model arranges: what was said stays as dictated.
    """

    transcriber: Transcriber | None
    arranger: TextGenerator | None
    memo: RunMemo
    clock: Callable[[], datetime]
    limits: AudioLimits = audio.DEFAULT

    @property
    def task(self) -> str:
        """Id and version of the task."""
        return dictation.TASK

    @property
    def has_model(self) -> bool:
        """Whether a model hears."""
        return self.transcriber is not None

    @property
    def model(self) -> str:
        """Id of the model that hears; "" where none does. Raises as `LazyTranscriber.card`."""
        return self.transcriber.card.id if self.transcriber else ""

    def open(self, source: Source) -> Recording:
        """Measure a recording.

        Raises:
            InputRefused, ReaderMissing: it cannot be heard.
        """
        return audio.read(source, limits=self.limits)

    def hear(self, recording: Recording) -> Transcript | None:
        """What was recognised; None where there is no voice. Raises as `read`."""
        return dictation.hear(recording, self._staff(arrange=False))

    def read(self, recording: Recording, told: Told, *, arrange: bool = True) -> JudgedReport:
        """What was said in a recording, as a draft.

        Args:
            recording: of `open`.
            told: what is known beside its sound.
            arrange: False leaves sentences without a heading as dictated.

        Raises:
            BackendMisconfigured: no model hears.
            InferenceError: it cannot be heard, or not now.
        """
        return dictation.read(recording, self._staff(arrange=arrange), told)

    def ask(self, recording: Recording, told: Told, stills: Sequence[Still]) -> JudgedReport:
        """The answer to a question that was spoken about images. Raises as `read`."""
        staff = self._staff(arrange=False)
        help_ = Help(self.arranger, self.memo, staff.now) if self.arranger else None
        return dictation.ask(recording, staff, Aids(help_=help_), stills=stills, told=told)

    def _staff(self, *, arrange: bool) -> Staff:
        if self.transcriber is None:
            raise BackendMisconfigured("no model hears: configure [models.medasr]")
        return Staff(
            transcriber=self.transcriber,
            arranger=self.arranger if arrange else None,
            memo=self.memo,
            now=lambda: Moment(utc_text(self.clock())),
        )


def build_reader(
    settings: Settings,
    *,
    models: Models,
    memo: RunMemo,
    clock: Callable[[], datetime],
    model: str = SPEECH_MODEL,
) -> DictationReader:
    """The task of dictations with the models of the settings."""
    return DictationReader(
        transcriber=models.transcriber(model),
        arranger=models.scholar(ARRANGING_MODEL),
        memo=memo,
        clock=clock,
        limits=AudioLimits(seconds=settings.inference.max_audio_minutes * 60.0),
    )


def checks(settings: Settings) -> Iterator[Check]:
    """Whether recordings can be decoded here, where a model is configured to hear them."""
    if TRANSCRIBER not in settings.models_with_demo:
        return
    missing = [name for name in ("numpy", "soundfile", "soxr") if find_spec(name) is None]
    if missing:
        reason = f"libraries are missing ({', '.join(missing)}): pip install 'wardwire[audio]'"
        yield Check("recordings", passed=False, reason=reason)
    elif shutil.which("ffmpeg") is None:
        reason = "m4a, aac, webm and amr are refused: install ffmpeg"
        yield Check("recordings", passed=True, warned=True, reason=reason)
    else:
        yield Check("recordings", passed=True, reason="every kind can be decoded")
