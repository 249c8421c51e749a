"""What a model is asked about a written report, and its answer as it was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inference.ports import Completion, Prompt
from inference.tasks import answers, form, prompting
from inference.tasks.prompting import PromptFile

_MOST: Final = 40
_MAX_NEW_TOKENS: Final = 3000
SCHEMA: Final = form.closed(
    {
        "findings": {
            "type": "array",
            "maxItems": _MOST,
            "items": form.closed(
                {
                    "quote": {"type": "string", "minLength": 1, "maxLength": 300},
                    "finding": {"type": "string", "minLength": 1, "maxLength": 60},
                    "presence": {"enum": list(form.PRESENCES)},
                    "side": {"enum": list(form.SIDES)},
                }
            ),
        }
    }
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A finding that a model says a report states; nothing of it is known to be true."""

    quote: str
    finding: str
    presence: str
    side: str


def prompt(text: str, *, file: PromptFile | None = None) -> Prompt:
    """The prompt about one report."""
    return (file or prompting.shipped(__package__)).prompt(
        (prompting.material(text),), schema=SCHEMA, max_new_tokens=_MAX_NEW_TOKENS
    )


def claims(completion: Completion) -> tuple[Claim, ...]:
    """Read an answer.

    Raises:
        OutputInvalid: it is cut off, empty, repeats itself, refuses, or does not fit the schema.
    """
    return tuple(Claim(**item) for item in answers.structured(completion, SCHEMA)["findings"])
