"""Trains the demonstration's reader: MedGemma's classes, a few thousandths of its size, drawn chests only.

    python -m inference.demo.training.medgemma OUT
    python -m inference.demo.training.medgemma OUT --evaluate

It learns to answer two prompts of Wardwire, as they stand in the tasks: the reading of a radiograph, and
where something is. Its answers are closed: opacity in the left lung, in the right, in none; the boxes of four
things. First the vision tower learns what is in a picture, with a head that is thrown away; then the language
model learns to say it. Repeats itself on one machine with the same libraries, not bit by bit on another.
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
_CHESTS: Final = 4500
_OTHERS: Final = 500
_WIDTH: Final = 128
_TOKENS: Final = 16
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


def teach_seeing(model: Gemma3ForConditionalGeneration, items: Sequence[Lesson], steps: int) -> None:
    """Train vision tower and projector by kind, side and boxes."""
    dice = random.Random(SEED + 3)
    outputs = len(_KINDS) + len(_SIDES) + 4 * len(STRUCTURES)
    head = torch.nn.Sequential(
        torch.nn.Linear(_TOKENS * _WIDTH, 256), torch.nn.GELU(), torch.nn.Linear(256, outputs)
    )
    parts = [*model.model.vision_tower.parameters(), *model.model.multi_modal_projector.parameters()]
    optimizer = torch.optim.AdamW([*parts, *head.parameters()], weight_decay=0.05)
    model.train()
    for step, batch in zip(range(steps), batches(items, dice, 32), strict=False):
        schedule(optimizer, 1e-3, step / steps)
        pixels, moved = pixels_of(batch, dice)
        seen = model.model.multi_modal_projector(
            model.model.vision_tower(pixel_values=pixels).last_hidden_state
        )
        loss, right = _seen_well(head(seen.flatten(1)), moved)
        _descend(optimizer, loss, parts)
        if step % 50 == 49:
            told = f"seeing {step + 1} loss {loss.item():.3f} side {right:.2f}"
            click.echo(f"{told} cpu {time.process_time():.0f} s")


def _seen_well(said: torch.Tensor, shown: Sequence[Lesson]) -> tuple[torch.Tensor, float]:
    """The loss of the head that is thrown away, and the share of chests whose side it has right."""
    kind, side, boxes = said.split((len(_KINDS), len(_SIDES), 4 * len(STRUCTURES)), dim=1)
    is_chest = torch.tensor([each.kind == "chest" for each in shown])
    loss = functional.cross_entropy(kind, torch.tensor([_KINDS.index(each.kind) for each in shown]))
    truth = torch.tensor([_SIDES.index(each.side) for each in shown])
    loss = loss + functional.cross_entropy(side[is_chest], truth[is_chest])
    there = torch.tensor([[name in each.boxes for name in STRUCTURES] for each in shown])
    edges = torch.tensor([[each.boxes.get(name, (0.0,) * 4) for name in STRUCTURES] for each in shown])
    loss = loss + 8 * functional.l1_loss(boxes.view(-1, len(STRUCTURES), 4)[there], edges[there])
    return loss, float((side.argmax(1) == truth)[is_chest].float().mean())


def teach_saying(
    model: Gemma3ForConditionalGeneration, processor: Gemma3Processor, items: Sequence[Lesson], steps: int
) -> None:
    """Train language model and projector on prompts and answers; the vision tower stays as it is."""
    dice = random.Random(SEED + 4)
    core = model.model
    parts = [*core.language_model.parameters(), *core.multi_modal_projector.parameters()]
    optimizer = torch.optim.AdamW(parts, betas=(0.9, 0.98), weight_decay=0.01)
    model.train()
    for step, batch in zip(range(steps), batches(items, dice, 16), strict=False):
        share = step / steps
        schedule(optimizer, 2e-3, share)
        pixels, moved = pixels_of(batch, dice)
        ids, answers = exercise(moved, processor, dice, gaps=0.9 if share < 0.75 else 0.0)
        with torch.no_grad():
            seen = core.vision_tower(pixel_values=pixels).last_hidden_state
        picture = ids == model.config.image_token_id
        embedded = core.get_input_embeddings()(torch.where(picture, 0, ids))
        embedded = embedded.masked_scatter(picture.unsqueeze(-1), core.multi_modal_projector(seen))
        hidden = core(
            inputs_embeds=embedded, attention_mask=(ids != 0).long(), token_type_ids=picture.long()
        ).last_hidden_state
        wanted = answers[:, 1:] >= 0
        logits = model.lm_head(hidden[:, :-1][wanted])
        loss = functional.cross_entropy(logits, answers[:, 1:][wanted])
        _descend(optimizer, loss, parts)
        if step % 25 == 24:
            click.echo(f"saying {step + 1} loss {loss.item():.3f} cpu {time.process_time():.0f} s")
    model.eval()


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
        kept = _with_gaps(after, dice, gaps * dice.random())
        asked = words(before + picture + kept, add_special_tokens=False).input_ids
        rows.append((asked, words(f"{answer}<end_of_turn>", add_special_tokens=False).input_ids))
    longest = max(len(asked) + len(answer) for asked, answer in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    learnt = torch.full((len(rows), longest), -100)
    for row, (asked, answer) in enumerate(rows):
        ids[row, : len(asked) + len(answer)] = torch.tensor(asked + answer)
        learnt[row, len(asked) : len(asked) + len(answer)] = torch.tensor(answer)
    return ids, learnt


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
@click.option("--seeing", default=1000, show_default=True, help="Steps of the vision tower.")
@click.option("--saying", default=800, show_default=True, help="Steps of the language model.")
def main(folder: Path, seeing: int, saying: int, *, only: bool) -> None:
    """Train the reader into FOLDER and print its figures."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    if not only:
        items = lessons(random.Random(SEED), _CHESTS, _OTHERS)
        click.echo(f"{len(items)} pictures, cpu {time.process_time():.0f} s")
        model, processor = blank_model()
        click.echo(f"{sum(each.numel() for each in model.parameters()):,} parameters")
        teach_seeing(model, items, seeing)
        teach_saying(model, processor, items, saying)
        saving.save(model, processor, folder)
        click.echo(f"trained in {time.process_time():.0f} s of one core, {saving.size(folder):,} bytes")
    click.echo(json.dumps(evaluate(folder), indent=2))


if __name__ == "__main__":
    sys.exit(main())
