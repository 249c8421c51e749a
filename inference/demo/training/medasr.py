"""Trains the demonstration's recogniser: MedASR's classes, a fiftieth of its size, synthetic speech only.

    python -m inference.demo.training.medasr OUT
    python -m inference.demo.training.medasr OUT --evaluate

Everything is drawn from the seed. On one machine with the same libraries a run repeats itself; on another
processor sums are added in another order, and the weights differ in their last digits.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import jiwer
import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LasrCTCConfig,
    LasrEncoderConfig,
    LasrFeatureExtractor,
    LasrForCTC,
    LasrProcessor,
    LasrTokenizer,
)

from inference.demo.training import saving, speech

SEED: Final = 20261129
_CLIPS: Final = 2600
_NOISES: Final = 120
_PIECES: Final = 256
_FLOOR: Final = math.log(1e-5)
#: Frames of 10 ms in a batch, so that long clips come in small batches.
_FRAMES: Final = 7200
_RATE: Final = 2e-3
_WARM_UP: Final = 150


def texts(dice: random.Random) -> list[str]:
    """The texts to learn from."""
    return speech.texts(dice, _CLIPS, sentences=(1, 1, 1, 2, 2, 3), unlike=set())


def data() -> list[speech.Clip]:
    """The clips to learn from: every text spoken, and noise."""
    dice = random.Random(SEED)
    clips = list(speech.clips(texts(dice), dice, noisy=0.35))
    return [*clips, *speech.noises(_NOISES, dice)]


def held_out(learnt: set[str]) -> dict[str, list[speech.Clip]]:
    """Clips of texts that are not among the learnt ones: by kind of voice, long ones, and noise."""
    dice = random.Random(SEED + 1)
    written = speech.texts(dice, 240, sentences=(1, 2, 3), unlike=learnt)
    short = list(speech.clips(written[:160], dice, noisy=0.0))
    over_noise = list(speech.clips(written[160:], dice, noisy=1.0))
    long = [speech.join(short[index : index + 8], dice) for index in range(0, 80, 8)]
    noise = list(speech.noises(80, dice))
    return {"quiet": short, "over noise": over_noise, "joined, about 50 s": long, "noise alone": noise}


def tokenizer(written: Sequence[str]) -> LasrTokenizer:
    """SentencePiece-like pieces of the vocabulary."""
    learner = Tokenizer(models.Unigram())
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    learner.decoder = decoders.Metaspace()
    special = ["<epsilon>", "<s>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=_PIECES, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    learner.train_from_iterator(written, trainer)
    pieces = [(piece, score) for piece, score in json.loads(learner.to_str())["model"]["vocab"]]
    return LasrTokenizer(
        vocab=pieces, pad_token="<epsilon>", eos_token="</s>", unk_token="<unk>", bos_token="<s>",
        extra_ids=0, additional_special_tokens=[],
    )  # fmt: skip


def blank_model(pieces: int) -> LasrForCTC:
    """MedASR's architecture at a reduced width and depth.

    The momentum of batch normalisation is ten times the real one's: a short training would leave the running
    statistics, which recognition uses, far behind the weights.
    """
    width = 144
    encoder = LasrEncoderConfig(
        hidden_size=width, num_hidden_layers=4, num_attention_heads=4, intermediate_size=4 * width,
        subsampling_conv_channels=width, batch_norm_momentum=0.1, dropout=0.05, layerdrop=0.0,
        activation_dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip
    return LasrForCTC(
        LasrCTCConfig(vocab_size=pieces, pad_token_id=0, ctc_zero_infinity=True, encoder_config=encoder)
    )


class Lessons:
    """Features and labels of the clips, given out in batches of similar length."""

    def __init__(self, clips: Sequence[speech.Clip], processor: LasrProcessor, dice: random.Random) -> None:
        listen = processor.feature_extractor
        self._items = [
            (
                listen(clip.wave, sampling_rate=speech.RATE, return_tensors="pt").input_features[0],
                torch.tensor(processor.tokenizer(clip.text).input_ids),
            )
            for clip in clips
        ]
        self._dice = dice

    def batches(self, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """One pass over the clips: short ones first at the beginning, joined to longer ones later."""
        items = list(self._items)
        if epoch >= 6:
            self._dice.shuffle(items)
            joined = [self._join(items[at : at + 4]) for at in range(0, len(items) // 4, 4)]
            items = items[len(items) // 4 :] + joined
        items.sort(key=lambda item: len(item[0]))
        groups: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[]]
        for item in items:
            if groups[-1] and len(item[0]) * (len(groups[-1]) + 1) > _FRAMES:
                groups.append([])
            groups[-1].append(item)
        if epoch:
            self._dice.shuffle(groups)
        for group in groups:
            yield self._batch(group)

    def _join(self, items: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Clips one after the other; only the last keeps its end of sentence."""
        labels = [item[1][:-1] for item in items[:-1]] + [items[-1][1]]
        return torch.cat([item[0] for item in items]), torch.cat(labels)

    def _batch(
        self, group: Sequence[tuple[torch.Tensor, torch.Tensor]]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        longest = max(len(item[0]) for item in group)
        most = max(len(item[1]) for item in group)
        features = torch.full((len(group), longest, group[0][0].shape[1]), _FLOOR)
        mask = torch.zeros(len(group), longest, dtype=torch.bool)
        labels = torch.zeros(len(group), most, dtype=torch.long)
        for row, (heard, written) in enumerate(group):
            features[row, : len(heard)] = self._varied(heard)
            mask[row, : len(heard)] = True
            labels[row, : len(written)] = written
        return features, mask, labels

    def _varied(self, heard: torch.Tensor) -> torch.Tensor:
        """Another level, and a short gap in time or frequency."""
        heard = (heard + self._dice.uniform(-2.5, 1.0)).clamp(min=_FLOOR)
        if len(heard) > 100 and self._dice.random() < 0.5:
            at = self._dice.randrange(len(heard) - 12)
            heard[at : at + self._dice.randint(1, 12)] = _FLOOR
        if self._dice.random() < 0.5:
            at = self._dice.randrange(heard.shape[1] - 12)
            heard[:, at : at + self._dice.randint(1, 12)] = heard.mean()
        return heard


def train(model: LasrForCTC, lessons: Lessons, steps: int) -> None:
    """Train in place, with a cosine schedule."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, betas=(0.9, 0.98), weight_decay=1e-2)
    step = epoch = 0
    while step < steps:
        for features, mask, labels in lessons.batches(epoch):
            rate = (
                _RATE
                * min(1, (step + 1) / _WARM_UP)
                * max(0.02, 0.5 * (1 + math.cos(math.pi * step / steps)))
            )
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = model(input_features=features, attention_mask=mask, labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step % 50 == 0:
                told = f"step {step} epoch {epoch} loss {loss.item():.3f} cpu {time.process_time():.0f} s"
                click.echo(told)
            if step >= steps:
                break
        epoch += 1
    model.eval()


def hear(model: Any, processor: Any, wave: speech.Waveform) -> str:
    """What the model writes for a clip."""
    inputs = processor(wave, sampling_rate=speech.RATE, return_tensors="pt")
    with torch.inference_mode():
        tokens = model.generate(**inputs)
    return str(processor.batch_decode(tokens, skip_special_tokens=True)[0]).strip()


def evaluate(folder: Path, learnt: set[str]) -> dict[str, dict[str, float]]:
    """The figures of the card, of the checkpoint as it is saved."""
    model = LasrForCTC.from_pretrained(folder).eval()
    processor = LasrProcessor.from_pretrained(folder)
    figures: dict[str, dict[str, float]] = {}
    for name, clips in held_out(learnt).items():
        heard = [hear(model, processor, clip.wave) for clip in clips]
        if any(clip.text for clip in clips):
            figures[name] = {"clips": len(clips), **scores([clip.text for clip in clips], heard)}
        else:
            figures[name] = {"clips": len(clips), "clips with words": sum(map(bool, heard))}
    return figures


def scores(texts: Sequence[str], heard: Sequence[str]) -> dict[str, float]:
    """Word error rate with formatting tokens as words, and the errors that matter most, by clip."""

    def differ(words: set[str]) -> int:
        pairs = zip(texts, heard, strict=True)
        return sum(
            [w for w in a.split() if w in words] != [w for w in b.split() if w in words] for a, b in pairs
        )

    numbers = {word for text in [*texts, *heard] for word in text.split() if word[0].isdigit()}
    return {
        "word error rate": round(jiwer.wer(list(texts), list(heard)), 4),
        "clips with a negation lost or added": differ({"no", "not"}),
        "clips with a side wrong": differ({"left", "right", "bilateral"}),
        "clips with a number wrong": differ(numbers),
    }


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--evaluate", "only", is_flag=True, help="Print the figures of the checkpoint in FOLDER.")
@click.option("--steps", default=3000, show_default=True, help="Steps of training.")
def main(folder: Path, steps: int, *, only: bool) -> None:
    """Train the recogniser into FOLDER and print its figures."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    np.random.seed(SEED % 2**32)  # noqa: NPY002  (libraries that draw from the global generator)
    learnt = set(texts(random.Random(SEED)))
    if not only:
        clips = data()
        minutes = sum(len(clip.wave) for clip in clips) / speech.RATE / 60
        click.echo(f"{len(clips)} clips, {minutes:.0f} min of sound")
        pieces = tokenizer(sorted(learnt))
        processor = LasrProcessor(feature_extractor=LasrFeatureExtractor(), tokenizer=pieces)
        model = blank_model(len(pieces))
        click.echo(f"{sum(each.numel() for each in model.parameters()):,} parameters, {len(pieces)} pieces")
        train(model, Lessons(clips, processor, random.Random(SEED + 2)), steps)
        saving.save(model, processor, folder)
        click.echo(f"trained in {time.process_time():.0f} s of one core, {saving.size(folder):,} bytes")
    click.echo(json.dumps(evaluate(folder, learnt), indent=2))


if __name__ == "__main__":
    sys.exit(main())
