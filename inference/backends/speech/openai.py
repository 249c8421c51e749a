"""Recognisers behind `POST /v1/audio/transcriptions`, the interface that Whisper's servers share.

Asked for `verbose_json` with words; servers that give only segments or only the text are taken as they are.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from inference.backends.calling import ModelHost
from inference.backends.speech import assembly
from inference.backends.speech.assembly import Heard
from inference.backends.speech.pieces import SoundPiece
from inference.errors import OutputInvalid
from inference.ports import ModelCard, Parameters, Sound, SpokenWord, Transcript, TranscriptSegment

_PATH: Final = "audio/transcriptions"
#: Ten minutes are 19 MB of WAV; these servers take 25.
_SECONDS: Final = 600.0


class OpenAITranscriber:
    """A recogniser on another host.

    Args:
        host: where it runs; its address ends in `/v1`.
        model: its name there.
        revision: as the operator names it: such servers do not say.
        language: that is spoken; "" lets the model find out.
        place: region of the host; "" for this house.
        seconds: longest piece that is sent at once.
    """

    def __init__(  # noqa: PLR0913 - each makes the model what it is
        self,
        host: ModelHost,
        *,
        model: str,
        revision: str = "",
        language: str = "en",
        place: str = "",
        seconds: float = _SECONDS,
    ) -> None:
        self._host = host
        self._language = language
        self._seconds = seconds
        self._card = ModelCard(id=model, revision=revision, weights_digest="", backend="openai", region=place)

    @property
    def card(self) -> ModelCard:
        """The model as it was asked for."""
        return self._card

    @property
    def decoding(self) -> Parameters:
        """What it is asked for."""
        return {"temperature": 0, "language": self._language, "piece_seconds": self._seconds}

    def transcribe(self, sound: Sound) -> Transcript:
        """Write down what is said (`inference.ports.Transcriber`)."""
        return assembly.transcript(sound, self._ask, seconds=self._seconds, parameters=self.decoding)

    def _ask(self, piece: SoundPiece) -> Heard:
        fields = [
            ("model", self._card.id),
            ("response_format", "verbose_json"),
            ("temperature", "0"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
        ]
        fields += [("language", self._language)] if self._language else []
        body, media_type = _multipart(fields, piece.wav)
        return _heard(self._host.post(_PATH, body, media_type=media_type))


def _multipart(fields: Iterable[tuple[str, str]], wav: bytes) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="dictation.wav"\r\n'
    parts += [head.encode(), b"Content-Type: audio/wav\r\n\r\n", wav, f"\r\n--{boundary}--\r\n".encode()]
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def _heard(body: bytes) -> Heard:
    try:
        answer = json.loads(body)
        return Heard(
            text=answer["text"] + "",
            words=tuple(_words(answer.get("words") or ())),
            segments=tuple(_segments(answer.get("segments") or ())),
            language=str(answer.get("language") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OutputInvalid("the answer is no transcript of this interface") from None


def _words(items: Iterable[Mapping[str, Any]]) -> Iterator[SpokenWord]:
    for item in items:
        start, end = sorted((float(item["start"]), float(item["end"])))
        posterior = item.get("probability")
        yield SpokenWord(
            text=str(item["word"]).strip(),
            start=max(0.0, start),
            end=max(0.0, end),
            posterior=None if posterior is None else round(min(1.0, max(0.0, float(posterior))), 4),
        )


def _segments(items: Iterable[Mapping[str, Any]]) -> Iterator[TranscriptSegment]:
    for item in items:
        times = float(item["start"]), float(item["end"])
        if all(math.isfinite(time) for time in times) and str(item["text"]).strip():
            yield TranscriptSegment(*times, str(item["text"]))
