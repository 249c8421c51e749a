"""Frames of overlapping windows joined to the frames of the whole recording. Numbers only.

A recogniser hears the edges of a window badly, and two windows may put the same word some frames apart. Two
windows are therefore joined where both say that nothing is said, in the longest such pause of their overlap:
a word on either side of a pause is on the same side in both, so it is neither lost nor written twice.

| in the overlap, its margins left out | joined |
|---|---|
| both windows have common blank frames | in the middle of the longest common run |
| they have none, but agree on what is said | where they agree, nearest to the middle |
| they agree on nothing | in the middle, and it is counted as uncertain |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]

#: Frames at the edges of a window that have too little context to be believed.
MARGIN: Final = 10


@dataclass(slots=True)
class Stitcher:
    """Takes windows in order and gives frames in order.

    Attributes:
        blank: id of the token for nothing.
        margin: frames at each end of an overlap where windows are not joined, as far as it is long enough.
        uncertain: how often windows were joined though they agreed on nothing.
        joined: how often windows were joined at all.
    """

    blank: int = 0
    margin: int = MARGIN
    uncertain: int = 0
    joined: int = 0
    _held: Frames | None = None
    _start: int = 0

    def add(self, start: int, frames: Frames) -> Frames:
        """Take the window that begins at frame `start`, and give the frames that no later one can change.

        Args:
            start: no gap to the window before.
            frames: frames by vocabulary, any monotone score.
        """
        if self._held is None:
            self._held, self._start = frames, start
            return frames[:0]
        overlap = self._start + len(self._held) - start
        if overlap < 0 or start < self._start:
            raise ValueError("windows come in order and without gaps")
        overlap = min(overlap, len(frames))
        before = start - self._start
        seam = self._seam(
            self._held[before : before + overlap].argmax(axis=1), frames[:overlap].argmax(axis=1)
        )
        done = self._held[: before + seam]
        self._held, self._start = frames[seam:], start + seam
        self.joined += 1
        return done

    def finish(self) -> Frames | None:
        """The frames that are left; None when there was no window."""
        held, self._held = self._held, None
        return held

    def _seam(self, old: npt.NDArray[np.int64], new: npt.NDArray[np.int64]) -> int:
        """How many frames of the overlap are taken from the old window."""
        length = len(old)
        margin = min(self.margin, max(0, (length - 2) // 2))
        middle = length // 2
        runs = _runs((old == self.blank) & (new == self.blank), margin, length - margin)
        if runs:
            first, last = max(runs, key=lambda run: (run[1] - run[0], -abs(sum(run) / 2 - middle)))
            return (first + last + 1) // 2
        agreed = np.flatnonzero(old[margin : length - margin] == new[margin : length - margin]) + margin
        if len(agreed):
            return int(agreed[np.abs(agreed - middle).argmin()])
        self.uncertain += 1
        return middle


def _runs(wanted: npt.NDArray[np.bool_], first: int, last: int) -> list[tuple[int, int]]:
    """The runs of true between two places, as (begin, end)."""
    found, begin = [], None
    for at in range(first, last):
        if wanted[at] and begin is None:
            begin = at
        if not wanted[at] and begin is not None:
            found.append((begin, at))
            begin = None
    return found if begin is None else [*found, (begin, last)]
