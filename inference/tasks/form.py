"""The form of a draft that models fill in: words first, then a list of findings that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from inference.ports import Completion
from inference.tasks import answers, judging
from inference.tasks.judging import Judged

PRESENCES: Final = ("present", "absent", "uncertain")
SIDES: Final = ("left", "right", "both", "none")
_MOST_ITEMS: Final = 20


def schema(extra: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """JSON Schema of the form; bounded, so that no loop can break it.

    Args:
        extra: further required properties of a task.
    """
    item = {
        "finding": {"type": "string", "minLength": 1, "maxLength": 60},
        "presence": {"enum": list(PRESENCES)},
        "side": {"enum": list(SIDES)},
    }
    properties = {
        "findings": {"type": "string", "minLength": 1, "maxLength": 1500},
        "impression": {"type": "string", "minLength": 1, "maxLength": 600},
        **(extra or {}),
        "items": {"type": "array", "maxItems": _MOST_ITEMS, "items": closed(item)},
    }
    return closed(properties)


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object that has these properties, all of them and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class Item:
    """A finding as a model lists it."""

    finding: str
    presence: str
    side: str


@dataclass(frozen=True, slots=True)
class Said:
    """A form as it was filled in; nothing of it is known to be true.

    Attributes:
        extra: what a task asked for beside it.
    """

    findings: str
    impression: str
    items: tuple[Item, ...]
    extra: Mapping[str, Any]


def said(completion: Completion, form: Mapping[str, Any]) -> Said:
    """Read an answer.

    Raises:
        OutputInvalid: it is cut off, empty, repeats itself, refuses, or does not fit the schema.
    """
    answer = answers.structured(completion, form)
    known = {"findings", "impression", "items"}
    return Said(
        answer["findings"].strip(),
        answer["impression"].strip(),
        tuple(Item(item["finding"].strip(), item["presence"], item["side"]) for item in answer["items"]),
        {name: value for name, value in answer.items() if name not in known},
    )


def judged(filled: Said) -> Judged:
    """Its sections and findings."""
    text = f"{filled.findings}\n{filled.impression}"
    findings = (judging.finding(each.finding, each.presence, each.side, text=text) for each in filled.items)
    return Judged(
        sections=(
            judging.section("findings", "Findings", filled.findings),
            judging.section("impression", "Impression", filled.impression),
        ),
        findings=tuple(dict.fromkeys(findings)),
    )
