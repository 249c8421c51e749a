"""Comparison with the prior: the earlier image, the current one, and what became of things, in words.

The published prompt gives prose: it becomes a section of the draft. None of it becomes coded findings.
"""

from __future__ import annotations

from typing import Final

from inference.ports import Picture, Prompt
from inference.tasks import answers, judging, prompting, reading
from inference.tasks.evidence import Still
from inference.tasks.judging import Judged, Task
from inference.tasks.prompting import PromptFile
from inference.tasks.reading import Aids, Question
from mappers.domain.coding import Concept
from mappers.domain.findings import JudgedReport

__all__ = ["TASK", "prompt", "read"]

TASK: Final = Task(
    id="comparison",
    version="1",
    title="Comparison with the prior, draft",
    code=Concept((judging.IMAGING,), "Comparison with the prior, draft"),
    category=judging.RADIOLOGY,
)
_MAX_NEW_TOKENS: Final = 600


def prompt(prior: Picture, current: Picture, *, context: str = "", file: PromptFile | None = None) -> Prompt:
    """The prompt: the prior, the current image, then the question."""
    chosen = file or prompting.shipped(__name__)
    return chosen.prompt((prior, current, *prompting.background(context)), max_new_tokens=_MAX_NEW_TOKENS)


def read(prior: Still, current: Still, aids: Aids) -> JudgedReport:
    """What changed between two images of the same patient and kind; the caller knows that they are.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """

    def asked(pictures: tuple[Picture, ...]) -> Prompt:
        earlier, now = pictures
        return prompt(earlier, now, context=aids.context.text, file=aids.prompt)

    question = Question(
        claim="chest radiograph",
        prompt=asked,
        said=answers.text,
        judge=lambda text: Judged(sections=(judging.section("comparison", "Comparison", text),)),
    )
    return reading.read(TASK, (prior, current), question, aids)
