"""How every task over pictures goes: the image's claim, the question, the answer, the draft's agreement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from inference.guards import consistency, image_claim
from inference.guards.image_claim import Watch
from inference.ports import Completion, Picture, Prompt
from inference.runs import Help
from inference.tasks import evidence, judging
from inference.tasks.context import PatientContext
from inference.tasks.evidence import Still
from inference.tasks.judging import Judged, Task
from inference.tasks.prompting import PromptFile
from mappers.domain.findings import JudgedReport

T = TypeVar("T")

NOTHING = PatientContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aids:
    """What a task over pictures reads with.

    Attributes:
        help_: the model; None reads nothing and says so.
        watch: who checks that an image is what it is said to be, where the site has such a model.
        context: what order and chart say.
        prompt: the site's own prompt file in the place of the shipped one.
        total: how many images there are, where not all of them are given.
    """

    help_: Help | None
    watch: Watch | None = None
    context: PatientContext = NOTHING
    prompt: PromptFile | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[T]):
    """What one task asks of some pictures.

    Attributes:
        claim: what the images are said to be (`image_claim.CLAIMS`); "" is not checked.
        prompt: made of the square pictures.
        said: reads the answer; raises OutputInvalid.
        judge: makes sections and findings of it.
    """

    claim: str
    prompt: Callable[[tuple[Picture, ...]], Prompt]
    said: Callable[[Completion], T]
    judge: Callable[[T], Judged]


def read(task: Task, stills: Sequence[Still], question: Question[T], aids: Aids) -> JudgedReport:
    """A draft about some pictures, or why there is none.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    sources = (*evidence.sources(stills), *aids.context.sources)
    total = max(len(stills), aids.total or 0)
    report = judging.blank(task, sources, evidence.coverage(len(stills), total))
    if not stills:
        return judging.unread(report, "not read: no image")
    if aids.help_ is None:
        return judging.unread(report, judging.NO_MODEL)
    pictures = evidence.pictures(stills)
    report = judging.guarded(report, image_claim.check(pictures, question.claim, aids.watch))
    if report.not_read is not None:
        return report
    asked = judging.ask(task, question.prompt(pictures), aids.help_, question.said)
    report = judging.answered(report, asked, question.judge)
    return report if report.not_read is not None else checked(report, aids.context.text)


def checked(report: JudgedReport, *texts: str) -> JudgedReport:
    """A draft with the verdicts on its agreement with itself; not read where it disagrees.

    Args:
        report: the draft.
        texts: of its evidence: the numbers that it may state.
    """
    sections = [each for each in report.sections if each.key != "question"]
    return judging.guarded(
        report,
        (
            consistency.contradictions(report.findings, sections),
            consistency.laterality(report.findings, sections),
            consistency.numbers(sections, texts),
        ),
    )
