"""Synthetic dictations: what is said aloud follows from what is written, and no text is in both halves."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

pytest.importorskip("soxr", reason="pip install 'wardwire[audio]'")

from inference.demo.training import speech

SYNTHESIZERS = pytest.mark.skipif(
    not (shutil.which("espeak-ng") and shutil.which("flite")), reason="apt-get install espeak-ng flite"
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[FINDINGS] the heart is normal {period}", "findings colon the heart is normal period"),
        ("no pneumothorax {period} {new paragraph}", "no pneumothorax period new paragraph"),
        ("8 mm nodule in the left base {comma}", "eight millimeters nodule in the left base comma"),
        ("1.5 cm", "one point five centimeters"),
        ("follow up in 12 weeks", "follow up in twelve weeks"),
    ],
)
def test_what_is_said_aloud(written, expected):
    """Formatting is spoken, digits and units are words."""
    assert expected == speech.spoken(written)


def test_held_out_texts_are_new():
    """None of them was learnt, and each is there once."""
    learnt = set(speech.texts(random.Random(1), 300, sentences=(1, 2), unlike=set()))
    fresh = speech.texts(random.Random(2), 100, sentences=(1, 2, 3), unlike=learnt)

    assert 100 == len(set(fresh))
    assert not learnt & set(fresh)


def test_sides_and_negations_occur():
    """What is to be feared most in a dictation is what it practises."""
    words = " ".join(speech.texts(random.Random(1), 300, sentences=(2, 3), unlike=set())).split()

    assert (
        min(words.count(each) for each in ("no", "left", "right", "mm", "cm", "{period}", "[FINDINGS]")) > 20
    )


def test_noise_has_nothing_to_write():
    """Silence, hiss and hum, within the range of samples, with empty texts."""
    clips = list(speech.noises(16, random.Random(3)))

    assert {""} == {clip.text for clip in clips}
    assert all(np.abs(clip.wave).max() <= 1 for clip in clips)
    assert not clips[0].wave.any()


@SYNTHESIZERS
def test_every_voice_speaks():
    """16 kHz mono floats, of both programs."""
    dice = random.Random(4)
    clips = list(speech.clips(["no pneumonia {period}"] * 8, dice, noisy=0.5))

    assert all(0.8 < len(clip.wave) / speech.RATE < 6 for clip in clips)
    assert all(0.2 < np.abs(clip.wave).max() <= 1 and clip.wave.dtype == np.float32 for clip in clips)
    assert {"espeak-ng", "flite"} == {speech.voice(random.Random(seed)).program for seed in range(20)}
