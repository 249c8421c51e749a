"""Formatting tokens of a transcript: known ones become marks, paragraphs and headings; nothing else changes.

| in the transcript | becomes |
|---|---|
| `{period}`, `{comma}`, `{hyphen}` … of the table | the mark, joined as print joins it |
| `{new paragraph}`, `{next line}`, `{new line}` | a break |
| `[FINDINGS]`, `findings {colon}`, `Findings:` where a sentence begins | the heading of a section |
| any other `{…}` or `[…]` | itself, verbatim, and is reported |
| a word, a number, a unit, a date | itself |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from inference.ports import SpokenWord
from inference.tasks.dictation import headings
from inference.tasks.dictation.headings import Heading

_TOKEN: Final = re.compile(r"\{[^{}]{1,40}\}|\[[^\[\]]{1,40}\]|[^\s{}\[\]]+|\S")
#: Token -> mark; whether it is joined to what stands before and after it.
_MARKS: Final[dict[str, tuple[str, bool, bool]]] = {
    "period": (".", True, False),
    "full stop": (".", True, False),
    "comma": (",", True, False),
    "colon": (":", True, False),
    "semicolon": (";", True, False),
    "question mark": ("?", True, False),
    "exclamation mark": ("!", True, False),
    "exclamation point": ("!", True, False),
    "hyphen": ("-", True, True),
    "slash": ("/", True, True),
    "forward slash": ("/", True, True),
    "dash": ("-", False, False),
    "open parenthesis": ("(", False, True),
    "open paren": ("(", False, True),
    "left parenthesis": ("(", False, True),
    "close parenthesis": (")", True, False),
    "close paren": (")", True, False),
    "right parenthesis": (")", True, False),
}
_BREAKS: Final = {"new paragraph": "\n\n", "paragraph": "\n\n", "next line": "\n", "new line": "\n"}
_COLON: Final = ":"


class Role(StrEnum):
    """What a stretch of a transcript is."""

    WORD = "word"
    MARK = "mark"
    BREAK = "break"
    HEADING = "heading"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A stretch of a transcript.

    Attributes:
        text: as it is written after formatting.
        first, last: numbers of the words that it was spoken with.
        before: whether it is joined to what stands before it.
        after: whether it is joined to what stands after it.
        heading: of a section, where it is one.
    """

    role: Role
    text: str
    first: int
    last: int
    before: bool = False
    after: bool = False
    heading: Heading | None = None


def elements(words: Sequence[SpokenWord]) -> tuple[Element, ...]:
    """A transcript taken apart."""
    return tuple(_headed(list(_raw(words))))


def _raw(words: Sequence[SpokenWord]) -> Iterator[Element]:
    text = " ".join(word.text for word in words)
    number_at = [number for number, word in enumerate(words) for _ in range(len(word.text) + 1)]
    for match in _TOKEN.finditer(text):
        first, last = number_at[match.start()], number_at[match.end() - 1]
        glued = match.start() > 0 and not text[match.start() - 1].isspace()
        made = _element(match[0], first, last)
        # A mark inside a word stands where it was written.
        yield replace(made, before=True) if glued and made.role is Role.WORD else made


def _element(token: str, first: int, last: int) -> Element:
    if token[0] == "{" and token[-1] == "}":
        name = " ".join(token[1:-1].casefold().split())
        if name in _MARKS:
            text, before, after = _MARKS[name]
            return Element(role=Role.MARK, text=text, first=first, last=last, before=before, after=after)
        if name in _BREAKS:
            return Element(role=Role.BREAK, text=_BREAKS[name], first=first, last=last)
        return Element(role=Role.UNKNOWN, text=token, first=first, last=last)
    if token[0] == "[" and token[-1] == "]" and len(token) > 2:  # noqa: PLR2004
        heading = headings.named(token[1:-1])
        role = Role.HEADING if heading else Role.UNKNOWN
        return Element(role=role, text=token, first=first, last=last, heading=heading)
    return Element(role=Role.WORD, text=token, first=first, last=last)


def _headed(raw: list[Element]) -> Iterator[Element]:
    """Headings that were spoken as words become headings: at the beginning of a sentence, before a colon."""
    at, begins = 0, True
    while at < len(raw):
        length = _spoken_heading(raw, at) if begins else 0
        if length:
            group = raw[at : at + length]
            words = " ".join(each.text for each in group if each.role is Role.WORD).rstrip(_COLON)
            yield Element(
                role=Role.HEADING,
                text=words,
                first=group[0].first,
                last=group[-1].last,
                heading=headings.named(words),
            )
            at, begins = at + length, True
            continue
        yield raw[at]
        begins = ends(raw[at])
        at += 1


def ends(element: Element) -> bool:
    """Whether a sentence ends with it."""
    if element.role in {Role.BREAK, Role.HEADING}:
        return True
    if element.role is Role.MARK:
        return element.text in {".", "?", "!"}
    return element.role is Role.WORD and element.text[-1] in ".?!"


def _spoken_heading(raw: Sequence[Element], at: int) -> int:
    """How many elements a heading that begins here has, its colon included; 0 when none begins."""
    words: list[str] = []
    for number in range(headings.LONGEST):
        if at + number >= len(raw) or raw[at + number].role is not Role.WORD:
            return 0
        words.append(raw[at + number].text)
        name = " ".join(words)
        if name.endswith(_COLON):
            return number + 1 if headings.named(name[:-1]) else 0
        following = raw[at + number + 1] if at + number + 1 < len(raw) else None
        if following and following.role is Role.MARK and following.text == _COLON and headings.named(name):
            return number + 2
    return 0


def written(parts: Sequence[Element]) -> str:
    """Elements as text."""
    text, joined = "", True
    for part in parts:
        if part.role is Role.BREAK:
            text, joined = text.rstrip() + part.text, True
            continue
        if part.role is Role.HEADING:
            assert part.heading is not None
            text = (text.rstrip() + "\n\n" if text.strip() else "") + part.heading.title.upper() + "\n"
            joined = True
            continue
        text += part.text if joined or part.before else f" {part.text}"
        joined = part.after
    return text.strip()
