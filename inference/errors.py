"""Exceptions of inference: facts about inputs and backends, never a policy. The docstring is the message.

InferenceError
├── InputRefused          the bytes cannot be read, or may not be: corrupt, encrypted, over a limit
├── ReaderMissing         a library or program that reads this kind of input is not installed here
├── BackendUnavailable    the model does not run now; a later attempt may find it
├── BackendMisconfigured  the model cannot run as it is configured
└── OutputInvalid         the model's answer is no answer: cut off, repeated, or against its schema
"""

from __future__ import annotations

from enum import StrEnum


class InferenceError(Exception):
    """Something about an input or a model that has a name."""


class Refusal(StrEnum):
    """Why an input was refused."""

    CORRUPT = "corrupt"
    ENCRYPTED = "encrypted"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too-large"
    TOO_COSTLY = "too-costly"


class InputRefused(InferenceError):
    """The bytes cannot be read, or may not be; `reason` says which, and the text never quotes them."""

    def __init__(self, reason: Refusal, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class ReaderMissing(InferenceError):
    """A library or program that reads this kind of input is not installed; the message names the remedy."""


class BackendUnavailable(InferenceError):
    """The model does not run now: it is loading, unreachable, or out of memory."""


class BackendMisconfigured(InferenceError):
    """The model cannot run as it is configured; the message names what to change."""


class OutputInvalid(InferenceError):
    """The model's answer is no answer: cut off, repeating itself, or against its schema."""

    def __init__(self, text: str, *, mendable: bool = False) -> None:
        super().__init__(text)
        #: Whether the model may do better when it is told what was wrong.
        self.mendable = mendable
