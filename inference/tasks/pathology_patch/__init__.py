"""Patches of a pathology slide: one line of description, asked as it was published.

The published order is text first, then the patches without labels. The answer is prose and stays prose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from inference.ports import Picture, Prompt
from inference.tasks import answers, judging, prompting, reading
from inference.tasks.evidence import Still
from inference.tasks.judging import Judged, Task
from inference.tasks.prompting import PromptFile
from inference.tasks.reading import Aids, Question
from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.findings import JudgedReport

__all__ = ["MOST_PATCHES", "TASK", "prompt", "read"]

TASK: Final = Task(
    id="pathology_patch",
    version="1",
    title="Pathology patches, draft description",
    code=Concept((Coding("11526-1", LOINC, "Pathology study"),), "Pathology patches, draft description"),
    category=judging.PATHOLOGY,
)
#: More patches are the business of a whole slide; 125 is the most that the model was shown at once.
MOST_PATCHES: Final = 125
_MAX_NEW_TOKENS: Final = 500


def prompt(pictures: Sequence[Picture], *, specimen: str, file: PromptFile | None = None) -> Prompt:
    """The prompt: the text, then the patches, as published.

    Args:
        pictures: the patches in their order on the slide.
        specimen: tissue and procedure, "colon, biopsy"; "" when not said.
        file: a site's prompt in the place of the shipped one.
    """
    chosen = file or prompting.shipped(__name__)
    values = {"specimen": f"{specimen}:" if specimen else "not said:"}
    return chosen.prompt(pictures, values=values, max_new_tokens=_MAX_NEW_TOKENS, question_first=True)


def read(stills: Sequence[Still], aids: Aids, *, specimen: str = "") -> JudgedReport:
    """A draft description of patches of one slide.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    taken = tuple(stills[:MOST_PATCHES])
    question = Question(
        claim="histopathology" if len(taken) == 1 else "",
        prompt=lambda pictures: prompt(pictures, specimen=specimen, file=aids.prompt),
        said=answers.text,
        judge=lambda text: Judged(sections=(judging.section("findings", "Description", text),)),
    )
    return reading.read(TASK, taken, question, replace(aids, total=aids.total or len(stills)))
