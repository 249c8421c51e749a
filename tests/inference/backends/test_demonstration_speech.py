"""The demonstration recogniser hears: what random weights cannot show. Voices of a machine, words of its own vocabulary."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import demo
from inference.backends.local import LocalSpeech, LocalTranscriber
from inference.evaluation.dictation import Scores, score, scores
from inference.media import audio
from tests.inference.backends.test_contract import needs_torch
from tests.support.recordings import by_ffmpeg, encoded, needs_ffmpeg, needs_voice, noise, spoken

CHECKPOINT = demo.folder("medasr")
pytestmark = [
    needs_torch,
    needs_voice,
    pytest.mark.skipif(
        CHECKPOINT is None, reason="no demonstration checkpoint: python -m inference.demo.training.medasr"
    ),
]
SAID = "the heart is normal period. there is no pneumothorax period. no pleural effusion period."
#: How much worse windows may be than the whole at once, in words of a hundred.
MARGIN = 0.02


def recogniser(**options: Any) -> LocalTranscriber:
    made = LocalTranscriber(LocalSpeech(model=str(CHECKPOINT), demonstration=True, **options))
    made.start()
    return made


@pytest.fixture(scope="module")
def listening() -> LocalTranscriber:
    return recogniser()


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return spoken(SAID, tmp_path_factory.mktemp("said"), speed=150).read_bytes()


def test_it_hears_what_was_said(listening: LocalTranscriber, wav: bytes) -> None:
    """The words that a report stands on, and its card says that it is a demonstration."""
    transcript = listening.transcribe(audio.read(wav))

    assert "no pneumothorax" in transcript.text
    assert listening.card.demonstration
    assert all(word.posterior is not None and 0 < word.posterior <= 1 for word in transcript.words)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("options", "ending"),
    [
        (["-ar", "44100", "-c:a", "pcm_s24le"], "wav"),
        (["-ar", "48000", "-ac", "2", "-c:a", "pcm_f32le"], "wav"),
        (["-ar", "16000", "-af", "pan=stereo|c0=c0|c1=0*c0"], "wav"),
        (["-ar", "96000", "-c:a", "flac"], "flac"),
        (["-ar", "48000", "-c:a", "aac", "-b:a", "128k"], "m4a"),
        (["-ar", "48000", "-c:a", "libopus", "-b:a", "64k"], "webm"),
    ],
)
def test_any_coat_gives_the_same_words(
    listening: LocalTranscriber, wav: bytes, tmp_path: Path, options: Sequence[str], ending: str
) -> None:
    """Rate, width, channels and format are no business of the recogniser's."""
    expected = listening.transcribe(audio.read(wav)).text
    coated = audio.read(by_ffmpeg(wav, tmp_path, *options, ending=ending))

    assert expected == listening.transcribe(coated).text


@needs_ffmpeg
def test_a_telephone_is_heard_and_said(listening: LocalTranscriber, wav: bytes, tmp_path: Path) -> None:
    """Half of the bandwidth is gone: some words too, and the recording says why."""
    call = audio.read(by_ffmpeg(wav, tmp_path, "-ar", "8000", "-c:a", "pcm_mulaw", ending="wav"))

    assert any("telephone" in issue.text for issue in call.issues)
    assert listening.transcribe(call).words


def test_noise_gives_no_words_even_if_it_is_asked(listening: LocalTranscriber) -> None:
    """Whoever skips the check for a voice gets nothing either."""
    assert "" == listening.transcribe(audio.read(encoded(noise(6.0)))).text


class Wave:
    """Samples as a recording."""

    sha256 = "0" * 64

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = samples.astype("<f4")
        self.seconds = len(samples) / 16_000

    def blocks(self):
        for at in range(0, len(self._samples), 50_000):
            yield self._samples[at : at + 50_000].tobytes()


def measured(made: LocalTranscriber, clips: Sequence[Any]) -> Scores:
    return scores([
        score(str(at), clip.text, made.transcribe(Wave(clip.wave)).text) for at, clip in enumerate(clips)
    ])  # fmt: skip


@pytest.mark.skipif(
    __import__("shutil").which("flite") is None, reason="needs a second voice: apt-get install flite"
)
def test_windows_hear_what_the_whole_hears() -> None:
    """Recordings of more than a minute: in windows within two words of a hundred of all at once."""
    from inference.demo.training import speech

    dice = random.Random(4242)
    parts = list(speech.clips(speech.texts(dice, 30, sentences=(1, 2, 3), unlike=set()), dice, noisy=0.0))
    clips = [speech.join(parts[at : at + 10], dice) for at in range(0, 30, 10)]

    assert all(len(clip.wave) > 50 * 16_000 for clip in clips)
    whole, windows = measured(recogniser(window=300.0), clips), measured(recogniser(), clips)
    assert windows.wer.value <= whole.wer.value + MARGIN
    assert windows.wer.value < 0.2
