"""The figures of the reader's card: the saved checkpoint by the local backend, on phantoms it never saw."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from inference.backends.local import LocalGenerator, LocalModel
from inference.demo.training import phantoms
from inference.demo.training.gemma_lessons import STRUCTURES, STUDIES
from inference.demo.training.pictures import framed, png_of
from inference.errors import OutputInvalid
from inference.ports import Picture, TextGenerator
from inference.tasks.localization import asking as localization
from inference.tasks.radiograph import asking as radiograph

_SEED: Final = 20261135


@dataclass(frozen=True, slots=True)
class Answered:
    """One phantom and what the model said of it.

    Attributes:
        side: of its opacity.
        said: sides of the opacities that the model reports; None when its answer could not be read.
        overlaps: of the box of each thing that is there, 0 where the model shows none; by name.
        invented: whether it shows a box of an opacity where there is none.
    """

    side: str
    said: tuple[str, ...] | None
    overlaps: dict[str, float]
    invented: bool

    @property
    def right(self) -> bool:
        """Whether it reports the opacity on its side, or none where there is none."""
        return self.said == (() if self.side == phantoms.NONE else (self.side,))


def evaluate(folder: Path, count: int = 120) -> dict[str, Any]:
    """The figures of a checkpoint."""
    generator = LocalGenerator(LocalModel(model=str(folder)))
    generator.start()
    answered = list(answers(generator, count))
    none = [each for each in answered if each.side == phantoms.NONE]
    sides = {side: [each for each in answered if each.side == side] for side in ("none", "left", "right")}
    return {
        "phantoms": count,
        "readings that could not be read": sum(each.said is None for each in answered),
        "opacity and its side right": round(sum(each.right for each in answered) / count, 3),
        **{
            f"right where the opacity is {side}": f"{sum(one.right for one in each)}/{len(each)}"
            for side, each in sides.items()
        },
        **{
            f"mean overlap (IoU) of the box, {name}": round(
                float(np.mean([each.overlaps[name] for each in answered if name in each.overlaps])), 3
            )
            for name in STRUCTURES
        },
        "a box of an opacity that is not there": f"{sum(each.invented for each in none)}/{len(none)}",
    }


def answers(generator: TextGenerator, count: int) -> Iterator[Answered]:
    """What a model says of unseen phantoms of any shape."""
    dice = random.Random(_SEED)
    for _ in range(count):
        phantom = phantoms.chest(dice, dice.randint(220, 600), dice.randint(220, 600))
        square, boxes = framed(phantom)
        picture = Picture(png_of(square))
        said = {name: _box(generator, picture, name) for name in STRUCTURES}
        there = {name: overlap(said[name], box) for name, box in boxes.items()}
        invented = "opacity" not in boxes and said["opacity"] is not None
        yield Answered(phantom.side, _sides(generator, picture), there, invented)


def _sides(generator: TextGenerator, picture: Picture) -> tuple[str, ...] | None:
    try:
        said = radiograph.said(generator.generate(radiograph.prompt([picture], study=STUDIES[1])))
    except OutputInvalid:
        return None
    return tuple(item.side for item in said.items if item.presence == "present")


def _box(generator: TextGenerator, picture: Picture, name: str) -> tuple[float, ...] | None:
    try:
        found = localization.boxes(generator.generate(localization.prompt(picture, object_name=name)))
    except OutputInvalid:
        return None
    return found.said[0].box_2d if found.said else None


def overlap(said: Sequence[float] | None, true: Sequence[float]) -> float:
    """Intersection over union of a box on the grid of a thousand and one from 0 to 1; 0 for no box."""
    if said is None:
        return 0.0
    a, b = [edge / localization.GRID for edge in said], list(true)
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(height, 0) * max(width, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)
