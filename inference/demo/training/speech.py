"""Synthetic dictations: sentences of a small radiology vocabulary, spoken by espeak-ng and flite.

A text is written as MedASR writes it: `{period}`, `[FINDINGS]`, `8 mm`. What is said aloud follows from it.
Nothing here is a recording of a person, and no sentence is from a report.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr

RATE: Final = 16_000
Waveform = np.ndarray[Any, np.dtype[np.float32]]

_SINGULAR: Final = (
    "heart", "mediastinum", "trachea", "aorta", "right hilum", "left hilum", "spleen", "liver",
    "right kidney", "left kidney", "cardiac silhouette", "pulmonary vasculature",
)  # fmt: skip
_PLURAL: Final = ("lungs", "visualized bones", "costophrenic angles", "kidneys", "lung volumes")
_STATE: Final = ("normal", "unremarkable", "stable", "clear", "within normal limits")
_FINDING: Final = (
    "pneumothorax", "pleural effusion", "consolidation", "acute fracture", "focal mass", "free air",
    "lymphadenopathy", "pulmonary edema", "pneumonia", "atelectasis",
)  # fmt: skip
_OPACITY: Final = ("opacity", "consolidation", "atelectasis", "pleural effusion", "infiltrate")
_SIZE: Final = ("small", "moderate", "large", "subtle", "new", "unchanged")
_PLACE: Final = (
    "right upper lobe", "right middle lobe", "right lower lobe", "left upper lobe", "left lower lobe",
    "lingula", "right base", "left base",
)  # fmt: skip
_DEVICE: Final = ("endotracheal tube", "nasogastric tube", "central line", "pacemaker")
_SECTION: Final = ("[INDICATION]", "[COMPARISON]", "[FINDINGS]", "[IMPRESSION]")
_REASON: Final = ("cough", "fever", "chest pain", "shortness of breath", "trauma")
_DIGITS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
_UNITS: Final = {"mm": "millimeters", "cm": "centimeters"}

_ESPEAK: Final = ("en-us", "en-gb", "en-us+f3", "en-gb+m3", "en-us+m7", "en-gb+f2", "en-us+f4", "en-us+m1")
_FLITE: Final = ("slt", "rms", "awb", "kal16")


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and how fast: words a minute for espeak-ng, stretch in percent for flite."""

    program: str
    name: str
    speed: int
    pitch: int

    def says(self, words: str, file: Path) -> None:
        """Speak into a WAV file."""
        if self.program == "flite":
            stretch = f"duration_stretch={self.speed / 100}"
            command = ["flite", "-voice", self.name, "--setf", stretch, "-t", words, "-o", str(file)]
        else:
            voice = ["-v", self.name, "-s", str(self.speed), "-p", str(self.pitch)]
            command = ["espeak-ng", *voice, "-w", str(file), words]
        subprocess.run(command, check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class Clip:
    """A dictation: what a recogniser hears and what it has to write; nothing for noise."""

    text: str
    wave: Waveform


def spoken(text: str) -> str:
    """What is said aloud for a written text."""
    words: list[str] = []
    for word in text.replace("{", "").replace("}", "").split():
        if word in _UNITS:
            words.append(_UNITS[word])
        elif word.startswith("["):
            words.append(f"{word.strip('[]').lower()} colon")
        elif word[0].isdigit():
            words.append(" point ".join(_DIGITS[int(part)] for part in word.split(".")))
        else:
            words.append(word)
    return " ".join(words)


def sentence(dice: random.Random) -> str:
    """One sentence without its end."""
    forms = (
        lambda: (
            f"the {dice.choice(_SINGULAR)} is {dice.choice((*_STATE, 'mildly enlarged', 'not enlarged'))}"
        ),
        lambda: f"the {dice.choice(_PLURAL)} are {dice.choice(_STATE)}",
        lambda: f"no {dice.choice(_FINDING)}",
        lambda: f"there is no {dice.choice(_FINDING)}",
        lambda: f"no {dice.choice(_FINDING)} or {dice.choice(_FINDING)}",
        lambda: f"there is a {dice.choice(_SIZE)} {dice.choice(_OPACITY)} in the {dice.choice(_PLACE)}",
        lambda: f"{measure(dice)} nodule in the {dice.choice(_PLACE)}",
        lambda: f"there is a nodule in the {dice.choice(_PLACE)} {{comma}} {measure(dice)}",
        lambda: f"the {dice.choice(_DEVICE)} tip is {measure(dice)} above the carina",
        lambda: f"{dice.choice(('right', 'left', 'bilateral'))} {dice.choice(_OPACITY)}",
        lambda: f"recommend follow up in {dice.randint(2, 12)} {dice.choice(('weeks', 'months'))}",
    )
    return dice.choice(forms)()


def measure(dice: random.Random) -> str:
    """A small length."""
    if dice.random() < 0.6:
        return f"{dice.randint(2, 12)} mm"
    return f"{dice.randint(1, 9)}.{dice.randint(1, 9)} cm"


def dictation(dice: random.Random, sentences: int) -> str:
    """Some sentences with their formatting, as they are dictated."""
    parts: list[str] = []
    for index in range(sentences):
        if dice.random() < (0.4 if index == 0 else 0.15):
            section = dice.choice(_SECTION)
            parts.append(section)
            if section == "[INDICATION]":
                parts.append(f"{dice.choice(_REASON)} {{period}}")
                continue
            if section == "[COMPARISON]":
                parts.append("none {period}")
                continue
        elif index and dice.random() < 0.12:
            parts.append("{new paragraph}")
        parts.append(f"{sentence(dice)} {{period}}")
    return " ".join(parts)


def voice(dice: random.Random) -> Voice:
    """A voice: two in three of espeak-ng."""
    if dice.random() < 0.35:
        return Voice("flite", dice.choice(_FLITE), dice.randint(85, 125), 0)
    return Voice("espeak-ng", dice.choice(_ESPEAK), dice.randint(130, 190), dice.randint(30, 70))


def texts(dice: random.Random, count: int, *, sentences: Sequence[int], unlike: set[str]) -> list[str]:
    """Distinct dictations, none of them among `unlike`."""
    found: dict[str, None] = {}
    while len(found) < count:
        text = dictation(dice, dice.choice(list(sentences)))
        if text not in unlike:
            found[text] = None
    return list(found)


def clips(written: Sequence[str], dice: random.Random, *, noisy: float) -> Iterator[Clip]:
    """Each text spoken by some voice at some level, a share `noisy` of them over noise."""
    with tempfile.TemporaryDirectory() as scratch:
        for text in written:
            file = Path(scratch) / "clip.wav"
            voice(dice).says(spoken(text), file)
            wave = heard(file)
            wave = _pad(wave, dice) * (dice.uniform(0.25, 0.95) / max(float(np.abs(wave).max()), 1e-4))
            if dice.random() < noisy:
                loud = float(np.sqrt(np.mean(wave**2))) * 10 ** (-dice.uniform(12, 35) / 20)
                wave = wave + loud * noise(len(wave), dice)
            yield Clip(text, np.clip(wave, -1, 1).astype(np.float32))


def heard(file: Path) -> Waveform:
    """A mono file at the rate that models hear."""
    wave, rate = soundfile.read(file, dtype="float32")
    return np.asarray(soxr.resample(wave, rate, RATE), dtype=np.float32)


def noises(count: int, dice: random.Random) -> Iterator[Clip]:
    """Clips in which nobody speaks: silence, hiss, rumble, hum and clicks."""
    for index in range(count):
        length = int(dice.uniform(1.0, 6.0) * RATE)
        loud = 0.0 if index % 8 == 0 else 10 ** -dice.uniform(0.7, 3.5)
        wave = loud * noise(length, dice)
        if index % 4 == 1:
            times = np.arange(length) / RATE
            wave = wave + 10 ** -dice.uniform(0.7, 2) * np.sin(2 * np.pi * dice.uniform(50, 1000) * times)
        yield Clip("", np.clip(wave, -1, 1).astype(np.float32))


def noise(length: int, dice: random.Random) -> Waveform:
    """Noise of unit power, from white to brown."""
    generator = np.random.default_rng(dice.getrandbits(32))
    colour = dice.choice((0.0, 0.5, 1.0))
    spectrum = np.fft.rfft(generator.standard_normal(length))
    spectrum = spectrum / np.maximum(np.arange(len(spectrum)), 1) ** colour
    wave = np.fft.irfft(spectrum, length)
    return (wave / max(float(np.sqrt(np.mean(wave**2))), 1e-9)).astype(np.float32)


def join(parts: Sequence[Clip], dice: random.Random) -> Clip:
    """Several clips as one long dictation, with pauses."""
    waves = [np.concatenate([part.wave, np.zeros(int(dice.uniform(0, 0.8) * RATE))]) for part in parts]
    return Clip(" ".join(part.text for part in parts if part.text), np.concatenate(waves).astype(np.float32))


def _pad(wave: Waveform, dice: random.Random) -> Waveform:
    """Silence before and after, as of a button pressed early and released late."""
    before, after = (np.zeros(int(dice.uniform(0, 0.4) * RATE), np.float32) for _ in range(2))
    return np.concatenate([before, wave, after])
