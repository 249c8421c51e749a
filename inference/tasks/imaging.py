"""The tasks over pictures by their ids, so that whoever selected one need not know its form.

| task | reads |
|---|---|
| radiograph | the views of one study, then boxes of what it found in the first of them |
| comparison | the same, and what changed since the prior |
| localization | where a named thing is in the first picture |
| dermatology, pathology_patch | the pictures |
| fundus | the first picture, of one eye |
| question | the pictures, about what is asked |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from inference import selection
from inference.errors import BackendMisconfigured
from inference.tasks import (
    comparison,
    dermatology,
    fundus,
    judging,
    localization,
    pathology_patch,
    question,
    radiograph,
)
from inference.tasks.evidence import Still
from inference.tasks.reading import Aids
from mappers.domain.findings import JudgedReport

#: What can be read.
TASKS: Final = {
    selection.RADIOGRAPH: radiograph.TASK,
    selection.COMPARISON: comparison.TASK,
    selection.LOCALIZATION: localization.TASK,
    selection.DERMATOLOGY: dermatology.TASK,
    selection.FUNDUS: fundus.TASK,
    selection.PATHOLOGY_PATCH: pathology_patch.TASK,
    selection.QUESTION: question.TASK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class More:
    """What single tasks need beside pictures.

    Attributes:
        prior: earlier pictures (comparison).
        laterality: DICOM ImageLaterality (fundus).
        specimen: tissue and procedure (pathology_patch).
        words: the question (question), or the name of what is looked for (localization).
    """

    prior: tuple[Still, ...] = field(default=())
    laterality: str = ""
    specimen: str = ""
    words: str = ""


NOTHING: Final = More()


def read(task: str, stills: Sequence[Still], aids: Aids, more: More = NOTHING) -> JudgedReport:
    """What a task makes of some pictures; a report that says "not read" where there is no model.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend; or no such task.
    """
    match task:
        case selection.RADIOGRAPH:
            return _radiograph(stills, aids)
        case selection.COMPARISON:
            return _compared(stills, aids, more.prior)
        case selection.DERMATOLOGY:
            return dermatology.read(stills, aids)
        case selection.FUNDUS:
            one = replace(aids, total=aids.total or len(stills))
            return fundus.read(stills[0], one, laterality=more.laterality)
        case selection.PATHOLOGY_PATCH:
            return pathology_patch.read(stills, aids, specimen=more.specimen)
        case selection.QUESTION:
            return question.read(more.words, aids, stills=stills)
        case selection.LOCALIZATION:
            return localization.read(stills[0], more.words, help_=aids.help_, prompt=aids.prompt)
    known = ", ".join(sorted(TASKS))
    raise BackendMisconfigured(f"no task of this name reads pictures; there are {known}")


def _radiograph(stills: Sequence[Still], aids: Aids) -> JudgedReport:
    """The draft, and where its findings are in the first picture."""
    report = radiograph.read(stills, aids)
    if aids.help_ is None or not stills:
        return report
    return localization.located(report, stills[0], help_=aids.help_)


def _compared(stills: Sequence[Still], aids: Aids, prior: Sequence[Still]) -> JudgedReport:
    """The draft of the current study, then what changed: a site's prompt is about the latter."""
    if not prior or not stills:
        return judging.unread(
            judging.blank(comparison.TASK, (), ""), "not read: there is no prior to compare with"
        )
    report = _radiograph(stills, replace(aids, prompt=None))
    return judging.joined(report, comparison.read(prior[0], stills[0], replace(aids, total=None)))
