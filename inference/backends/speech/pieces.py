"""Sound for recognisers that take no more than some seconds of it: cut where it is quietest, sent as WAV.

Without frames there is nothing to join windows on, so that pieces must not overlap: a word that was heard
twice could not be told from one that was said twice. A cut that found no pause is counted.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from inference.ports import SAMPLE_RATE

#: A pause is looked for in the last part of a piece, in steps of this length.
_LOOKED_AT: Final = 0.4
_STEP: Final = SAMPLE_RATE // 20
#: A place is quiet below this share of the piece's own level (20 dB).
_QUIET: Final = 0.1


@dataclass(frozen=True, slots=True)
class SoundPiece:
    """A stretch of a recording.

    Attributes:
        start: seconds from the beginning of the recording.
        seconds: how long it is.
        wav: 16 kHz, mono, 16 bits.
        cut_in_speech: whether no pause was found where it ends.
    """

    start: float
    seconds: float
    wav: bytes
    cut_in_speech: bool


def cut(blocks: Iterable[bytes], *, seconds: float) -> Iterator[SoundPiece]:
    """The pieces of a recording, none longer than so many seconds; memory for one."""
    import numpy as np  # noqa: PLC0415

    most, start = int(seconds * SAMPLE_RATE), 0
    buffer = np.zeros(0, dtype=np.float32)
    for block in blocks:
        buffer = np.concatenate((buffer, np.frombuffer(block, dtype="<f4")))
        while len(buffer) > most:
            at, quiet = _pause(buffer[:most])
            yield _piece(buffer[:at], start, cut_in_speech=not quiet)
            buffer, start = buffer[at:], start + at
    if len(buffer):
        yield _piece(buffer, start, cut_in_speech=False)


def _pause(samples: Any) -> tuple[int, bool]:
    """The middle of the quietest place in the last part, and whether it is quiet."""
    import numpy as np  # noqa: PLC0415

    first = int(len(samples) * (1 - _LOOKED_AT))
    count = (len(samples) - first) // _STEP
    tail = samples[first : first + count * _STEP].reshape(count, _STEP)
    levels = np.sqrt(np.square(tail).mean(axis=1))
    # Three steps in a row: the dip between two syllables is no pause.
    smooth = np.convolve(levels, np.ones(3) / 3, mode="same")
    quietest = int(smooth.argmin())
    own = float(np.sqrt(np.square(samples).mean()))
    return first + quietest * _STEP + _STEP // 2, bool(smooth[quietest] <= _QUIET * own)


def _piece(samples: Any, start: int, *, cut_in_speech: bool) -> SoundPiece:
    import numpy as np  # noqa: PLC0415

    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2").tobytes())
    return SoundPiece(start / SAMPLE_RATE, len(samples) / SAMPLE_RATE, stream.getvalue(), cut_in_speech)
