"""How loud a recording is, and which of its channels carry the voice. Numbers only; knows no files.

What is measured on a first pass decides how the second one mixes, so that one recording gives the same
samples whether it is mono, the same twice, on one side only, or with one side wired the wrong way round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

#: Below this share of the loudest channel's power a channel is taken for unconnected (40 dB).
_UNCONNECTED: Final = 1e-4
_OPPOSED: Final = -0.5
_UNRELATED: Final = 0.5
_CLIPPED: Final = 0.9995
#: Blocks of loudness, and what is silence in them.
_BLOCKS_A_SECOND: Final = 10
_SILENCE_DB: Final = -60
_FLOOR_DB: Final = -120
#: A voice rises and falls by tens of decibels within seconds; fans, hum and noise by less than these.
_STEADY_DB: Final = 3.0
#: A microphone that peaks below the first is raised to the second, by no more than the third.
_QUIET: Final = 0.1
_RAISED: Final = 0.5
_MOST_GAIN: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What was measured.

    Attributes:
        frames: samples of each channel.
        weights: by which the channels are multiplied before they are added.
        peak: of the mix that these weights give, at most.
        gain: by which the mix is multiplied.
        clipped: share of samples at full scale.
        damaged: samples that are no numbers; they were taken for silence.
        steady: whether it is as loud everywhere: noise or hum, no voice.
        silent: whether nothing is loud enough to be heard.
        separate: whether channels carry different sounds, as with one microphone for each of several people.
        loud_seconds: how much is louder than silence.
    """

    frames: int
    weights: tuple[float, ...]
    peak: float
    gain: float
    clipped: float
    damaged: int
    steady: bool
    silent: bool
    separate: bool
    loud_seconds: float


@dataclass(slots=True)
class Meter:
    """Measures block by block in constant memory.

    Attributes:
        rate: samples a second.
        channels: of each frame.
    """

    rate: int
    channels: int
    _frames: int = 0
    _clipped: int = 0
    _damaged: int = 0
    _peaks: Any = None
    _products: Any = None
    _loudness: dict[int, int] = field(default_factory=dict)
    _left: Any = None

    def add(self, block: Samples) -> None:
        """Measure one more block, frames by channels; damaged samples become silence in place."""
        wrong = ~np.isfinite(block)
        if wrong.any():
            self._damaged += int(wrong.sum())
            block[wrong] = 0.0
        if self._peaks is None:
            self._peaks = np.zeros(self.channels)
            self._products = np.zeros((self.channels, self.channels))
        if not len(block):
            return
        absolute = np.abs(block)
        self._frames += len(block)
        self._clipped += int((absolute >= _CLIPPED).sum())
        self._peaks = np.maximum(self._peaks, absolute.max(axis=0))
        wide = block.astype(np.float64)
        self._products += wide.T @ wide
        self._count(wide)

    def _count(self, block: npt.NDArray[np.float64]) -> None:
        """Histogram of loudness in whole decibels, of the loudest channel at any time."""
        step = max(1, self.rate // _BLOCKS_A_SECOND)
        joined = block if self._left is None else np.concatenate((self._left, block))
        whole = len(joined) // step * step
        self._left = joined[whole:]
        if not whole:
            return
        power = np.square(joined[:whole]).reshape(-1, step, self.channels).mean(axis=1).max(axis=1)
        decibels = np.maximum(_FLOOR_DB, 10 * np.log10(power + 1e-12)) * 4
        for value, count in zip(*np.unique(decibels.round().astype(int), return_counts=True), strict=True):
            self._loudness[int(value)] = self._loudness.get(int(value), 0) + int(count)

    def levels(self) -> Levels:
        """What all blocks together say."""
        if self._peaks is None or not self._frames:
            return _nothing(self.channels)
        power = np.diag(self._products)
        loudest = int(power.argmax())
        with np.errstate(divide="ignore", invalid="ignore"):
            related = self._products[loudest] / np.sqrt(power * power[loudest])
        heard = power > power[loudest] * _UNCONNECTED
        signs = np.where(related < _OPPOSED, -1.0, 1.0)
        weights = np.where(heard, signs, 0.0) / max(1, int(heard.sum()))
        peak = float((np.abs(weights) * self._peaks).sum())
        quiet, loud = self._percentile(0.05), self._percentile(0.95)
        return Levels(
            frames=self._frames,
            weights=tuple(float(weight) for weight in weights),
            peak=peak,
            gain=_gain(peak),
            clipped=self._clipped / (self._frames * self.channels),
            damaged=self._damaged,
            # What is shorter than one block has nothing to vary.
            steady=loud - quiet < _STEADY_DB,
            silent=20 * math.log10(peak + 1e-12) < _SILENCE_DB,
            separate=bool((np.abs(related[heard]) < _UNRELATED).any()),
            loud_seconds=sum(n for value, n in self._loudness.items() if value / 4 > _SILENCE_DB)
            / _BLOCKS_A_SECOND,
        )

    def _percentile(self, share: float) -> float:
        wanted, seen = share * sum(self._loudness.values()), 0
        for value in sorted(self._loudness):
            seen += self._loudness[value]
            if seen >= wanted:
                return value / 4
        return float(_FLOOR_DB)


def _gain(peak: float) -> float:
    if peak > 1.0:
        return 1.0 / peak
    return min(_RAISED / peak, _MOST_GAIN) if 0 < peak < _QUIET else 1.0


def _nothing(channels: int) -> Levels:
    return Levels(
        frames=0,
        weights=(1.0 / channels,) * channels,
        peak=0.0,
        gain=1.0,
        clipped=0.0,
        damaged=0,
        steady=False,
        silent=True,
        separate=False,
        loud_seconds=0.0,
    )


def mixed(block: Samples, levels: Levels) -> Samples:
    """One channel out of all, at the level that the recogniser expects."""
    clean = np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    mix = clean @ np.asarray(levels.weights, dtype=np.float32)
    scaled: Samples = np.clip(mix * np.float32(levels.gain), -1.0, 1.0).astype(np.float32)
    return scaled
