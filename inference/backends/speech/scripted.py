"""A recogniser that says what it was told to say: for tests, demonstrations and dry runs. Deterministic.

It hears the recording to its end, as the real ones do, and puts its words evenly over it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from inference.errors import BackendUnavailable
from inference.ports import ModelCard, Parameters, Sound, SpokenWord, Transcript, TranscriptSegment

_POSTERIOR = 1.0


class ScriptedTranscriber:
    """Answers by a script.

    Args:
        script: texts in the order of the calls, the last one for ever, or a function of the recording.
        name: id on its card.
    """

    def __init__(
        self, script: Sequence[str] | Callable[[Sound], str], *, name: str = "scripted-speech"
    ) -> None:
        self._script = script
        self._started = False
        self.calls: list[str] = []
        told = getattr(script, "__qualname__", "function") if callable(script) else repr(list(script))
        digest = hashlib.sha256(told.encode()).hexdigest()
        self._card = ModelCard(id=name, revision="1", weights_digest=digest, backend="scripted")

    @property
    def card(self) -> ModelCard:
        """Names the script."""
        return self._card

    @property
    def decoding(self) -> Parameters:
        """By its script."""
        return {"decoding": "scripted"}

    def start(self) -> None:
        """Be ready."""
        self._started = True

    def close(self) -> None:
        """Be ready no more."""
        self._started = False

    def transcribe(self, sound: Sound) -> Transcript:
        """The next text.

        Raises:
            BackendUnavailable: before `start` or after `close`.
        """
        if not self._started:
            raise BackendUnavailable("the model has not been started")
        for _ in sound.blocks():
            pass
        text = self._script(sound) if callable(self._script) else self._next()
        self.calls.append(sound.sha256)
        spoken = text.split()
        each = sound.seconds / max(1, len(spoken))
        words = tuple(
            SpokenWord(
                text=word,
                start=round(at * each, 3),
                end=round(min(sound.seconds, (at + 1) * each), 3),
                posterior=_POSTERIOR,
            )
            for at, word in enumerate(spoken)
        )
        whole = (TranscriptSegment(0.0, sound.seconds, " ".join(spoken)),) if spoken else ()
        return Transcript(
            text=" ".join(spoken),
            words=words,
            segments=whole,
            duration=sound.seconds,
            parameters=self.decoding,
        )

    def _next(self) -> str:
        assert not callable(self._script)
        return self._script[min(len(self.calls), len(self._script) - 1)]
