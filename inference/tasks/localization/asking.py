"""What a model is asked about a place, and the boxes as it said them: published prompt, published output."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from inference.errors import OutputInvalid
from inference.ports import Completion, Picture, Prompt
from inference.tasks import answers, prompting
from inference.tasks.prompting import PromptFile

_MAX_NEW_TOKENS: Final = 1000
_FINAL: Final = "Final Answer:"
_MOST_BOXES: Final = 20
_MOST_LABEL: Final = 80
#: Coordinates run from 0 to this, over the square that the model was given.
GRID: Final = 1000


@dataclass(frozen=True, slots=True)
class Said:
    """A box as a model wrote it: y0, x0, y1, x1 on the grid of the square picture."""

    label: str
    box_2d: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of an answer that are boxes, and how many were none."""

    said: tuple[Said, ...]
    rejected: int


def prompt(picture: Picture, *, object_name: str, file: PromptFile | None = None) -> Prompt:
    """The prompt about one thing in one square picture. Its answer is text that reasons and ends in JSON."""
    chosen = file or prompting.shipped(__package__)
    return chosen.prompt((picture,), values={"object_name": object_name}, max_new_tokens=_MAX_NEW_TOKENS)


def boxes(completion: Completion) -> Boxes:
    """Read an answer; what is no box is rejected, never mended.

    Raises:
        OutputInvalid: it is cut off, empty, repeats itself, refuses, or ends in no list.
    """
    entries = _final(answers.text(completion))
    read = [_box(entry) for entry in entries]
    found = tuple(dict.fromkeys(box for box in read if box is not None))
    return Boxes(found, sum(box is None for box in read))


def _final(text: str) -> list[Any]:
    """The list behind the last "Final Answer:", fenced or not; without those words, the last fenced one."""
    _, marker, tail = text.rpartition(_FINAL)
    where = tail if marker else text.rpartition("```json")[2]
    start = where.find("[")
    if start < 0:
        raise OutputInvalid("the answer ends in no list of boxes")
    try:
        answer, _ = json.JSONDecoder().raw_decode(where[start:])
    except (json.JSONDecodeError, RecursionError):
        raise OutputInvalid("the answer ends in no list of boxes") from None
    if not isinstance(answer, list) or len(answer) > _MOST_BOXES:
        raise OutputInvalid(f"the answer ends in no list of at most {_MOST_BOXES} boxes")
    return answer


def _box(entry: Any) -> Said | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        return None
    label, edges = entry["label"].strip(), entry.get("box_2d")
    if not label or len(label) > _MOST_LABEL or not isinstance(edges, list) or len(edges) != 4:  # noqa: PLR2004
        return None
    if any(isinstance(edge, bool) or not isinstance(edge, int | float) for edge in edges):
        return None
    y0, x0, y1, x1 = edges
    if not (0 <= y0 < y1 <= GRID and 0 <= x0 < x1 <= GRID):
        return None
    return Said(label, (y0, x0, y1, x1))
