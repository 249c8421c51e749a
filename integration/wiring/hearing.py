"""What hears recordings: the recogniser of the settings, loaded when needed, and the task of dictations."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from inference import demo
from inference.backends.calling import ModelHost
from inference.errors import BackendMisconfigured
from inference.media import audio
from inference.media.audio import AudioLimits, Recording
from inference.media.streams import Source
from inference.ports import ModelCard, Parameters, Sound, TextGenerator, Transcriber, Transcript
from inference.runs import Help, RunMemo
from inference.tasks import dictation
from inference.tasks.dictation import Staff, Told
from inference.tasks.evidence import Still
from inference.tasks.reading import Aids
from integration.settings import FhirServerSettings, ModelHostSettings, ModelSettings, Settings
from integration.store.ids import utc_text
from integration.wiring.readers import LAB_MODEL, LazyGenerator
from mappers.domain.findings import JudgedReport
from mappers.domain.times import Moment

#: The model that hears, and the one that arranges what was heard.
SPEECH_MODEL = "medasr"
ARRANGING_MODEL = LAB_MODEL


class LazyTranscriber:
    """A recogniser that is loaded by its first use and stays warm; used by one thread at a time."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loaded: Transcriber | None = None

    @property
    def card(self) -> ModelCard:
        """The model as it runs.

        Raises:
            BackendMisconfigured, BackendUnavailable: it does not load.
        """
        with self._lock:
            return self._ready().card

    @property
    def decoding(self) -> Parameters:
        """How it decodes; raises as `card`."""
        with self._lock:
            return self._ready().decoding

    def transcribe(self, sound: Sound) -> Transcript:
        """Write down what is said; raises as `Transcriber.transcribe`, and as `card`."""
        with self._lock:
            return self._ready().transcribe(sound)

    def _ready(self) -> Transcriber:
        if self._loaded is None:
            self._loaded = _BACKENDS[self._settings.backend](self._settings)
        return self._loaded


def _scripted(settings: ModelSettings) -> Transcriber:
    from inference.backends.speech import ScriptedTranscriber

    try:
        texts = json.loads(settings.folder.read_bytes()) if settings.folder else None
    except (OSError, ValueError):
        texts = None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BackendMisconfigured(
            "models.*.model of a scripted recogniser names no JSON file with a list of texts"
        )
    made = ScriptedTranscriber(texts)
    made.start()
    return made


def _local(settings: ModelSettings) -> Transcriber:
    from inference.backends.local import LanguageModel, LocalSpeech, LocalTranscriber

    model = settings.language_model
    made = LocalTranscriber(
        LocalSpeech(
            model=settings.model,
            name=demo.name_of(settings.model),
            demonstration=demo.is_demonstration(settings.model),
            revision=settings.revision,
            dtype=settings.dtype,
            device=settings.device,
            language_model=LanguageModel(model) if model else None,
        )
    )
    made.start()
    return made


def _openai(settings: ModelSettings) -> Transcriber:
    from inference.backends.speech import OpenAITranscriber

    return OpenAITranscriber(
        build_host("models", settings.host),
        model=settings.model,
        revision=settings.revision,
        language=settings.language,
        place=settings.host.region,
    )


def _vertex(settings: ModelSettings) -> Transcriber:
    from inference.backends.speech import GoogleTranscriber

    return GoogleTranscriber(
        build_host("models", settings.host),
        model=settings.model,
        revision=settings.revision,
        place=settings.host.region,
    )


def build_host(name: str, settings: ModelHostSettings) -> ModelHost:
    """The server of a model that runs elsewhere.

    Args:
        name: stands in errors in the place of its address.
        settings: where it is, and who we are to it.

    Raises:
        SettingsInvalid: a file that the settings name cannot be used.
    """
    from integration.clients.model_host import RemoteModelHost
    from integration.wiring.fhir_servers import build_endpoint

    server = FhirServerSettings(
        base=settings.base, auth=settings.auth, tls=settings.tls, answer_seconds=settings.answer_seconds
    )
    endpoint = build_endpoint(name, server)
    assert endpoint is not None
    return RemoteModelHost(endpoint)


_BACKENDS: dict[str, Callable[[ModelSettings], Transcriber]] = {
    "scripted": _scripted,
    "transformers": _local,
    "openai": _openai,
    "vertex": _vertex,
}


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
    settings: Settings, *, memo: RunMemo, clock: Callable[[], datetime], model: str = SPEECH_MODEL
) -> DictationReader:
    """The task of dictations with the models of the settings."""
    arranging = settings.models_with_demo.get(ARRANGING_MODEL)
    return DictationReader(
        transcriber=build_transcriber(settings, model=model),
        arranger=LazyGenerator(arranging) if arranging else None,
        memo=memo,
        clock=clock,
        limits=AudioLimits(seconds=settings.inference.max_audio_minutes * 60.0),
    )
