"""What is left over goes to a model: prompt, schema, and the reading of its answer.

A claim counts only where its digits stand on the page, in a line that begins with the name that it gives.
The rest is shown as unconfirmed and never written as a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from inference.errors import OutputInvalid
from inference.guards import defect
from inference.media.pages import Page
from inference.ports import Completion, Picture, Prompt
from inference.tasks.lab_report.cells import Grammar, Parts, result
from inference.tasks.lab_report.columns import as_strips
from inference.tasks.lab_report.raw import Row
from inference.tasks.lab_report.strips import EMPTY, Strip, joined, lines
from mappers.domain.extraction import Method

#: More pages at once than a small model keeps apart.
MOST_PAGES: Final = 4
_MOST_RESULTS: Final = 60
_MAX_NEW_TOKENS: Final = 4000
#: Words of a line that no part of a claim explains; more of them and the line is a sentence.
_UNEXPLAINED: Final = 3
_NULLABLE: Final = "null"


def schema(numbers: Sequence[int]) -> Mapping[str, Any]:
    """JSON Schema of the answer for these pages; bounded, so that no loop can break it."""
    optional = {"anyOf": [{"type": "string", "maxLength": 40}, {"type": _NULLABLE}]}
    properties = {
        "page": {"enum": list(numbers)},
        "name": {"type": "string", "minLength": 1, "maxLength": 80},
        "value": {"type": "string", "minLength": 1, "maxLength": 40},
        "unit": optional,
        "reference_range": optional,
        "flag": optional,
    }
    item = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"results": {"type": "array", "maxItems": _MOST_RESULTS, "items": item}},
        "required": ["results"],
        "additionalProperties": False,
    }


@cache
def instruction() -> str:
    """The prompt that people read."""
    return resources.files(__package__).joinpath("prompt.md").read_text(encoding="utf-8")


def prompt(pages: Sequence[Page], pictures: Mapping[int, bytes]) -> Prompt:
    """The prompt for these pages, each with its text and, where there is one, its picture."""
    parts: list[str | Picture] = []
    for page in pages:
        text = "\n".join("  ".join(strip.text for strip in as_strips(line)) for line in lines(page.words))
        parts.append(f"PAGE {page.number}\n<<<\n{text.replace('<<<', '').replace('>>>', '')}\n>>>")
        if page.number in pictures:
            parts.append(Picture(pictures[page.number]))
    return Prompt(
        instruction=instruction(),
        parts=tuple(parts),
        schema=schema([page.number for page in pages]),
        max_new_tokens=_MAX_NEW_TOKENS,
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """A result that a model says is on a page; nothing of it is known to be true."""

    page: int
    name: str
    value: str
    unit: str | None
    reference_range: str | None
    flag: str | None


def claims(completion: Completion, asked: Prompt) -> tuple[Claim, ...]:
    """Read an answer.

    Raises:
        OutputInvalid: it is cut off, empty, repeats itself, or does not fit the schema.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (a quarter of a second that few commands need)

    wrong = defect(completion)
    if wrong is not None:
        raise OutputInvalid(wrong.value)
    try:
        answer = json.loads(completion.text)
    except json.JSONDecodeError:
        raise OutputInvalid("the answer is no JSON") from None
    if not Draft202012Validator(asked.schema or {}).is_valid(answer):
        raise OutputInvalid("the answer does not fit its schema")
    return tuple(Claim(**item) for item in answer["results"])


def grounded(claim: Claim, page: Page, grammar: Grammar) -> Row | None:
    """The row on the page that bears a claim out; None when there is none or more than one."""
    found = [row for line in lines(page.words) for row in _on_line(claim, as_strips(line), page, grammar)]
    return found[0] if len(found) == 1 else None


def _on_line(claim: Claim, cells: Sequence[Strip], page: Page, grammar: Grammar) -> list[Row]:
    rows = []
    for index, cell in enumerate(cells):
        name = re.match(_spaced(claim.name), cell.text, re.IGNORECASE)
        if name is None:
            continue
        strip = joined(cells[index:])
        end = name.end()
        value = re.search(rf"(?<![\w.,/:-]){_spaced(claim.value)}(?![\d.,/:-]*\d)", strip.text[end:])
        if value is None:
            continue
        start, stop = end + value.start(), end + value.end()
        parts = _parts(claim, strip, start, stop, grammar)
        if parts is not None and _is_row(
            strip, end, (strip.cut(start, stop), parts.unit, parts.range, parts.flag)
        ):
            rows.append(Row(page.number, strip.cut(0, end), parts, Method.MODEL))
    return rows


def _parts(claim: Claim, strip: Strip, start: int, stop: int, grammar: Grammar) -> Parts | None:
    value = result(strip.cut(start, stop), grammar, cell=True)
    if value is None or value.absent is not None:
        return None
    return Parts(
        value=value.value,
        flag=_place(claim.flag, strip, stop) or value.flag,
        unit=_place(claim.unit, strip, stop) or value.unit,
        range=_place(claim.reference_range, strip, stop),
        text=value.text,
    )


def _place(text: str | None, strip: Strip, start: int) -> Strip:
    """Where a text stands behind the value; empty when it does not, and then it is not believed."""
    match = re.search(rf"(?<!\S){_spaced(text)}(?!\S)", strip.text[start:]) if text and text.strip() else None
    return strip.cut(start + match.start(), start + match.end()) if match else EMPTY


def _spaced(text: str) -> str:
    return r"\s*".join(re.escape(word) for word in text.split())


def _is_row(strip: Strip, name_end: int, parts: Sequence[Strip]) -> bool:
    """Whether the claim explains its line: an order hidden in a sentence is a sentence."""
    explained = sum(len(part.text.split()) for part in parts if part)
    return len(strip.text[name_end:].split()) - explained <= _UNEXPLAINED
