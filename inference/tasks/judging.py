"""From a prompt to a draft: ask, look at the answer, let the guards look at the draft.

| what happened | the draft |
|---|---|
| the image is not what it is said to be | not read, nothing is asked |
| the answer is cut off, empty, a loop, a refusal, a placeholder | not read |
| the answer is not in the form that was asked for | asked once more, told so; then not read |
| a guard fails on the draft | not read |
| else | sections and findings, with all verdicts |

"Not read" keeps the runs and the verdicts: a person sees why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from inference import runs, vocabulary
from inference.errors import OutputInvalid
from inference.guards import polarity
from inference.ports import Completion, Prompt
from inference.runs import Help
from mappers.domain.attribution import ModelRun
from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.findings import (
    Finding,
    GuardOutcome,
    GuardVerdict,
    JudgedReport,
    Presence,
    Section,
    Sentence,
    Side,
    Source,
)

T = TypeVar("T")

NO_MODEL: Final = "not read: no model"
ANSWER: Final = "answer"
_SECTIONS: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
RADIOLOGY: Final = (
    Concept((Coding("LP29684-5", LOINC, "Radiology"),)),
    Concept((Coding("RAD", _SECTIONS, "Radiology"),)),
)
PATHOLOGY: Final = (
    Concept((Coding("LP7839-6", LOINC, "Pathology"),)),
    Concept((Coding("SP", _SECTIONS, "Surgical Pathology"),)),
)
OTHER: Final = (Concept((Coding("OTH", _SECTIONS, "Other"),)),)
IMAGING: Final = Coding("18748-4", LOINC, "Diagnostic imaging study")
_LOINC_OF: Final = {
    "findings": Coding("59776-5", LOINC, "Procedure findings"),
    "impression": Coding("19005-8", LOINC, "Radiology Imaging study [Impression]"),
    "comparison": Coding("18834-2", LOINC, "Radiology Comparison study"),
}
_SIDE: Final = {"left": Side.LEFT, "right": Side.RIGHT, "both": Side.BILATERAL}
_MEND: Final = "Your last answer could not be used: {problem}. Answer again, in the form that was asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One clinical question.

    Attributes:
        id: with `version`, which changes with the prompt, the schema or the reading of the answer.
        title: of its reports, for people.
        code: of its reports.
    """

    id: str
    version: str
    title: str
    code: Concept
    category: tuple[Concept, ...]

    @property
    def name(self) -> str:
        """As reports and runs name it: "radiograph@1"."""
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """An answer as it was read, None when it could not be; the runs that gave it, and the verdict on it."""

    value: T | None
    runs: tuple[ModelRun, ...]
    verdict: GuardVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a task makes of an answer, before the guards look at it."""

    sections: tuple[Section, ...]
    findings: tuple[Finding, ...] = field(default=())


def ask(task: Task, prompt: Prompt, help_: Help, read: Callable[[Completion], T]) -> Asked[T]:
    """Ask, and once more when the answer is not in the form that was asked for.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    made, completion = _run(task, prompt, help_)
    try:
        return Asked(read(completion), (made,), _verdict(""))
    except OutputInvalid as error:
        if not error.mendable:
            return Asked(None, (made,), _verdict(str(error)))
        mend = _MEND.format(problem=error)
    *parts, last = prompt.parts
    again = replace(prompt, parts=(*parts, f"{last}\n\n{mend}" if isinstance(last, str) else last))
    mended, completion = _run(task, again, help_)
    try:
        return Asked(read(completion), (made, mended), _verdict(""))
    except OutputInvalid as error:
        return Asked(None, (made, mended), _verdict(str(error)))


def _run(task: Task, prompt: Prompt, help_: Help) -> tuple[ModelRun, Completion]:
    return runs.run(
        prompt, help_.generator, task=task.id, version=task.version, memo=help_.memo, now=help_.now
    )


def _verdict(reason: str) -> GuardVerdict:
    outcome = GuardOutcome.FAILED if reason else GuardOutcome.PASSED
    return GuardVerdict(guard=ANSWER, outcome=outcome, reason=reason)


def blank(task: Task, sources: Sequence[Source], coverage: str) -> JudgedReport:
    """A report that says nothing yet."""
    return JudgedReport(
        task=task.name,
        title=task.title,
        code=task.code,
        category=task.category,
        sources=tuple(sources),
        coverage=coverage,
    )


def unread(report: JudgedReport, reason: str) -> JudgedReport:
    """A report that says why nothing was judged."""
    return replace(report, sections=(), findings=(), not_read=reason)


def guarded(report: JudgedReport, verdicts: Sequence[GuardVerdict]) -> JudgedReport:
    """A report with what the guards said of it: not read when one of them failed."""
    seen = replace(report, verdicts=(*report.verdicts, *verdicts))
    failed = failure(verdicts)
    return unread(seen, failed) if failed else seen


def failure(verdicts: Sequence[GuardVerdict]) -> str | None:
    """Why a draft may not stand; None when it may."""
    return next(
        (f"{each.guard}: {each.reason}" for each in verdicts if each.outcome is GuardOutcome.FAILED), None
    )


def answered(report: JudgedReport, asked: Asked[T], judge: Callable[[T], Judged]) -> JudgedReport:
    """A report of what was answered; not read when the answer could not be."""
    seen = guarded(replace(report, runs=(*report.runs, *asked.runs)), (asked.verdict,))
    if asked.value is None:
        return seen
    judged = judge(asked.value)
    return replace(seen, sections=judged.sections, findings=judged.findings)


def joined(report: JudgedReport, other: JudgedReport) -> JudgedReport:
    """A report with the sections and findings of another about the same evidence; `report` names the task."""
    if report.not_read is not None:
        return report
    return replace(
        report,
        sources=tuple(dict.fromkeys((*report.sources, *other.sources))),
        sections=(*report.sections, *other.sections),
        findings=(*report.findings, *other.findings),
        runs=(*report.runs, *other.runs),
        verdicts=(*report.verdicts, *other.verdicts),
        issues=(*report.issues, *other.issues),
        reasons=(
            *report.reasons,
            *other.reasons,
            *([f"{other.title}: {other.not_read}"] if other.not_read else []),
        ),
    )


def section(key: str, title: str, text: str) -> Section:
    """A section with its sentences and its LOINC code."""
    coding = _LOINC_OF.get(key)
    return Section(
        key=key,
        title=title,
        sentences=tuple(Sentence(text=each) for each in polarity.sentences(text)),
        code=Concept((coding,), title) if coding else None,
    )


def finding(name: str, presence: str, side: str, *, text: str = "") -> Finding:
    """A finding under the name and the code of Wardwire's table, where it knows the model's word.

    Args:
        name: as the model wrote it.
        presence: "present", "absent" or "uncertain".
        side: "left", "right", "both", or anything else for none.
        text: where the sentence that says it is looked for.
    """
    known = vocabulary.finding(name)
    spoken_side = polarity.side(name, 0, len(name))
    chosen = _SIDE.get(side, spoken_side)
    # A name that contradicts its own side is kept as it was said: the guard of sides looks at it.
    at_odds = spoken_side not in {None, chosen}
    words = ""
    if known is not None:
        spoken = (each for each in vocabulary.mentions(text) if each.known is known)
        place = next(((each.start, each.end) for each in spoken), None)
        if place is not None:
            first, last = polarity.sentence(text, *place)
            words = text[first:last].strip()
    return Finding(
        name=known.name if known and not at_odds else name,
        presence=Presence(presence),
        code=known.concept(known.name) if known else Concept(text=name),
        key=known.key if known else None,
        side=chosen,
        words=words,
    )
