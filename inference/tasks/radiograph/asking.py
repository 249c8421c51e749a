"""What a model is asked about a radiograph, and its answer as it was said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inference.ports import Completion, Picture, Prompt
from inference.tasks import form, prompting
from inference.tasks.form import Said
from inference.tasks.prompting import PromptFile

#: What the question says of an image of which nobody says more.
STUDY: Final = "a radiograph"
SCHEMA: Final = form.schema()
_MAX_NEW_TOKENS: Final = 1000


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
        (*pictures, *prompting.background(context)),
        values={"study": study},
        schema=SCHEMA,
        max_new_tokens=_MAX_NEW_TOKENS,
    )


def said(completion: Completion) -> Said:
    """Read an answer.

    Raises:
        OutputInvalid: it is cut off, empty, repeats itself, refuses, or does not fit the schema.
    """
    return form.said(completion, SCHEMA)
