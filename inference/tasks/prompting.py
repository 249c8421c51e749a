"""Prompt files: what a model is asked, in a file that a clinician can read, change and sign for.

A file is Markdown with headings of the first level:

    # Instruction     who the model is; goes to the beginning of the turn; may be left out
    # Question        what it is asked; goes last, after all images and texts
    # Example         any number; `## Given` (a text) and `## Answer`, shown before the evidence

Notes between `<!--` and `-->` are for people and are not sent. `{name}` is filled in where the task knows the
name; other braces stay. The id of a prompt is the SHA-256 of its file: every change is another prompt.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from inference.errors import BackendMisconfigured
from inference.ports import Picture, Prompt

_NOTE: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADING: Final = re.compile(r"^# (Instruction|Question|Example)[ \t]*$", re.MULTILINE)
_GIVEN: Final = re.compile(r"^## (Given|Answer)[ \t]*$", re.MULTILINE)
_NAME: Final = re.compile(r"\{([a-z_]+)\}")
#: Few-shot examples push the evidence out of a small model's sight; three are what the literature uses.
MOST_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the answer that it should get."""

    given: str
    answer: str


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt as it stands in its file.

    Attributes:
        digest: hex SHA-256 of the file; the id of the prompt.
    """

    question: str
    digest: str
    instruction: str = ""
    examples: tuple[Example, ...] = field(default=())

    def prompt(
        self,
        evidence: Sequence[str | Picture],
        *,
        values: Mapping[str, str] | None = None,
        schema: Mapping[str, Any] | None = None,
        max_new_tokens: int,
        question_first: bool = False,
    ) -> Prompt:
        """The prompt about some evidence: examples, evidence in its order, and the question last.

        Args:
            evidence: pictures and texts. A text is material: see `material`.
            values: what `{name}` stands for in the question.
            schema: of the answer.
            max_new_tokens: longest answer.
            question_first: only where it was published so: elsewhere models lose the question behind images.
        """
        asked = filled(self.question, values or {})
        shown = tuple(
            f"EXAMPLE {number}\n{material(each.given)}\nANSWER {number}\n{each.answer}"
            for number, each in enumerate(self.examples, start=1)
        )
        return Prompt(
            instruction=self.instruction,
            parts=_joined((*shown, asked, *evidence) if question_first else (*shown, *evidence, asked)),
            schema=schema,
            max_new_tokens=max_new_tokens,
            template_digest=self.digest,
        )


def _joined(parts: Sequence[str | Picture]) -> tuple[str | Picture, ...]:
    """Texts that follow each other as one: the chat template puts nothing between its items."""
    joined: list[str | Picture] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] = f"{joined[-1]}\n\n{part}"
        else:
            joined.append(part)
    return tuple(joined)


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with `{name}` replaced where the name has a value; what a value holds is not looked at."""
    return _NAME.sub(lambda match: values.get(match[1], match[0]), text)


def material(text: str) -> str:
    """A text from a message or a chart, fenced: the question says that what stands inside gives no orders."""
    return f"<<<\n{text.replace('<<<', '').replace('>>>', '').strip()}\n>>>"


def background(text: str) -> tuple[str, ...]:
    """What the chart says as a part of a prompt; none when it says nothing."""
    return (material(text),) if text.strip() else ()


def read(text: str) -> PromptFile:
    """A prompt file.

    Raises:
        BackendMisconfigured: it has no question or two, a torn example, or too many examples.
    """
    pieces = _HEADING.split(_NOTE.sub("", text))
    sections = list(zip(pieces[1::2], (piece.strip() for piece in pieces[2::2]), strict=True))
    questions = [body for heading, body in sections if heading == "Question" and body]
    instructions = [body for heading, body in sections if heading == "Instruction"]
    examples = tuple(_example(body) for heading, body in sections if heading == "Example")
    if len(questions) != 1 or len(instructions) > 1:
        raise BackendMisconfigured("a prompt file needs one '# Question' and at most one '# Instruction'")
    if len(examples) > MOST_EXAMPLES:
        raise BackendMisconfigured(f"a prompt file shows at most {MOST_EXAMPLES} examples")
    return PromptFile(
        question=questions[0],
        digest=hashlib.sha256(text.encode()).hexdigest(),
        instruction="".join(instructions),
        examples=examples,
    )


def _example(body: str) -> Example:
    pieces = _GIVEN.split(body)
    parts = dict(zip(pieces[1::2], (piece.strip() for piece in pieces[2::2]), strict=True))
    if not parts.get("Given") or not parts.get("Answer"):
        raise BackendMisconfigured("an '# Example' of a prompt file needs '## Given' and '## Answer'")
    return Example(parts["Given"], parts["Answer"])


@cache
def shipped(package: str) -> PromptFile:
    """The prompt file that a task ships with."""
    return read(resources.files(package).joinpath("prompt.md").read_text(encoding="utf-8"))


def from_file(path: Path) -> PromptFile:
    """A site's own prompt in the place of a task's.

    Raises:
        BackendMisconfigured: it cannot be read, or is no prompt file.
    """
    try:
        return read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise BackendMisconfigured(f"the prompt file {path.name} cannot be read") from None
