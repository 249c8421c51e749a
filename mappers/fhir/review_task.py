"""Task: a person is asked to look at what was read off a document, and told why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mappers.domain.extraction import Extracted, Span
from mappers.domain.findings import GuardVerdict
from mappers.domain.identifiers import Identity
from mappers.domain.issues import Issue
from mappers.domain.times import Moment
from mappers.fhir.datatypes import pruned, text
from mappers.fhir.filing import Filing

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md).
INPUTS = "https://wardwire.org/fhir/CodeSystem/review-input"
_TASK_CODES = "http://hl7.org/fhir/CodeSystem/task-code"
_WORDS = {
    "reason": "Why a person has to look",
    "unconfirmed-result": "Claimed, and no place on the page bears it out: not written as a value",
    "unread-place": "A place that may hold results and that nobody could read",
    "issue": "What was odd, or differs from what the sender sent",
    "coverage": "How much of it was read",
    "guard": "What a guard says of the input or the answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person is asked.

    Attributes:
        focus: reference of the draft, or of the document where there is no draft.
        reasons: for people, the first one first.
        coverage: "pages 1-3 of 7"; "" when nothing was read.
        about: what a person is asked to do.
    """

    focus: str
    reasons: tuple[str, ...]
    coverage: str = ""
    unconfirmed: tuple[Extracted, ...] = field(default=())
    unread: tuple[Span, ...] = field(default=())
    issues: tuple[Issue, ...] = field(default=())
    verdicts: tuple[GuardVerdict, ...] = field(default=())
    about: str = "Review what was read off a document"


def write(asked: Asked, *, identity: Identity, requester: str, authored: Moment, filing: Filing) -> Node:
    """The Task, requested and owned by nobody yet.

    Args:
        asked: what a person is asked.
        identity: of the Task.
        requester: reference of Wardwire's Device.
        authored: when it was asked, an instant.
        filing: what it shares with the rest of the draft.
    """
    whose = filing.whose
    return filing.head(identity) | pruned(
        {
            "basedOn": filing.based_on,
            "status": "requested",
            "intent": "proposal",
            "code": {
                "coding": [{"system": _TASK_CODES, "code": "approve"}],
                "text": asked.about,
            },
            "description": text("; ".join(asked.reasons)),
            "focus": {"reference": asked.focus},
            "for": whose.get("subject"),
            "encounter": whose.get("encounter"),
            "authoredOn": authored.text,
            "requester": {"reference": requester},
            "input": list(_inputs(asked)),
        }
    )


def _inputs(asked: Asked) -> Iterable[Node]:
    for reason in asked.reasons:
        yield _input("reason", reason)
    if asked.coverage:
        yield _input("coverage", asked.coverage)
    for row in asked.unconfirmed:
        yield _input("unconfirmed-result", _claim(row))
    for span in asked.unread:
        yield _input("unread-place", f"page {span.page}: {span.quote}")
    for verdict in asked.verdicts:
        yield _input("guard", _said(verdict))
    for issue in asked.issues:
        yield _input("issue", ": ".join(part for part in (issue.location, issue.text) if part))


def _claim(row: Extracted) -> str:
    claimed = " ".join(part for part in (row.printed, row.unit) if part)
    pages = f" (page {row.spans[0].page})" if row.spans else ""
    return f"{row.name}: {claimed}{pages}"


def _said(verdict: GuardVerdict) -> str:
    scores = ", ".join(f"{name} {score}" for name, score in verdict.scores.items())
    measured = f" ({scores})" if scores else ""
    return f"{verdict.guard}: {verdict.outcome.value}: {verdict.reason}{measured}"


def _input(code: str, words: str) -> Node:
    kind = {"coding": [{"system": INPUTS, "code": code}], "text": _WORDS[code]}
    return {"type": kind, "valueString": text(words) or "?"}
