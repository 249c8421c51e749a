"""The recogniser of the settings, loaded when it is needed, and the servers of models that run elsewhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from inference import demo
from inference.errors import BackendMisconfigured
from inference.ports import ModelCard, Parameters, Sound, Transcriber, Transcript
from integration.clients.endpoint import Patience
from integration.clients.model_host import RemoteModelHost
from integration.settings import FhirServerSettings, ModelHostSettings, ModelSettings
from integration.wiring.fhir_servers import build_endpoint


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


def build_host(
    name: str, settings: ModelHostSettings, *, patience: Patience | None = None
) -> RemoteModelHost:
    """The server of a model that runs elsewhere.

    Args:
        name: stands in errors in the place of its address.
        settings: where it is, and who we are to it.
        patience: how long a call goes on trying; None means as a worker does.

    Raises:
        SettingsInvalid: a file that the settings name cannot be used.
    """
    server = FhirServerSettings(
        base=settings.base, auth=settings.auth, tls=settings.tls, answer_seconds=settings.answer_seconds
    )
    endpoint = build_endpoint(name, server, patience=patience)
    assert endpoint is not None
    return RemoteModelHost(endpoint)


_BACKENDS: dict[str, Callable[[ModelSettings], Transcriber]] = {
    "scripted": _scripted,
    "transformers": _local,
    "openai": _openai,
    "vertex": _vertex,
}
