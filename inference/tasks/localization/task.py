"""The localization task: boxes of a named thing, or of the findings of a draft, in pixels of the source.

A box that the letterbox puts outside of the picture, that carries another label, or that a guard rejects is
not kept; the finding stands without it, and the draft says that a person has to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from inference import vocabulary
from inference.guards import boxes as box_guards
from inference.media.letterbox import Letterbox
from inference.runs import Help
from inference.tasks import evidence, judging
from inference.tasks.evidence import Still
from inference.tasks.judging import Asked, Task
from inference.tasks.localization import asking
from inference.tasks.localization.asking import Boxes, Said
from inference.tasks.prompting import PromptFile
from mappers.domain.coding import Concept
from mappers.domain.findings import (
    Finding,
    GuardVerdict,
    ImageRegion,
    JudgedReport,
    Presence,
    Side,
)
from mappers.domain.issues import Issue, IssueCode, Severity

TASK: Final = Task(
    id="localization",
    version="1",
    title="Localization, draft",
    code=Concept((judging.IMAGING,), "Localization, draft"),
    category=judging.RADIOLOGY,
)
#: Each finding is a question of its own.
MOST_FINDINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Located:
    """What came of one question.

    Attributes:
        regions: the boxes that may be shown.
        rejected: how many were not kept.
    """

    regions: tuple[ImageRegion, ...]
    rejected: int
    asked: Asked[Boxes]
    verdicts: tuple[GuardVerdict, ...]


def read(
    still: Still, object_name: str, *, help_: Help | None, prompt: PromptFile | None = None
) -> JudgedReport:
    """Where a thing is in a picture: one finding of that name with its boxes, none when the model finds none.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    report = judging.blank(TASK, evidence.sources((still,)), "1 of 1 image")
    if help_ is None:
        return judging.unread(report, judging.NO_MODEL)
    side = _side(object_name)
    found = locate(still, object_name, side=side, help_=help_, prompt=prompt)
    report = replace(report, runs=found.asked.runs, issues=_issues(found, object_name))
    report = judging.guarded(report, (found.asked.verdict, *found.verdicts))
    if report.not_read is not None or not found.regions:
        return report
    finding = judging.finding(object_name, Presence.PRESENT.value, side.value if side else "")
    return replace(report, findings=(replace(finding, places=found.regions),))


def located(
    report: JudgedReport, still: Still, *, help_: Help, prompt: PromptFile | None = None
) -> JudgedReport:
    """A draft whose present findings have their boxes in one of its pictures, where the model finds them.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    if report.not_read is not None:
        return report
    wanted = [each for each in report.findings if each.presence is Presence.PRESENT and _has_place(each)]
    for finding in wanted[:MOST_FINDINGS]:
        found = locate(still, finding.name, side=finding.side, help_=help_, prompt=prompt)
        report = _with(report, finding, found)
    if len(wanted) > MOST_FINDINGS:
        reason = f"{len(wanted) - MOST_FINDINGS} finding(s) were not looked for in the image"
        report = replace(report, reasons=(*report.reasons, reason))
    return report


def locate(
    still: Still, object_name: str, *, side: Side | None, help_: Help, prompt: PromptFile | None = None
) -> Located:
    """Ask for a thing and bring its boxes home.

    Args:
        still: the picture.
        object_name: in the model's words; never a side that the model is to be checked against.
        side: of the patient that it is said to be on.
        help_: the model.
        prompt: the site's own prompt file.
    """
    picture, letterbox = still.squared()
    question = asking.prompt(picture, object_name=object_name, file=prompt)
    asked = judging.ask(TASK, question, help_, asking.boxes)
    if asked.value is None:
        return Located((), 0, asked, ())
    said = asked.value.said
    kept = [
        region
        for each in said
        if _same_thing(each.label, object_name)
        for region in _home(each, letterbox, still)
    ]
    verdicts = (box_guards.sanity(kept), box_guards.on_its_side(kept, side, view=still.view))
    regions = () if judging.failure(verdicts) else tuple(kept)
    return Located(regions, asked.value.rejected + len(said) - len(regions), asked, verdicts)


def _home(said: Said, letterbox: Letterbox, still: Still) -> Sequence[ImageRegion]:
    y0, x0, y1, x1 = said.box_2d
    box = letterbox.back((x0, y0, x1, y1), grid=asking.GRID)
    if box is None:
        return ()
    region = ImageRegion(
        sha256=still.source.sha256,
        box=box,
        columns=still.columns,
        rows=still.rows,
        frame=still.frame,
        sop_instance_uid=still.source.sop_instance_uid,
        said=f"[{', '.join(f'{edge:g}' for edge in said.box_2d)}]",
    )
    return (region,)


def _with(report: JudgedReport, finding: Finding, found: Located) -> JudgedReport:
    findings = tuple(
        replace(each, places=(*each.places, *found.regions)) if each is finding else each
        for each in report.findings
    )
    failed = judging.failure((found.asked.verdict, *found.verdicts))
    why = failed or (f"{found.rejected} box(es) were not kept" if found.rejected else "")
    return replace(
        report,
        findings=findings,
        runs=(*report.runs, *found.asked.runs),
        verdicts=(*report.verdicts, found.asked.verdict, *found.verdicts),
        issues=(*report.issues, *_issues(found, finding.name)),
        reasons=(*report.reasons, *([f"{finding.name}: {why}"] if why else [])),
    )


def _issues(found: Located, name: str) -> tuple[Issue, ...]:
    if not found.rejected:
        return ()
    text = f"{found.rejected} box(es) of {name} are no boxes of it in this picture and were not kept"
    return (Issue(Severity.WARNING, IssueCode.VALUE, "", text),)


def _has_place(finding: Finding) -> bool:
    """Whether a box can point at it; "no abnormality" is everywhere."""
    return finding.key != "no_abnormality"


def _same_thing(label: str, object_name: str) -> bool:
    """Whether a box is labelled with what was asked for: the same words, or the same row of the table."""
    one, other = vocabulary.finding(label), vocabulary.finding(object_name)
    if one is not None and one is other:
        return True
    return set(label.casefold().split()) >= set(object_name.casefold().split())


def _side(name: str) -> Side | None:
    words = set(name.casefold().split())
    if {"left", "right"} <= words:
        return None
    return Side.LEFT if "left" in words else Side.RIGHT if "right" in words else None
