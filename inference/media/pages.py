"""Pages as tasks read them: words with the place of every character, ruled cells, and what was hidden.

Pure values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mappers.domain.issues import Issue, IssueCode, Severity

#: x0, top, x1, bottom in points (1/72 inch) from the upper left corner of the page; pixels for pictures.
Box = tuple[float, float, float, float]


def around(boxes: list[Box]) -> Box:
    """The smallest box that holds all of them."""
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


@dataclass(frozen=True, slots=True)
class Word:
    """Characters without a blank between them.

    Attributes:
        edges: x of the left edge of every character and of the last one's right edge.
        certainty: of OCR, 0 to 100; 100 for a text layer.
    """

    text: str
    box: Box
    edges: tuple[float, ...]
    certainty: float = 100.0


@dataclass(frozen=True, slots=True)
class Grid:
    """A table drawn with lines: rows of cell boxes, None where a cell is merged into its neighbour."""

    box: Box
    rows: tuple[tuple[Box | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        number: counted from 1.
        words: the visible ones.
        grids: ruled tables.
        pictures: boxes of raster images.
        unreadable: boxes of glyphs that no character is known for.
        hidden: how many words of the text layer cannot be seen on the page.
        fields: boxes of form fields with a value.
        read: False when the page was left out, for the reason in the issues.
        by_ocr: whether the words come from OCR.
    """

    number: int
    width: float
    height: float
    words: tuple[Word, ...] = field(default=())
    grids: tuple[Grid, ...] = field(default=())
    pictures: tuple[Box, ...] = field(default=())
    unreadable: tuple[Box, ...] = field(default=())
    hidden: int = 0
    fields: tuple[Box, ...] = field(default=())
    read: bool = True
    by_ocr: bool = False


@dataclass(frozen=True, slots=True)
class Pages:
    """A document's pages as far as they were read.

    Attributes:
        total: how many there are.
        notices: what the file holds beside its pages ("javascript", "attachments", "form", "encrypted").
    """

    pages: tuple[Page, ...]
    total: int
    notices: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Picture:
    """A page or image drawn as PNG.

    Attributes:
        png: RGB or grey.
        scale: pixels of the PNG for one unit of the page's boxes.
    """

    png: bytes
    scale: float


def decode(answer: Mapping[str, Any]) -> Pages:
    """Pages from the JSON of the parsing process."""
    return Pages(tuple(_page(page) for page in answer["pages"]), answer["total"], tuple(answer["notices"]))


def _page(page: Mapping[str, Any]) -> Page:
    return Page(
        number=page["number"],
        width=page["width"],
        height=page["height"],
        words=tuple(_word(word) for word in page["words"]),
        grids=tuple(
            Grid(_box(grid["box"]), tuple(tuple(cell and _box(cell) for cell in row) for row in grid["rows"]))
            for grid in page["grids"]
        ),
        pictures=tuple(_box(box) for box in page["pictures"]),
        unreadable=tuple(_box(box) for box in page["unreadable"]),
        hidden=page["hidden"],
        fields=tuple(_box(box) for box in page["fields"]),
        read=page["read"],
    )


def _word(word: list[Any]) -> Word:
    text, top, bottom, edges = word
    return Word(text, (edges[0], top, edges[-1], bottom), tuple(edges))


def _box(box: list[float]) -> Box:
    x0, top, x1, bottom = box
    return (x0, top, x1, bottom)


_NOTICES = {
    "javascript": "the file carries JavaScript; it was not run",
    "attachments": "the file carries attachments; they were not read",
    "form": "the file has form fields; what is typed into them is not part of the page and was not read",
    "encrypted": "the file is encrypted and opens without a password",
    "launch": "the file carries an action that starts something; it was not followed",
}


def issues(pages: Pages) -> tuple[Issue, ...]:
    """What people must be told about the file and its pages, beside their results."""
    found = [
        Issue(Severity.WARNING, IssueCode.SECURITY, "", _NOTICES[notice])
        for notice in pages.notices
        if notice in _NOTICES
    ]
    for page in pages.pages:
        place = f"page {page.number}"
        if not page.read:
            found.append(
                Issue(Severity.ERROR, IssueCode.TOO_COSTLY, place, "not read: more objects than the limit")
            )
        if page.hidden:
            text = "the text layer has words that cannot be seen on the page; they were not read"
            found.append(Issue(Severity.WARNING, IssueCode.SECURITY, place, text))
        if page.unreadable:
            text = "glyphs of a font without a character map were not read as text"
            found.append(Issue(Severity.WARNING, IssueCode.INCOMPLETE, place, text))
        if page.fields:
            text = "form fields hold values that were not read"
            found.append(Issue(Severity.WARNING, IssueCode.INCOMPLETE, place, text))
    return tuple(found)
