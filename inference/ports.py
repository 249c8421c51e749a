"""What a task asks of a model, as protocols that belong to the tasks; backends answer to them.

A port is one method and the card of the model behind it. Nothing here knows how a model runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from mappers.domain.attribution import ModelCard
from mappers.domain.findings import SpokenWord
from mappers.domain.issues import Issue

Parameters = Mapping[str, str | int | float | bool]

__all__ = [
    "SAMPLE_RATE",
    "Completion",
    "Ending",
    "ImageEncoder",
    "ModelCard",
    "Parameters",
    "Picture",
    "Prompt",
    "Sound",
    "SpokenWord",
    "TextGenerator",
    "Transcriber",
    "Transcript",
    "TranscriptSegment",
]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as the model gets it: PNG bytes."""

    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All that is sent to a text generator.

    Attributes:
        instruction: who the model is and how it answers; the beginning of the turn, "" for none.
        parts: texts and pictures in their order. Texts from documents are material, never instructions.
        schema: JSON Schema of the answer; None for free text.
        max_new_tokens: longest answer.
        template_digest: hex SHA-256 of the prompt file; "" where the instruction is all of it.
    """

    instruction: str
    parts: tuple[str | Picture, ...]
    schema: Mapping[str, Any] | None = None
    max_new_tokens: int = 2000
    template_digest: str = ""

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures in their order."""
        return tuple(part for part in self.parts if isinstance(part, Picture))

    @property
    def instruction_digest(self) -> str:
        """Hex SHA-256 of the prompt as people wrote it: its file, or the instruction."""
        return self.template_digest or hashlib.sha256(self.instruction.encode()).hexdigest()

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything, in an unambiguous form."""
        parts = [
            {"text": part} if isinstance(part, str) else {"png": hashlib.sha256(part.png).hexdigest()}
            for part in self.parts
        ]
        whole = {
            "instruction": self.instruction,
            "parts": parts,
            "schema": self.schema,
            "max": self.max_new_tokens,
        }
        return hashlib.sha256(json.dumps(whole, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class Ending(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A model's answer without its thinking.

    Attributes:
        text: the answer; empty when all tokens went into thinking.
        parameters: what it was generated with.
    """

    text: str
    ending: Ending
    parameters: Parameters = field(default_factory=dict)


class TextGenerator(Protocol):
    """Answers a prompt of texts and pictures with text."""

    @property
    def card(self) -> ModelCard:
        """The model as it runs."""

    def generate(self, prompt: Prompt) -> Completion:
        """Answer a prompt.

        Raises:
            BackendUnavailable: the model does not run now.
            InputRefused: the prompt is longer than the model can take.
        """


#: Samples a second of all sound that a transcriber gets.
SAMPLE_RATE: Final = 16_000


class Sound(Protocol):
    """A recording as a transcriber gets it; it may be longer than memory."""

    @property
    def sha256(self) -> str:
        """Hex digest of the recording's own bytes."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""

    def blocks(self) -> Iterator[bytes]:
        """Mono 32-bit float samples in [-1, 1], little endian, `SAMPLE_RATE` a second, from the start."""


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """Words of an interval in seconds, as between two pauses."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said, as the model wrote it: formatting tokens such as `{period}` stand in it verbatim.

    Attributes:
        text: all of it.
        words: with their times, in order; none where a backend gives none.
        segments: the same by intervals.
        duration: of the recording in seconds.
        language: what the model took it for; None where it does not say.
        issues: what a reader should know.
        parameters: what it was decoded with.
    """

    text: str
    segments: tuple[TranscriptSegment, ...]
    duration: float
    words: tuple[SpokenWord, ...] = field(default=())
    language: str | None = None
    issues: tuple[Issue, ...] = field(default=())
    parameters: Parameters = field(default_factory=dict)


class Transcriber(Protocol):
    """Turns speech into text."""

    @property
    def card(self) -> ModelCard:
        """The model as it runs."""

    @property
    def decoding(self) -> Parameters:
        """How it decodes: the same recording, card and decoding give the same transcript."""

    def transcribe(self, sound: Sound) -> Transcript:
        """Write down what is said.

        Raises:
            BackendUnavailable: the model does not run now.
            BackendMisconfigured: it cannot run as it is configured.
            InputRefused: it does not take this recording.
            OutputInvalid: what a remote model answered is no transcript.
        """


class ImageEncoder(Protocol):
    """Says how well texts describe a picture."""

    @property
    def card(self) -> ModelCard:
        """The model as it runs."""

    def scores(self, picture: Picture, texts: tuple[str, ...]) -> tuple[float, ...]:
        """One score for each text, 0 to 1."""
