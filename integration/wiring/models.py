"""From the settings of models to models: none is loaded, and nothing of torch imported, before it is asked.

All models of one device share one process. A model outside the house is asked only after the disclosure is on
record.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Protocol

from inference import demo as demonstration
from inference.backends.admission import Bounds
from inference.backends.local.loading import LocalModel
from inference.backends.local.process import DeviceProcess, ProcessEncoder, ProcessGenerator
from inference.backends.local.process import Patience as ProcessPatience
from inference.backends.openai import OpenAIGenerator
from inference.backends.scripted import ScriptedGenerator
from inference.errors import BackendMisconfigured
from inference.guards.image_claim import Watch
from inference.ports import (
    Completion,
    ImageEncoder,
    ModelCard,
    Parameters,
    Prompt,
    Sound,
    TextGenerator,
    Transcriber,
    Transcript,
)
from integration.errors import SettingsInvalid
from integration.settings import ModelSettings, Settings
from integration.wiring.transcribers import LazyTranscriber, build_host
from mappers.domain.times import Moment

#: The model that reads, the one that checks images, the one that listens, where nothing else is said.
READER = "medgemma"
ENCODER = "medsiglip"
TRANSCRIBER = "medasr"


class Disclosed(Protocol):
    """Who keeps the record of what goes to a model outside the house."""

    def __call__(self, *, model: str, region: str, digest: str, what: str) -> None:
        """Record it; nothing is sent before this returns.

        Args:
            model: its name.
            region: where it runs, as the settings say.
            digest: of the prompt or the recording, the one that Provenance has.
            what: "2 images and text", "a recording".
        """


def _unrecorded(*, model: str, region: str, digest: str, what: str) -> None:
    """For commands that keep no store: who types them sends the file."""


class Models:
    """All models of the settings, each made once.

    Args:
        settings: of the whole house.
        disclosed: who records what leaves the house.
    """

    def __init__(self, settings: Settings, *, disclosed: Disclosed = _unrecorded) -> None:
        self._settings = settings.models_with_demo
        self._for_words = frozenset(settings.models_without_demo)
        self._disclosed = disclosed
        self._guard = threading.Lock()
        self._generators: dict[str, TextGenerator] = {}
        self._processes: dict[str, DeviceProcess] = {}
        self._transcribers: dict[str, Transcriber] = {}
        self._encoder: ImageEncoder | None = None

    def scholar(self, name: str = READER) -> TextGenerator | None:
        """The model of that name for words and values; a demonstration knows drawings only, and is none."""
        return self.generator(name) if name in self._for_words else None

    def generator(self, name: str = READER) -> TextGenerator | None:
        """The model of that name that reads pictures; None where the settings have none."""
        settings = self._settings.get(name)
        if settings is None:
            return None
        with self._guard:
            if name not in self._generators:
                self._generators[name] = self._built(name, settings)
            return self._generators[name]

    def encoder(self) -> ImageEncoder | None:
        """The model that checks images; None where the settings have none."""
        settings = self._settings.get(ENCODER)
        if settings is None:
            return None
        if settings.backend != "transformers":
            raise SettingsInvalid(f"models.{ENCODER}.backend: only transformers runs this model")
        with self._guard:
            if self._encoder is None:
                process = self._process(settings.device)
                self._encoder = ProcessEncoder(process, local_model(settings), patience=_patience(settings))
            return self._encoder

    def watch(self, now: Callable[[], Moment]) -> Watch | None:
        """The check of images against their claim, with the site's threshold; None without its model."""
        encoder = self.encoder()
        return None if encoder is None else Watch(encoder, now, self._settings[ENCODER].threshold)

    def transcriber(self, name: str = TRANSCRIBER) -> Transcriber | None:
        """The model that listens; None where the settings have none."""
        settings = self._settings.get(name)
        if settings is None:
            return None
        with self._guard:
            if name not in self._transcribers:
                made = LazyTranscriber(settings)
                region = settings.host.region
                self._transcribers[name] = (
                    DisclosingTranscriber(made, region, self._disclosed) if settings.is_remote else made
                )
            return self._transcribers[name]

    def close(self) -> None:
        """End the processes of models."""
        for process in self._processes.values():
            process.close()

    def _built(self, name: str, settings: ModelSettings) -> TextGenerator:
        match settings.backend:
            case "scripted":
                return _Scripted(name, settings)
            case "openai":
                return self._remote(name, settings)
            case "vertex":
                raise SettingsInvalid(f"models.{name}.backend: vertex runs medasr alone")
            case "transformers":
                return ProcessGenerator(
                    self._process(settings.device),
                    local_model(settings),
                    bounds=_bounds(settings),
                    patience=_patience(settings),
                )

    def _remote(self, name: str, settings: ModelSettings) -> TextGenerator:
        generator = OpenAIGenerator(
            build_host(f"models.{name}", settings.host),
            model=settings.model,
            revision=settings.revision,
            region=settings.host.region if settings.is_remote else "",
            bounds=_bounds(settings),
        )
        return Disclosing(generator, self._disclosed) if settings.is_remote else generator

    def _process(self, device: str) -> DeviceProcess:
        return self._processes.setdefault(device, DeviceProcess())


def build_models(settings: Settings, *, disclosed: Disclosed = _unrecorded) -> Models:
    """All models of the settings; none is loaded yet."""
    return Models(settings, disclosed=disclosed)


class Disclosing:
    """A model outside the house: what it is asked is on record before it is sent."""

    def __init__(self, generator: TextGenerator, disclosed: Disclosed) -> None:
        self._generator = generator
        self._disclosed = disclosed

    @property
    def card(self) -> ModelCard:
        """The model as it was asked for."""
        return self._generator.card

    def generate(self, prompt: Prompt) -> Completion:
        """Record, then ask (`TextGenerator.generate`)."""
        images = len(prompt.pictures)
        what = f"{images} image{'' if images == 1 else 's'} and text" if images else "text"
        self._disclosed(model=self.card.id, region=self.card.region, digest=prompt.digest, what=what)
        return self._generator.generate(prompt)


class DisclosingTranscriber:
    """A recogniser outside the house: what it hears is on record before it is sent."""

    def __init__(self, transcriber: Transcriber, region: str, disclosed: Disclosed) -> None:
        self._transcriber = transcriber
        self._region = region
        self._disclosed = disclosed

    @property
    def card(self) -> ModelCard:
        """The model as it was asked for."""
        return self._transcriber.card

    @property
    def decoding(self) -> Parameters:
        """How it decodes."""
        return self._transcriber.decoding

    def transcribe(self, sound: Sound) -> Transcript:
        """Record, then ask (`Transcriber.transcribe`)."""
        self._disclosed(model=self.card.id, region=self._region, digest=sound.sha256, what="a recording")
        return self._transcriber.transcribe(sound)


class _Scripted:
    """Answers of a file, read when the first one is asked for."""

    def __init__(self, name: str, settings: ModelSettings) -> None:
        self._name = name
        self._settings = settings
        self._lock = threading.Lock()
        self._loaded: TextGenerator | None = None

    @property
    def card(self) -> ModelCard:
        """Names the script.

        Raises:
            BackendMisconfigured: the file is none.
        """
        with self._lock:
            return self._ready().card

    def generate(self, prompt: Prompt) -> Completion:
        """The next answer (`TextGenerator.generate`)."""
        with self._lock:
            return self._ready().generate(prompt)

    def _ready(self) -> TextGenerator:
        if self._loaded is None:
            try:
                answers = json.loads(self._settings.folder.read_bytes()) if self._settings.folder else None
            except (OSError, ValueError):
                answers = None
            if not isinstance(answers, list) or not answers:
                raise BackendMisconfigured(
                    f"models.{self._name}.model of a scripted backend names no JSON file with answers"
                )
            scripted = ScriptedGenerator(answers)
            scripted.start()
            self._loaded = scripted
        return self._loaded


def local_model(settings: ModelSettings) -> LocalModel:
    """Which model runs on this machine and how."""
    return LocalModel(
        model=settings.model,
        revision=settings.revision,
        adapter=str(settings.adapter) if settings.adapter else "",
        dtype=settings.dtype,
        device=settings.device,
        longest_prompt=settings.max_prompt_tokens,
        name=demonstration.name_of(settings.model),
        demonstration=demonstration.is_demonstration(settings.model),
    )


def _bounds(settings: ModelSettings) -> Bounds:
    return Bounds(images=settings.max_images, at_once=settings.images_at_once, waiting=settings.max_waiting)


def _patience(settings: ModelSettings) -> ProcessPatience:
    return ProcessPatience(load=settings.load_seconds, answer=settings.answer_seconds)
