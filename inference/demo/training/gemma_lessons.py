"""What the demonstration's reader is taught: drawn pictures, the product's own questions, closed answers."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from PIL import Image

from inference.demo.training import phantoms
from inference.demo.training.pictures import framed
from inference.ports import Picture, Prompt
from inference.tasks.localization import asking as localization
from inference.tasks.radiograph import asking as radiograph

#: Of the square picture that the model sees.
SIDE: Final = 224
#: Coordinates are said in steps of this, each a single token.
_STEP: Final = 20
STRUCTURES: Final = ("opacity", "left lung", "right lung", "heart")
OTHER_KINDS: Final = ("lateral", "knee", "hand", "ct")
STUDIES: Final = (
    "a radiograph", "a frontal radiograph of the chest", "a radiograph of the chest",
    "a frontal (PA) radiograph of the chest", "a frontal (AP) radiograph of the chest",
)  # fmt: skip
_CONTEXTS: Final = (
    "", "", "", "Reason for the study: cough", "Reason for the study: fever and shortness of breath",
    "Patient: 63 years, female\nReason for the study: pneumonia?",
    "Patient: 48 years, male\nReason for the study: Chest pain\nHistory: Smoker. Cough for two weeks.",
    "History: Known heart failure\nResults: CRP 120 mg/L",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lesson:
    """A square picture of the model's size, and what is true of it: boxes from 0 to 1 as y0, x0, y1, x1."""

    pixels: torch.Tensor
    kind: str
    side: str
    boxes: Mapping[str, tuple[float, float, float, float]]


def lessons(dice: random.Random, chests: int, others: int) -> list[Lesson]:
    """Drawn pictures of any shape, padded and resized as Wardwire does it."""
    drawn = []
    for index in range(chests + others):
        width, height = dice.randint(150, 240), dice.randint(150, 240)
        draw = phantoms.chest if index < chests else phantoms.KINDS[dice.choice(OTHER_KINDS)]
        drawn.append(lesson(draw(dice, width, height), white=dice.random() < 0.2))
    return drawn


def lesson(phantom: phantoms.Phantom, *, white: bool = False) -> Lesson:
    """A phantom as the model sees it."""
    square, boxes = framed(phantom, white=white)
    small = square.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return Lesson(torch.from_numpy(np.array(small)), phantom.kind, phantom.side, boxes)


def pixels_of(batch: Sequence[Lesson], dice: random.Random) -> tuple[torch.Tensor, list[Lesson]]:
    """Pictures as the processor gives them, each moved a little and lit another way; boxes move along."""
    planes, moved = [], []
    for each in batch:
        right, down = dice.randint(-10, 10), dice.randint(-10, 10)
        plane = torch.roll(each.pixels, (down, right), (0, 1)).float() / 255
        plane = plane * dice.uniform(0.85, 1.0) + dice.uniform(0, 0.08)
        planes.append((plane.clamp(0, 1) * 2 - 1).expand(3, SIDE, SIDE))
        by = (down / SIDE, right / SIDE)
        boxes = {
            name: tuple(min(max(edge + by[axis % 2], 0.0), 1.0) for axis, edge in enumerate(box))
            for name, box in each.boxes.items()
        }
        moved.append(Lesson(each.pixels, each.kind, each.side, boxes))  # type: ignore[arg-type]
    return torch.stack(planes), moved


def reading_answer(kind: str, side: str) -> str:
    """What the model is taught to answer to the prompt of a radiograph."""
    if kind != "chest":
        words = ("This is no frontal chest: a demonstration model reads nothing else.", "Not read.")
        items = []
    elif side == phantoms.NONE:
        words = ("No opacity is seen in either lung.", "No opacity.")
        items = [{"finding": "opacity", "presence": "absent", "side": "none"}]
    else:
        words = (f"There is an opacity in the {side} lung.", f"Opacity in the {side} lung.")
        items = [{"finding": "opacity", "presence": "present", "side": side}]
    form = {"findings": words[0], "impression": words[1], "items": items}
    # As the grammar of the local backend has it: no blanks between keys and values.
    return json.dumps(form, separators=(",", ":"))


def asked_objects(side: str) -> tuple[str, ...]:
    """Names that one side of an opacity goes by in a question; a side of none goes by its bare name."""
    if side == phantoms.NONE:
        return ("opacity",)
    return (f"{side} opacity", f"opacity on the {side}", f"opacity in the {side} lung", f"opacity, {side}")


def place_answer(name: str, box: Sequence[float] | None) -> str:
    """What the model is taught to answer to the prompt of a place; an empty list for what is not there."""
    found = (
        []
        if box is None
        else [{"box_2d": [round(edge * 1000 / _STEP) * _STEP for edge in box], "label": name}]
    )
    return f"Final Answer: ```json{json.dumps(found)}```"


def question(each: Lesson, dice: random.Random) -> tuple[Prompt, str]:
    """One of the prompts about a picture, and its answer."""
    nothing = Picture(b"")
    if each.kind != "chest" or dice.random() < 0.45:
        asked = radiograph.prompt([nothing], study=dice.choice(STUDIES), context=dice.choice(_CONTEXTS))
        return asked, reading_answer(each.kind, each.side)
    if dice.random() < 0.35:
        name = dice.choice(STRUCTURES[1:])
        return localization.prompt(nothing, object_name=name), place_answer(name, each.boxes.get(name))
    side = each.side if dice.random() < 0.75 else dice.choice((phantoms.NONE, phantoms.LEFT, phantoms.RIGHT))
    name = dice.choice((*asked_objects(side), "opacity"))
    there = each.side != phantoms.NONE and (name == "opacity" or side == each.side)
    box = each.boxes.get("opacity") if there else None
    return localization.prompt(nothing, object_name=name), place_answer(name, box)


def every_word() -> list[str]:
    """All that the model ever reads or says, for its vocabulary."""
    nothing = Picture(b"")
    names = [
        *STRUCTURES,
        *(name for side in (phantoms.LEFT, phantoms.RIGHT) for name in asked_objects(side)),
    ]
    prompts = [radiograph.prompt([nothing], study=study, context="\n".join(_CONTEXTS)) for study in STUDIES]
    prompts += [localization.prompt(nothing, object_name=name) for name in names]
    texts = [prompt.instruction for prompt in prompts]
    texts += [part for prompt in prompts for part in prompt.parts if isinstance(part, str)]
    texts += [reading_answer(kind, side) for kind in ("chest", "knee") for side in ("none", "left", "right")]
    return [
        "user",
        "model",
        *texts,
        *(place_answer("heart", (step / 1000,) * 4) for step in range(0, 1001, _STEP)),
    ]
