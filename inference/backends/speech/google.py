"""MedASR in its publisher's container, on one's own machine or behind an endpoint of Vertex AI.

It takes 16 kHz WAV as base64 in JSON, cuts nothing itself, gives the text alone, and says in the body of a
200 that something failed.
"""

from __future__ import annotations

import base64
import json
from typing import Final

from inference.backends.calling import ModelHost
from inference.backends.speech import assembly
from inference.backends.speech.assembly import Heard
from inference.backends.speech.pieces import SoundPiece
from inference.errors import OutputInvalid
from inference.ports import ModelCard, Parameters, Sound, Transcript

#: Longer pieces lose text, and the positions of this family end after some 400 s.
_SECONDS: Final = 30.0


class GoogleTranscriber:
    """The container on another host.

    Args:
        host: its address is that of the prediction route, or of `…:rawPredict`.
        model: as the operator names it.
        revision: as the operator names it: the container does not say.
        place: region of the host; "" for this house.
        seconds: longest piece that is sent at once.
    """

    def __init__(
        self,
        host: ModelHost,
        *,
        model: str = "google/medasr",
        revision: str = "",
        place: str = "",
        seconds: float = _SECONDS,
    ) -> None:
        self._host = host
        self._seconds = seconds
        self._card = ModelCard(id=model, revision=revision, weights_digest="", backend="vertex", region=place)

    @property
    def card(self) -> ModelCard:
        """The model as it was asked for."""
        return self._card

    @property
    def decoding(self) -> Parameters:
        """What is known of it."""
        return {"decoding": "greedy", "piece_seconds": self._seconds}

    def transcribe(self, sound: Sound) -> Transcript:
        """Write down what is said (`inference.ports.Transcriber`)."""
        return assembly.transcript(sound, self._ask, seconds=self._seconds, parameters=self.decoding)

    def _ask(self, piece: SoundPiece) -> Heard:
        body = json.dumps({"file": base64.b64encode(piece.wav).decode("ascii")}).encode()
        try:
            answer = json.loads(self._host.post("", body, media_type="application/json"))
        except ValueError:
            raise OutputInvalid("the answer is no JSON") from None
        if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
            # Its error may quote what was sent.
            raise OutputInvalid(
                "the container answers with an error" if "error" in answer else "no transcript"
            )
        return Heard(text=answer["text"].replace("</s>", " ").strip())
