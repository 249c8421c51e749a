"""Photographs of skin: morphology and what it may be, as a draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from inference.ports import Picture, Prompt
from inference.tasks import form, judging, prompting, reading
from inference.tasks.evidence import Still
from inference.tasks.judging import Task
from inference.tasks.reading import Aids, Question
from mappers.domain.coding import Concept
from mappers.domain.findings import JudgedReport

__all__ = ["MOST_IMAGES", "TASK", "read"]

TASK: Final = Task(
    id="dermatology",
    version="1",
    title="Skin photographs, draft description",
    code=Concept(text="Skin photographs, draft description"),
    category=judging.OTHER,
)
SCHEMA: Final = form.schema()
MOST_IMAGES: Final = 6
_MAX_NEW_TOKENS: Final = 1000


def read(stills: Sequence[Still], aids: Aids) -> JudgedReport:
    """A draft description of photographs of one patient's skin.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """

    def prompt(pictures: tuple[Picture, ...]) -> Prompt:
        return (aids.prompt or prompting.shipped(__name__)).prompt(
            (*pictures, *prompting.background(aids.context.text)),
            schema=SCHEMA,
            max_new_tokens=_MAX_NEW_TOKENS,
        )

    question = Question(
        claim="skin photograph",
        prompt=prompt,
        said=lambda completion: form.said(completion, SCHEMA),
        judge=form.judged,
    )
    taken = tuple(stills[:MOST_IMAGES])
    return reading.read(TASK, taken, question, replace(aids, total=aids.total or len(stills)))
