"""The radiograph task: a draft report of one study, and its findings as a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from inference.guards import image_claim
from inference.ports import Picture, Prompt
from inference.tasks import evidence, form, judging, reading
from inference.tasks.evidence import Still
from inference.tasks.judging import Task
from inference.tasks.radiograph import asking
from inference.tasks.reading import Aids, Question
from mappers.domain.coding import Concept
from mappers.domain.findings import JudgedReport

TASK: Final = Task(
    id="radiograph",
    version="1",
    title="Radiograph, draft reading",
    code=Concept((judging.IMAGING,), "Radiograph, draft reading"),
    category=judging.RADIOLOGY,
)
#: Views of one study; more of them are more than a small model keeps apart.
MOST_IMAGES: Final = 4


def read(stills: Sequence[Still], aids: Aids) -> JudgedReport:
    """A draft report of the images of one study.

    Args:
        stills: the views of the study, at most MOST_IMAGES of which are read.
        aids: model, image check, context, prompt.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    taken = tuple(stills[:MOST_IMAGES])
    parts = {still.body_part for still in taken}

    def prompt(pictures: tuple[Picture, ...]) -> Prompt:
        study = evidence.described(taken)
        return asking.prompt(pictures, study=study, context=aids.context.text, file=aids.prompt)

    question = Question(
        claim=image_claim.radiograph_claim(parts.pop()) if len(parts) == 1 else "",
        prompt=prompt,
        said=asking.said,
        judge=form.judged,
    )
    return reading.read(TASK, taken, question, replace(aids, total=aids.total or len(stills)))
