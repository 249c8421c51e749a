"""A stream of samples cut to overlapping windows that begin on frames of the model. Numbers only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from inference.ports import SAMPLE_RATE

Samples = npt.NDArray[np.float32]

#: Samples between two frames that the model gives out: 10 ms a feature, two halvings.
SAMPLES_A_FRAME: Final = 640
SECONDS_A_FRAME: Final = SAMPLES_A_FRAME / SAMPLE_RATE
#: Where the middle of what frame 0 hears lies: 13 features of 10 ms, each 25 ms wide.
FIRST_FRAME_SECONDS: Final = 0.0725
#: The fewest samples that give a frame: 13 features.
FEWEST_SAMPLES: Final = 12 * 160 + 400


@dataclass(frozen=True, slots=True)
class Windows:
    """How sound is cut.

    Attributes:
        seconds: of one window.
        overlap: seconds that two neighbours share.
    """

    seconds: float = 20.0
    overlap: float = 4.0

    def __post_init__(self) -> None:
        if not 0 < 2 * self.overlap <= self.seconds:
            raise ValueError("an overlap is at most half a window")

    def cut(self, blocks: Iterable[bytes]) -> Iterator[tuple[int, Samples]]:
        """(frame at which it begins, samples) of every window; constant memory."""
        size = self._frames(self.seconds) * SAMPLES_A_FRAME
        step = size - self._frames(self.overlap) * SAMPLES_A_FRAME
        start, buffer = 0, np.zeros(0, dtype=np.float32)
        for block in blocks:
            buffer = np.concatenate((buffer, np.frombuffer(block, dtype="<f4")))
            # One that ends with the recording is not followed by a piece of overlap alone.
            while len(buffer) > size:
                yield start, buffer[:size]
                buffer = buffer[step:]
                start += step // SAMPLES_A_FRAME
        if len(buffer):
            short = max(0, FEWEST_SAMPLES - len(buffer))
            yield start, np.pad(buffer, (0, short))

    @staticmethod
    def _frames(seconds: float) -> int:
        return round(seconds / SECONDS_A_FRAME)


def frames_of(samples: int) -> int:
    """How many frames the model gives for so many samples."""
    features = (samples - 400) // 160 + 1
    return max(0, ((features - 5) // 2 + 1 - 5) // 2 + 1)


def seconds_at(frame: float) -> float:
    """The time of the middle of a frame."""
    return FIRST_FRAME_SECONDS + frame * SECONDS_A_FRAME
