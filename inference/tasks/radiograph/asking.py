"""What a model is asked about a radiograph, and its answer as it was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inference.ports import Completion, Picture, Prompt
from inference.tasks import answers, prompting
from inference.tasks.prompting import PromptFile

PRESENCES: Final = ("present", "absent", "uncertain")
SIDES: Final = ("left", "right", "both", "none")
#: What the question says of an image of which nobody says more.
STUDY: Final = "a radiograph"
_MAX_NEW_TOKENS: Final = 1000
_MOST_ITEMS: Final = 20

#: Bounded, so that no loop can break it: the words first, so that the list follows from them.
SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "findings": {"type": "string", "minLength": 1, "maxLength": 1500},
        "impression": {"type": "string", "minLength": 1, "maxLength": 600},
        "items": {
            "type": "array",
            "maxItems": _MOST_ITEMS,
            "items": {
                "type": "object",
                "properties": {
                    "finding": {"type": "string", "minLength": 1, "maxLength": 60},
                    "presence": {"enum": list(PRESENCES)},
                    "side": {"enum": list(SIDES)},
                },
                "required": ["finding", "presence", "side"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["findings", "impression", "items"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Item:
    """A finding as a model lists it."""

    finding: str
    presence: str
    side: str


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it was said; nothing of it is known to be true."""

    findings: str
    impression: str
    items: tuple[Item, ...]


def prompt(
    pictures: Sequence[Picture], *, study: str = STUDY, context: str = "", file: PromptFile | None = None
) -> Prompt:
    """The prompt about the images of one radiograph.

    Args:
        pictures: square, the images of one study in their order.
        study: what the image is, with its article: "a frontal radiograph of the chest".
        context: what the order and the chart say; material, never instructions.
        file: a site's prompt in the place of the shipped one.
    """
    chosen = file or prompting.shipped(__package__)
    return chosen.prompt(
        (*pictures, *([prompting.material(context)] if context.strip() else [])),
        values={"study": study},
        schema=SCHEMA,
        max_new_tokens=_MAX_NEW_TOKENS,
    )


def said(completion: Completion) -> Said:
    """Read an answer.

    Raises:
        OutputInvalid: it is cut off, empty, repeats itself, refuses, or does not fit the schema.
    """
    answer = answers.structured(completion, SCHEMA)
    return Said(
        answer["findings"].strip(),
        answer["impression"].strip(),
        tuple(Item(item["finding"].strip(), item["presence"], item["side"]) for item in answer["items"]),
    )
