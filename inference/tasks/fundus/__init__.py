"""Fundus photographs: one eye's image, described, with a grade of diabetic retinopathy, as a draft."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from inference.ports import Picture, Prompt
from inference.tasks import form, judging, prompting, reading
from inference.tasks.evidence import Still
from inference.tasks.form import Said
from inference.tasks.judging import Judged, Task
from inference.tasks.reading import Aids, Question
from mappers.domain.coding import Concept
from mappers.domain.findings import Finding, JudgedReport, Presence, Side

__all__ = ["GRADES", "TASK", "read"]

TASK: Final = Task(
    id="fundus",
    version="1",
    title="Fundus photograph, draft description",
    code=Concept(text="Fundus photograph, draft description"),
    category=judging.OTHER,
)
#: International Clinical Diabetic Retinopathy severity scale, and what cannot be graded.
GRADES: Final = ("none", "mild", "moderate", "severe", "proliferative", "ungradable")
SCHEMA: Final = form.schema({"retinopathy": {"enum": list(GRADES)}})
_MAX_NEW_TOKENS: Final = 1000
#: DICOM ImageLaterality of an eye.
_EYES: Final = {"L": Side.LEFT, "R": Side.RIGHT}


def read(still: Still, aids: Aids, *, laterality: str = "") -> JudgedReport:
    """A draft description of one fundus photograph.

    Args:
        still: the photograph; one eye.
        aids: model, image check, context, prompt.
        laterality: DICOM ImageLaterality, "" when not said: then no side is written.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    side = _EYES.get(laterality.upper())

    def prompt(pictures: tuple[Picture, ...]) -> Prompt:
        return (aids.prompt or prompting.shipped(__name__)).prompt(
            (*pictures, *prompting.background(aids.context.text)),
            values={"eye": f"the {side.value} eye" if side else "one eye"},
            schema=SCHEMA,
            max_new_tokens=_MAX_NEW_TOKENS,
        )

    question = Question(
        claim="fundus photograph",
        prompt=prompt,
        said=lambda completion: form.said(completion, SCHEMA),
        judge=lambda said: _judged(said, side),
    )
    return reading.read(TASK, (still,), question, aids)


def _judged(said: Said, side: Side | None) -> Judged:
    """The side is the header's, whatever the model wrote: it cannot see which eye it is."""
    judged = form.judged(said)
    grade = said.extra["retinopathy"]
    findings = [replace(each, side=side) for each in judged.findings]
    if grade != "ungradable":
        findings.append(
            Finding(
                name="diabetic retinopathy",
                presence=Presence.ABSENT if grade == "none" else Presence.PRESENT,
                code=Concept(text="Diabetic retinopathy"),
                side=side,
                words=f"Grade: {grade}",
            )
        )
    graded = judging.section("grade", "Diabetic retinopathy", f"Grade: {grade}.")
    return Judged(sections=(*judged.sections, graded), findings=tuple(findings))
