"""What a task asks of a model, as protocols that belong to the tasks; backends answer to them.

A port is one method and the card of the model behind it. Nothing here knows how a model runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from mappers.domain.attribution import ModelCard

Parameters = Mapping[str, str | int | float | bool]

__all__ = [
    "Completion",
    "Ending",
    "ImageEncoder",
    "ModelCard",
    "Parameters",
    "Picture",
    "Prompt",
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


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """Words of an interval in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said.

    Attributes:
        duration: of the recording in seconds.
    """

    text: str
    segments: tuple[TranscriptSegment, ...]
    duration: float
    parameters: Parameters = field(default_factory=dict)


class Transcriber(Protocol):
    """Turns speech into text."""

    @property
    def card(self) -> ModelCard:
        """The model as it runs."""

    def transcribe(self, samples: bytes, *, sample_rate: int) -> Transcript:
        """Transcribe mono 32-bit float samples, little endian."""


class ImageEncoder(Protocol):
    """Says how well texts describe a picture."""

    @property
    def card(self) -> ModelCard:
        """The model as it runs."""

    def scores(self, picture: Picture, texts: tuple[str, ...]) -> tuple[float, ...]:
        """One score for each text, 0 to 1."""
