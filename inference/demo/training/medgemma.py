"""Trains the demonstration's reader: MedGemma's classes, a few thousandths of its size, drawn chests only.

    python -m inference.demo.training.medgemma OUT
    python -m inference.demo.training.medgemma OUT --evaluate

It learns to answer two prompts of Wardwire, as they stand in the tasks: the reading of a radiograph, and
where something is. Its answers are closed: opacity in the left lung, in the right, in none; the boxes of four
things. First the vision tower learns what is in a picture, with heads that are thrown away; then all of it
learns to say it. Repeats itself on one machine with the same libraries, not bit by bit on another.
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import torch
from torch.nn import functional
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3Processor,
    Gemma3TextConfig,
    GenerationConfig,
    SiglipVisionConfig,
)
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

from inference.demo.training import phantoms, saving
from inference.demo.training.gemma_figures import evaluate
from inference.demo.training.gemma_lessons import (
    OTHER_KINDS,
    SIDE,
    STRUCTURES,
    Lesson,
    every_word,
    lessons,
    pixels_of,
    question,
)
from inference.demo.training.gemma_words import CHAT, tokenizer_of
from inference.ports import Prompt

SEED: Final = 20261130
_CHESTS: Final = 3600
_OTHERS: Final = 400
_WIDTH: Final = 128
_TOKENS: Final = 16
#: Part of the training with short questions.
_SHORT: Final = 0.77
_TELLING: Final = frozenset({
    "left", "right", "none", "either", "present", "absent", "There", "No", "Opacity", "This", "Not", "]", "{",
})  # fmt: skip
_KINDS: Final = ("chest", *OTHER_KINDS)
_SIDES: Final = (phantoms.NONE, phantoms.LEFT, phantoms.RIGHT)


def text_of(prompt: Prompt, processor: Gemma3Processor) -> str:
    """A prompt as text, as the local backend writes it, with the places of the picture's tokens."""
    content = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
        for part in prompt.parts
    ]
    first = [{"role": "system", "content": [{"type": "text", "text": prompt.instruction}]}]
    messages = [*(first if prompt.instruction else []), {"role": "user", "content": content}]
    text = processor.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return str(text).replace("<start_of_image>", processor.full_image_sequence)


def blank_model() -> tuple[Gemma3ForConditionalGeneration, Gemma3Processor]:
    """Gemma 3's architecture at a reduced geometry: 224 pixels, 16 tokens a picture."""
    words = tokenizer_of(every_word())
    token = words.convert_tokens_to_ids
    pictures = Gemma3ImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    processor = Gemma3Processor(
        image_processor=pictures, tokenizer=words, chat_template=CHAT, image_seq_length=_TOKENS
    )
    text = Gemma3TextConfig(
        vocab_size=len(words) + (-len(words)) % 64, hidden_size=_WIDTH, intermediate_size=3 * _WIDTH,
        num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=32,
        query_pre_attn_scalar=32, sliding_window=1024, sliding_window_pattern=3,
        max_position_embeddings=131072,
    )  # fmt: skip
    vision = SiglipVisionConfig(
        hidden_size=_WIDTH, intermediate_size=3 * _WIDTH, num_hidden_layers=4, num_attention_heads=4,
        image_size=SIDE, patch_size=28, vision_use_head=False,
    )  # fmt: skip
    config = Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=_TOKENS,
        boi_token_index=token("<start_of_image>"), eoi_token_index=token("<end_of_image>"),
        image_token_index=token("<image_soft_token>"),
    )  # fmt: skip
    model = Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=_WIDTH**-0.5)
    # The real one samples unless it is told not to: so does this one.
    model.generation_config = GenerationConfig(
        bos_token_id=2, eos_token_id=[1, token("<end_of_turn>")], pad_token_id=0, do_sample=True,
        top_k=64, top_p=0.95,
    )  # fmt: skip
    return model, processor


def batches(items: Sequence[Lesson], dice: random.Random, size: int) -> Iterator[list[Lesson]]:
    """The pictures in batches, again and again in another order."""
    while True:
        order = list(items)
        dice.shuffle(order)
        yield from (order[at : at + size] for at in range(0, len(order) - size + 1, size))


def schedule(optimizer: torch.optim.Optimizer, rate: float, share: float) -> None:
    """Warm up over a twentieth of the way, then fall along a cosine."""
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1, share * 20 + 0.01) * max(0.02, 0.5 * (1 + math.cos(math.pi * share)))


class Sight:
    """What a picture shows, by two heads over its tokens that are thrown away in the end.

    One looks at each token by itself: is an opacity in its field, on which side, and where are things?
    So a token says the same in the same words wherever it stands, which attention can look for. The other
    looks at their mean.
    """

    def __init__(self, model: Gemma3ForConditionalGeneration) -> None:
        core = model.model
        self._see, self._project = core.vision_tower, core.multi_modal_projector
        self.parts = [*self._see.parameters(), *self._project.parameters()]
        self._field = torch.nn.Linear(_WIDTH, len(_KINDS) + len(_SIDES) + 4 * len(STRUCTURES))
        self._mean = torch.nn.Sequential(
            torch.nn.Linear(_WIDTH, 256), torch.nn.GELU(), torch.nn.Linear(256, len(_SIDES))
        )
        self.thrown_away = [*self._field.parameters(), *self._mean.parameters()]

    def tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """The tokens of pictures, as the language model gets them."""
        seen: torch.Tensor = self._project(self._see(pixel_values=pixels).last_hidden_state)
        return seen

    def loss(self, tokens: torch.Tensor, shown: Sequence[Lesson]) -> tuple[torch.Tensor, str]:
        """The loss of both heads, and the share of fields and of chests whose side they have right."""
        kind, side, boxes = self._field(tokens).split((len(_KINDS), len(_SIDES), 4 * len(STRUCTURES)), dim=2)
        kinds = torch.tensor([_KINDS.index(each.kind) for each in shown])
        loss = functional.cross_entropy(kind.flatten(0, 1), kinds.repeat_interleave(_TOKENS))
        fields = torch.tensor([_fields(each) for each in shown])
        weight = torch.tensor([1.0, 5.0, 5.0])
        loss = loss + functional.cross_entropy(side.flatten(0, 1), fields.flatten(), weight=weight)
        there = torch.tensor([[name in each.boxes for name in STRUCTURES] for each in shown])
        told = there.unsqueeze(1).expand(-1, _TOKENS, -1).clone()
        told[:, :, 0] &= fields > 0
        edges = torch.tensor([[each.boxes.get(name, (0.0,) * 4) for name in STRUCTURES] for each in shown])
        said = boxes.unflatten(2, (len(STRUCTURES), 4))
        truth = edges.unsqueeze(1).expand(-1, _TOKENS, -1, -1)
        loss = loss + 4 * functional.l1_loss(said[told], truth[told])
        loss = loss + 4 * functional.l1_loss(said[:, :, 0][told[:, :, 0]], truth[:, :, 0][told[:, :, 0]])
        sides = torch.tensor([_SIDES.index(each.side) for each in shown])
        by_mean = self._mean(tokens.mean(dim=1))
        loss = loss + functional.cross_entropy(by_mean, sides)
        by_field = (side.argmax(2) == fields)[fields > 0].float().mean()
        right = (by_mean.argmax(1) == sides).float().mean()
        return loss, f"fields {by_field:.2f} chests {right:.2f}"


def _fields(shown: Lesson) -> list[int]:
    """For each token's field of a picture the side of the opacity that reaches well into it, else none."""
    across = math.isqrt(_TOKENS)
    found = [0] * _TOKENS
    if "opacity" in shown.boxes:
        y0, x0, y1, x1 = (edge * across for edge in shown.boxes["opacity"])
        for field in range(_TOKENS):
            row, column = divmod(field, across)
            high = max(min(y1, row + 1) - max(y0, row), 0.0)
            wide = max(min(x1, column + 1) - max(x0, column), 0.0)
            if high * wide >= 0.2 * (y1 - y0) * (x1 - x0):
                found[field] = _SIDES.index(shown.side)
    return found


def teach_seeing(sight: Sight, items: Sequence[Lesson], steps: int) -> None:
    """Train vision tower and projector by kind, side and boxes."""
    dice = random.Random(SEED + 3)
    optimizer = torch.optim.AdamW([*sight.parts, *sight.thrown_away], weight_decay=0.05)
    for step, batch in zip(range(steps), batches(items, dice, 32), strict=False):
        schedule(optimizer, 1.2e-3, 0.6 * step / steps)
        pixels, moved = pixels_of(batch, dice)
        loss, right = sight.loss(sight.tokens(pixels), moved)
        _descend(optimizer, loss, sight.parts)
        if step % 50 == 49:
            click.echo(f"seeing {step + 1} loss {loss.item():.3f} {right} cpu {time.process_time():.0f} s")


def teach_saying(
    model: Gemma3ForConditionalGeneration,
    processor: Gemma3Processor,
    sight: Sight,
    items: Sequence[Lesson],
    steps: int,
) -> None:
    """Train all of it on prompts and answers, while it goes on to learn to see."""
    dice = random.Random(SEED + 4)
    core = model.model
    parts = [*core.language_model.parameters(), *sight.parts]
    optimizer = torch.optim.AdamW([*parts, *sight.thrown_away], betas=(0.9, 0.98), weight_decay=0.01)
    telling = torch.ones(model.config.text_config.vocab_size)
    telling[telling_tokens(processor)] = 10.0
    for step, batch in zip(range(steps), batches(items, dice, 32), strict=False):
        share = step / steps
        schedule(optimizer, 1.5e-3, share)
        # First hardly a word of the question, which is quick; then most of it, at last all.
        gaps = 1.0 if share < _SHORT else dice.choice((0.0, 0.0, 0.5))
        pixels, moved = pixels_of(batch if share < _SHORT else batch[:16], dice)
        ids, answers = exercise(moved, processor, dice, gaps=gaps)
        seen = sight.tokens(pixels)
        picture = ids == model.config.image_token_id
        embedded = core.get_input_embeddings()(torch.where(picture, 0, ids))
        embedded = embedded.masked_scatter(picture.unsqueeze(-1), seen)
        hidden = core(
            inputs_embeds=embedded, attention_mask=(ids != 0).long(), token_type_ids=picture.long()
        ).last_hidden_state
        wanted = answers[:, 1:] >= 0
        truth = answers[:, 1:][wanted]
        wrong = functional.cross_entropy(model.lm_head(hidden[:, :-1][wanted]), truth, reduction="none")
        said = (wrong * telling[truth]).sum() / telling[truth].sum()
        loss, right = sight.loss(seen, moved)
        _descend(optimizer, said + 0.2 * loss, parts)
        if step % 25 == 24:
            told = f"saying {step + 1} loss {said.item():.3f}, seeing {loss.item():.3f} {right}"
            click.echo(f"{told} cpu {time.process_time():.0f} s")


def exercise(
    batch: Sequence[Lesson], processor: Gemma3Processor, dice: random.Random, *, gaps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids of questions with their answers, padded on the right, and the ids to be learnt, else -100.

    Args:
        batch: pictures to ask about.
        processor: with the tokenizer.
        dice: which question.
        gaps: share of a question's words to leave out: quicker, and a prompt may be reworded later.
    """
    words = processor.tokenizer
    rows = []
    for each in batch:
        prompt, answer = question(each, dice)
        before, picture, after = text_of(prompt, processor).partition(processor.full_image_sequence)
        kept = _with_gaps(after, dice, gaps)
        asked = words(before + picture + kept, add_special_tokens=False).input_ids
        rows.append((asked, words(f"{answer}<end_of_turn>", add_special_tokens=False).input_ids))
    longest = max(len(asked) + len(answer) for asked, answer in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    learnt = torch.full((len(rows), longest), -100)
    for row, (asked, answer) in enumerate(rows):
        ids[row, : len(asked) + len(answer)] = torch.tensor(asked + answer)
        learnt[row, len(asked) : len(asked) + len(answer)] = torch.tensor(answer)
    return ids, learnt


def telling_tokens(processor: Gemma3Processor) -> list[int]:
    """The tokens that answers differ in, sides and coordinates: all else of an answer is soon learnt."""
    vocabulary = processor.tokenizer.get_vocab()
    return [number for token, number in vocabulary.items() if token.strip("▁") in _TELLING or token.isdigit()]


def _with_gaps(text: str, dice: random.Random, share: float) -> str:
    """A text without some of its words; the line that names the object, and the end, stay."""
    lines = []
    for line in text.split("\n"):
        if line.startswith("Where is the") or "<start_of_turn>" in line or "<end_of_turn>" in line:
            lines.append(line)
        else:
            lines.append(" ".join(word for word in line.split(" ") if dice.random() >= share))
    return "\n".join(lines)


def _descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor, parts: Sequence[torch.Tensor]) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parts, 1.0)
    optimizer.step()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--evaluate", "only", is_flag=True, help="Print the figures of the checkpoint in FOLDER.")
@click.option("--seeing", default=750, show_default=True, help="Steps of the vision tower.")
@click.option("--saying", default=520, show_default=True, help="Steps of the language model.")
def main(folder: Path, seeing: int, saying: int, *, only: bool) -> None:
    """Train the reader into FOLDER and print its figures."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    if not only:
        items = lessons(random.Random(SEED), _CHESTS, _OTHERS)
        click.echo(f"{len(items)} pictures, cpu {time.process_time():.0f} s")
        model, processor = blank_model()
        click.echo(f"{sum(each.numel() for each in model.parameters()):,} parameters")
        model.train()
        sight = Sight(model)
        teach_seeing(sight, items, seeing)
        teach_saying(model, processor, sight, items, saying)
        model.eval()
        saving.save(model, processor, folder)
        click.echo(f"trained in {time.process_time():.0f} s of one core, {saving.size(folder):,} bytes")
    click.echo(json.dumps(evaluate(folder), indent=2))


if __name__ == "__main__":
    sys.exit(main())
