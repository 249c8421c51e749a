"""The report text task: the findings that a written report states, each with its own words."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from inference.runs import Help
from inference.tasks import judging
from inference.tasks.judging import Task
from inference.tasks.prompting import PromptFile
from inference.tasks.report_text import asking
from inference.tasks.report_text.asking import Claim
from inference.tasks.report_text.grounding import grounded
from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.findings import Finding, JudgedReport, Source, SourceKind, TextQuote
from mappers.domain.issues import Issue

TASK: Final = Task(
    id="report_text",
    version="1",
    title="Findings of a written report, draft",
    code=Concept((Coding("18782-3", LOINC, "Radiology Study observation"),), "Findings of a written report"),
    category=judging.RADIOLOGY,
)
#: About 6,000 tokens: more loses small models, and reports of this length are no reports.
LONGEST: Final = 24_000
_SHORTEST: Final = 20


def read(
    text: str,
    *,
    help_: Help | None,
    reference: str = "",
    sha256: str = "",
    prompt: PromptFile | None = None,
) -> JudgedReport:
    """The findings of a report; each quotes it, and what cannot be quoted is left out and said.

    Args:
        text: the report as it was sent.
        help_: the model; None reads nothing and says so.
        reference: of the resource that holds the text.
        sha256: hex digest of the bytes that hold it, where these are not the text itself.
        prompt: the site's own prompt file.

    Raises:
        BackendUnavailable, BackendMisconfigured, InputRefused: as the model's backend.
    """
    digest = sha256 or hashlib.sha256(text.encode()).hexdigest()
    source = Source(kind=SourceKind.TEXT, sha256=digest, media_type="text/plain", reference=reference)
    report = judging.blank(TASK, (source,), "the whole text")
    if len(text.strip()) < _SHORTEST:
        return judging.unread(report, "not read: no text")
    if len(text) > LONGEST:
        return judging.unread(report, f"not read: the text has more than {LONGEST} characters")
    if help_ is None:
        return judging.unread(report, judging.NO_MODEL)
    asked = judging.ask(TASK, asking.prompt(text, file=prompt), help_, asking.claims)
    report = judging.guarded(replace(report, runs=asked.runs), (asked.verdict,))
    if asked.value is None:
        return report
    findings, issues = _held(asked.value, text)
    left = f"{len(issues)} finding(s) that the model listed are left out: the report does not say them so"
    return replace(report, findings=findings, issues=issues, reasons=(left,) if issues else ())


def _held(claims: tuple[Claim, ...], text: str) -> tuple[tuple[Finding, ...], tuple[Issue, ...]]:
    """The claims that the text bears out, in the order of the list, and what is to be said of the others."""
    findings: list[Finding] = []
    issues: list[Issue] = []
    after = 0
    for claim in claims:
        held = grounded(claim, text, after=after, known=findings)
        if held.issue is not None:
            issues.append(held.issue)
        if held.finding is not None and held.finding not in findings:
            findings.append(held.finding)
            place = held.finding.places[0]
            after = place.start if isinstance(place, TextQuote) else after
    return tuple(findings), tuple(issues)
