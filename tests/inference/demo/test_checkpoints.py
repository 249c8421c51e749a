"""The demonstration checkpoints as they are shipped: small, without code in them, and as good as their cards say.

The floors are loose: a handful of unseen cases cannot measure, but a broken checkpoint falls through.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path

import pytest

from inference import demo
from tests.house.tree import ROOT

pytest.importorskip("transformers", reason="pip install 'wardwire[models]'")

MOST_BYTES = 8_000_000
DICTATION = ROOT / "fixtures" / "demo" / "hospital" / "dictation.flac"


def folder(name: str) -> Path:
    found = demo.folder(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", demo.NAMES)
class TestFiles:
    def test_it_is_small(self, name):
        """Under eight million bytes, all files together."""
        assert sum(file.stat().st_size for file in folder(name).iterdir()) < MOST_BYTES

    def test_nothing_in_it_runs(self, name):
        """Weights as safetensors, the rest as text or a vocabulary: no pickle, no code."""
        kinds = {file.suffix for file in folder(name).iterdir()}

        assert kinds <= {".safetensors", ".json", ".jinja", ".model", ".md"}
        assert not any(b"auto_map" in file.read_bytes() for file in folder(name).glob("*.json"))

    def test_it_says_what_it_is(self, name):
        """In its configuration, and on its card with the command that made it."""
        card = (folder(name) / "CARD.md").read_text(encoding="utf-8")

        assert demo.is_demonstration(str(folder(name)))
        assert f"wardwire-demonstration/{name}" == demo.name_of(str(folder(name)))
        assert f"python -m inference.demo.training.{name}" in card
        assert "not a medical model" in card
        assert re.search(r"seed \d+", card)

    def test_it_loads_as_32_bit_floats(self, name):
        """Half the digits lie on disk; neither family runs in them on a processor."""
        from transformers import AutoConfig, AutoModel

        model = AutoModel.from_pretrained(folder(name))

        assert {"torch.float32"} == {str(each.dtype) for each in model.parameters()}
        assert "float32" in str(AutoConfig.from_pretrained(folder(name)).dtype)


def test_other_models_are_no_demonstration(tmp_path):
    """An id on a hub, a folder without the mark, a configuration that is none."""
    (tmp_path / "config.json").write_text(json.dumps([demo.MARK]))

    assert not any(map(demo.is_demonstration, ("google/medgemma-1.5-4b-it", str(tmp_path), "")))
    assert "google/medasr" == demo.name_of("google/medasr")
    assert demo.folder("whisper") is None


def test_the_reader_reads_drawn_chests():
    """Most sides right, boxes that overlap, by the product's own prompts and backend."""
    from inference.backends.local import LocalGenerator, LocalModel
    from inference.demo.training.gemma_figures import answers

    generator = LocalGenerator(LocalModel(model=str(folder("medgemma"))))
    generator.start()
    answered = list(answers(generator, 12))
    overlaps = [value for each in answered for value in each.overlaps.values()]

    assert sum(each.right for each in answered) >= 9
    assert sum(overlaps) / len(overlaps) > 0.35


def test_the_image_check_knows_drawn_kinds():
    """Three of every kind; nearly all get the sentence that fits."""
    pytest.importorskip("sentencepiece", reason="pip install 'wardwire[models]'")
    from inference.demo.training.medsiglip import evaluate

    assert evaluate(folder("medsiglip"), 27)["best sentence right"] > 0.85


@pytest.fixture(scope="module")
def hear():
    pytest.importorskip("soxr", reason="pip install 'wardwire[audio]'")
    from transformers import LasrForCTC, LasrProcessor

    from inference.demo.training import medasr

    model = LasrForCTC.from_pretrained(folder("medasr")).eval()
    processor = LasrProcessor.from_pretrained(folder("medasr"))
    return lambda wave: medasr.hear(model, processor, wave)


class TestRecogniser:
    def test_it_hears_the_demonstrations_dictation(self, hear):
        """A fixture, so that no synthesizer is needed: most words of it, formatting included."""
        import jiwer

        from inference.demo.training import speech
        from tests.support.demo_hospital import DICTATION as SAID

        assert jiwer.wer(SAID, hear(speech.heard(DICTATION))) < 0.25

    def test_noise_gives_no_words(self, hear):
        """Hiss, hum and silence."""
        from inference.demo.training import speech

        heard = [hear(clip.wave) for clip in speech.noises(16, random.Random(99))]

        assert sum(map(bool, heard)) <= 2

    @pytest.mark.skipif(
        not (shutil.which("espeak-ng") and shutil.which("flite")), reason="apt-get install espeak-ng flite"
    )
    def test_it_hears_new_sentences(self, hear):
        """Of every voice, quiet and over noise."""
        import jiwer

        from inference.demo.training import speech

        dice = random.Random(7)
        texts = speech.texts(dice, 12, sentences=(1, 2), unlike=set())
        heard = [hear(clip.wave) for clip in speech.clips(texts, dice, noisy=0.3)]

        assert jiwer.wer(texts, heard) < 0.3
