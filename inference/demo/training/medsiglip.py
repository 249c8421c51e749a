"""Trains the demonstration's image check: MedSigLIP's classes, a few thousandths of its size, drawings only.

    python -m inference.demo.training.medsiglip OUT
    python -m inference.demo.training.medsiglip OUT --evaluate

It learns which of the sentences of Wardwire's image check fits a picture. Kinds that nobody drew are there as
sentences that never fit. Repeats itself on one machine with the same libraries, not bit by bit on another.
"""

from __future__ import annotations

import io
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import sentencepiece
import torch
from PIL import Image
from torch.nn import functional
from transformers import SiglipConfig, SiglipModel, SiglipProcessor, SiglipTokenizer
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from inference.demo.training import phantoms, saving
from inference.demo.training.pictures import framed
from inference.guards.image_claim import CLAIMS

SEED: Final = 20261201
SIDE: Final = 112
_PICTURES: Final = 3600
_WIDTH: Final = 96
_LENGTH: Final = 64
_WORDS: Final = 500
#: What each kind of phantom may truly be said to be.
_KINDS: Final[Mapping[str, str]] = {
    "chest": "chest radiograph",
    "lateral": "chest radiograph",
    "knee": "knee radiograph",
    "hand": "limb radiograph",
    "ct": "ct",
    "fundus": "fundus photograph",
    "skin": "skin photograph",
    "histology": "histopathology",
    "document": "document",
}
#: Other words for some of the claims, so that meaning does not hang on one sentence.
_OTHERWISE: Final[Mapping[str, tuple[str, ...]]] = {
    "chest radiograph": (
        "a chest radiograph",
        "a radiograph of the chest",
        "an X-ray of the chest",
        "a chest x-ray image",
    ),
    "knee radiograph": ("a knee radiograph", "a knee X-ray", "a radiograph of the knee"),
    "limb radiograph": ("an X-ray of a hand", "a hand radiograph", "an X-ray of a limb"),
    "ct": ("a CT slice", "a CT image of the abdomen", "an axial CT image"),
    "fundus photograph": ("a fundus photograph", "a photograph of the retina", "a retinal image"),
    "skin photograph": ("a skin photograph", "a photograph of a skin lesion", "a dermatology photograph"),
    "histopathology": ("a histopathology slide", "a histology image", "a pathology patch with H&E stain"),
    "document": ("a page of text", "a scanned document", "a printed page"),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture of the model's size as red, green and blue, and the claim that is true of it."""

    pixels: torch.Tensor
    claim: str


def drawn(dice: random.Random, count: int) -> list[Drawn]:
    """Pictures of every kind, of any shape, some padded to a square as Wardwire does it and some squeezed."""
    kinds = list(phantoms.KINDS)
    made = []
    for index in range(count):
        kind = kinds[index % len(kinds)]
        phantom = phantoms.KINDS[kind](dice, dice.randint(112, 176), dice.randint(112, 176))
        image = framed(phantom)[0] if dice.random() < 0.7 else phantom.image
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        made.append(Drawn(torch.from_numpy(np.array(small)).permute(2, 0, 1), _KINDS[kind]))
    return made


def words(scratch: io.BytesIO) -> bytes:
    """A SentencePiece model of the claims, in the layout of SigLIP's: `</s>` ends and pads."""
    texts = [*CLAIMS.values(), *(text for others in _OTHERWISE.values() for text in others)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text.lower() for text in texts] * 20), model_writer=scratch,
        vocab_size=_WORDS, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2, num_threads=1,
    )  # fmt: skip
    return scratch.getvalue()


def blank_model(folder: Path) -> tuple[SiglipModel, SiglipProcessor]:
    """SigLIP's architecture at a reduced geometry: 112 pixels in 64 patches, 64 tokens of text."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "spiece.model"
    vocabulary.write_bytes(words(io.BytesIO()))
    tokenizer = SiglipTokenizer(vocab_file=str(vocabulary), model_max_length=_LENGTH)
    pictures = SiglipImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3, do_convert_rgb=True
    )
    common = {"hidden_size": _WIDTH, "intermediate_size": 3 * _WIDTH, "num_attention_heads": 4}
    config = SiglipConfig(
        text_config={
            **common, "num_hidden_layers": 2, "vocab_size": len(tokenizer) + (-len(tokenizer)) % 64,
            "max_position_embeddings": _LENGTH, "projection_size": _WIDTH,
            "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1,
        },
        vision_config={**common, "num_hidden_layers": 3, "image_size": SIDE, "patch_size": 14},
    )  # fmt: skip
    model = SiglipModel(config)
    torch.nn.init.constant_(model.logit_scale, math.log(10))
    torch.nn.init.constant_(model.logit_bias, -5.0)
    return model, SiglipProcessor(image_processor=pictures, tokenizer=tokenizer)


def batches(items: Sequence[Drawn], dice: random.Random, size: int) -> Iterator[list[Drawn]]:
    """The pictures in batches, again and again in another order."""
    while True:
        order = list(items)
        dice.shuffle(order)
        yield from (order[at : at + size] for at in range(0, len(order) - size + 1, size))


def train(model: SiglipModel, tokenizer: SiglipTokenizer, items: Sequence[Drawn], steps: int) -> None:
    """Train in place by SigLIP's own loss: each pair of picture and sentence is right or wrong by itself."""
    dice = random.Random(SEED + 2)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    model.train()
    for step, batch in zip(range(steps), batches(items, dice, 32), strict=False):
        share = step / steps
        for group in optimizer.param_groups:
            group["lr"] = 8e-4 * min(1, share * 20 + 0.01) * max(0.02, 0.5 * (1 + math.cos(math.pi * share)))
        texts = [
            dice.choice(_OTHERWISE.get(name, (text,))) if dice.random() < 0.4 else text
            for name, text in CLAIMS.items()
        ]
        tokens = tokenizer(texts, padding="max_length", max_length=_LENGTH, return_tensors="pt").input_ids
        pixels = torch.stack([_lit(each.pixels, dice) for each in batch])
        logits = model(input_ids=tokens, pixel_values=pixels).logits_per_image
        truth = torch.tensor([[1.0 if each.claim == name else -1.0 for name in CLAIMS] for each in batch])
        loss = -functional.logsigmoid(truth * logits).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 49:
            told = f"step {step + 1} loss {loss.item():.3f} cpu {time.process_time():.0f} s"
            click.echo(told)
    model.eval()


def _lit(pixels: torch.Tensor, dice: random.Random) -> torch.Tensor:
    """A picture as the processor gives it, moved and lit another way, sometimes mirrored."""
    plane = torch.roll(pixels, (dice.randint(-6, 6), dice.randint(-6, 6)), (1, 2)).float() / 255
    if dice.random() < 0.5:
        plane = plane.flip(2)
    return (plane * dice.uniform(0.8, 1.0) + dice.uniform(0, 0.08)).clamp(0, 1) * 2 - 1


def evaluate(folder: Path, count: int = 450) -> dict[str, Any]:
    """The figures of the card, of the checkpoint as it is saved, on pictures that it never saw."""
    model = SiglipModel.from_pretrained(folder).eval()
    processor = SiglipProcessor.from_pretrained(folder)
    texts, names = list(CLAIMS.values()), list(CLAIMS)
    dice = random.Random(SEED + 1)
    right: dict[str, list[bool]] = {kind: [] for kind in phantoms.KINDS}
    scores: list[float] = []
    for index in range(count):
        kind = list(right)[index % len(right)]
        square, _ = framed(phantoms.KINDS[kind](dice, dice.randint(200, 420), dice.randint(200, 420)))
        inputs = processor(
            text=texts, images=square.convert("RGB"), padding="max_length", return_tensors="pt"
        )
        with torch.inference_mode():
            logits = model(**inputs).logits_per_image[0]
        right[kind].append(names[int(logits.argmax())] == _KINDS[kind])
        scores.append(float(torch.sigmoid(logits[names.index(_KINDS[kind])])))
    everything = [each for kind in right.values() for each in kind]
    return {
        "pictures": count,
        "sentences to choose from": len(texts),
        "best sentence right": round(sum(everything) / len(everything), 3),
        "right by kind": {kind: f"{sum(each)}/{len(each)}" for kind, each in right.items()},
        "score of the right sentence, median and least": [
            round(float(np.median(scores)), 3), round(min(scores), 3),
        ],
    }  # fmt: skip


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--evaluate", "only", is_flag=True, help="Print the figures of the checkpoint in FOLDER.")
@click.option("--steps", default=700, show_default=True, help="Steps of training.")
def main(folder: Path, steps: int, *, only: bool) -> None:
    """Train the image check into FOLDER and print its figures."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    if not only:
        items = drawn(random.Random(SEED), _PICTURES)
        click.echo(f"{len(items)} pictures, cpu {time.process_time():.0f} s")
        model, processor = blank_model(folder)
        click.echo(f"{sum(each.numel() for each in model.parameters()):,} parameters")
        train(model, processor.tokenizer, items, steps)
        saving.save(model, processor, folder)
        click.echo(f"trained in {time.process_time():.0f} s of one core, {saving.size(folder):,} bytes")
    click.echo(json.dumps(evaluate(folder), indent=2))


if __name__ == "__main__":
    sys.exit(main())
