"""A sheet as plain text: for servers and people that take no PDF. Every word of the sheet is in it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from mappers.domain.sheet import WORDS, Fact, Passage, Results, Row, Sheet

_WIDTH = 78
_RULE = "-" * _WIDTH


def write(sheet: Sheet) -> str:
    """The text, lines of at most 78 characters where words allow it."""
    return "\n".join(_lines(sheet)) + "\n"


def _lines(sheet: Sheet) -> Iterator[str]:
    standing = [WORDS[sheet.stage], *sheet.warnings]
    yield from (line for each in standing for line in _wrapped(f"*** {each} ***"))
    yield ""
    yield from _wrapped(sheet.title.upper())
    yield _RULE
    yield from _facts(sheet.facts)
    for block in sheet.blocks:
        yield ""
        yield from _wrapped(block.title.upper() + _author(block))
        yield from _results(block) if isinstance(block, Results) else _passage(block)
    for number, picture in enumerate(sheet.pictures, 1):
        yield ""
        yield from _wrapped(f"Picture {number} (in the PDF): {picture.caption}".rstrip(": "))
        yield from (f"  marked: {mark.label}" for mark in picture.marks if mark.label)
    yield ""
    yield _RULE
    for signed in sheet.signatures:
        yield from _wrapped(f"Signed by {signed.name} on {signed.when}: {signed.meaning}")
    if not sheet.signatures:
        yield "Not signed by anybody."
    yield from (line for note in sheet.notes for line in _wrapped(note))
    yield from (line for each in standing for line in _wrapped(f"*** {each} ***"))


def _author(block: Passage | Results) -> str:
    return " (written by a model)" if isinstance(block, Passage) and block.by_model else ""


def _facts(facts: Iterable[Fact]) -> Iterator[str]:
    listed = list(facts)
    width = max((len(fact.label) for fact in listed), default=0)
    for fact in listed:
        yield from _wrapped(fact.text, first=f"{fact.label:<{width}}  ", rest=" " * (width + 2))


def _passage(passage: Passage) -> Iterator[str]:
    for number, paragraph in enumerate(passage.paragraphs):
        if number:
            yield ""
        yield from _wrapped(paragraph)


def _results(results: Results) -> Iterator[str]:
    width = min(32, max((len(row.name) for row in results.rows), default=0))
    for row in results.rows:
        yield from _wrapped(_result(row), first=f"  {row.name:<{width}}  ", rest=" " * (width + 4))


def _result(row: Row) -> str:
    parts = [row.result, row.flag and f"[{row.flag}]", row.reference and f"(reference {row.reference})"]
    parts += [row.detail and f"- {row.detail}"]
    parts += ["- by a model" if row.by_model else "", "- changed by a person" if row.by_person else ""]
    return " ".join(part for part in parts if part)


def _wrapped(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """Lines of a text whose own line ends stay."""
    lines: list[str] = []
    for line in text.splitlines() or [""]:
        before = rest if lines else first
        lines += textwrap.wrap(
            line, _WIDTH, initial_indent=before, subsequent_indent=rest, break_long_words=False
        ) or [before.rstrip()]
    return lines
