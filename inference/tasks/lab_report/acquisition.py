"""A document's pages with words, whatever it is: a PDF's text layer, OCR where there is none, plain text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from inference.errors import InputRefused, ReaderMissing, Refusal
from inference.media import image, ocr, pages, pdf
from inference.media.pages import Box, Page, Pages, Word
from inference.media.pdf import PdfLimits
from inference.tasks.lab_report.strips import inside
from mappers.domain import media_types
from mappers.domain.documents import Document
from mappers.domain.issues import Issue, IssueCode, Severity

NO_OCR: Final = "not read: no OCR here"
#: A grid for plain text, so that columns of blanks are columns.
_LETTER: Final = 6.0
_LINE: Final = 12.0
#: Share of the page that a logo or signature does not take.
_LARGE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Acquired:
    """What there is to read.

    Attributes:
        without_words: numbers of pages that are pictures and that nobody could turn into words.
    """

    pages: tuple[Page, ...]
    total: int
    without_words: tuple[int, ...] = field(default=())
    issues: tuple[Issue, ...] = field(default=())


def document_of(content: bytes, *, title: str | None = None) -> Document:
    """A document of bytes, its type by their content."""
    kind = media_types.sniff(content) or media_types.UNKNOWN
    return Document(content, kind, hashlib.sha256(content).hexdigest(), title)


def acquire(document: Document, *, limits: PdfLimits) -> Acquired:
    """The words of a document.

    Raises:
        InputRefused: damaged, locked, of a kind that holds no report, or over a limit.
        ReaderMissing: the library for its kind is not installed.
    """
    kind = media_types.sniff(document.content) or media_types.UNKNOWN
    if kind == media_types.PDF:
        return _pdf(document.content, limits)
    if kind.startswith("image/"):
        return _image(document.content, limits)
    if kind == media_types.TEXT:
        return Acquired((_plain(document.content.decode("utf-8")),), 1)
    raise InputRefused(Refusal.UNSUPPORTED, "the bytes are neither PDF, picture nor plain text")


def _pdf(content: bytes, limits: PdfLimits) -> Acquired:
    read = pdf.read(content, limits=limits)
    found = list(read.pages)
    drawn = [page.number for page in found if page.read and _needs_ocr(page)]
    issues = list(pages.issues(read))
    without: tuple[int, ...] = ()
    if drawn and ocr.available():
        sizes = (ocr.DPI, round(ocr.DPI * ocr.SECOND))
        twice = [pdf.render(content, drawn, dpi=dpi, grey=True, limits=limits) for dpi in sizes]
        for number, *pair in zip(drawn, *twice, strict=True):
            first, second = (ocr.read(picture.png, scale=picture.scale) for picture in pair)
            found[number - 1] = _with_ocr(found[number - 1], ocr.agreed(first, second))
    elif drawn:
        without = tuple(drawn)
        issues.append(_no_ocr())
    return Acquired(tuple(found), read.total, without, (*issues, *_left_out(read)))


def _needs_ocr(page: Page) -> bool:
    """Whether the page shows something that its text layer does not say."""
    return bool(_unsaid(page))


def _unsaid(page: Page) -> list[Box]:
    """Unknown glyphs, and pictures large enough to hold a table."""
    area = page.width * page.height
    large = [box for box in page.pictures if (box[2] - box[0]) * (box[3] - box[1]) > _LARGE * area]
    return [*page.unreadable, *large] if page.words else [*page.unreadable, *page.pictures]


def _with_ocr(page: Page, words: Sequence[Word]) -> Page:
    if not page.words:
        return replace(page, words=tuple(words), by_ocr=True)
    # The text layer's own words stay; OCR fills the places that it leaves out.
    taken = [word.box for word in page.words]
    filled = {id(word): word for box in _unsaid(page) for word in inside(words, box)}
    new = [word for word in filled.values() if not any(inside([word], box) for box in taken)]
    return replace(page, words=(*page.words, *new))


def _left_out(read: Pages) -> list[Issue]:
    if read.total <= len(read.pages):
        return []
    text = f"{len(read.pages)} of {read.total} pages were read"
    return [Issue(Severity.WARNING, IssueCode.INCOMPLETE, "", text)]


def _no_ocr() -> Issue:
    return Issue(Severity.ERROR, IssueCode.NOT_SUPPORTED, "", NO_OCR)


def _image(content: bytes, limits: PdfLimits) -> Acquired:
    read = image.read(content, pages=limits.pages, process=limits.process)
    found = [Page(number, frame.width, frame.height) for number, frame in enumerate(read.frames, 1)]
    if not ocr.available():
        return Acquired(tuple(found), read.total, tuple(page.number for page in found), (_no_ocr(),))
    larger = image.read(content, pages=limits.pages, factor=ocr.SECOND, process=limits.process)
    for index, (frame, again) in enumerate(zip(read.frames, larger.frames, strict=True)):
        # The larger one counts: small print is what OCR fails at.
        words = ocr.agreed(ocr.read(again.png, scale=again.scale), ocr.read(frame.png))
        found[index] = replace(found[index], words=words, by_ocr=True)
    issues = _left_out(Pages(tuple(found), read.total))
    return Acquired(tuple(found), read.total, (), tuple(issues))


def _plain(text: str) -> Page:
    words = []
    rows = text.expandtabs().splitlines()
    for row, line in enumerate(rows):
        column = 0
        for part in line.split(" "):
            if part:
                edges = tuple((column + index) * _LETTER for index in range(len(part) + 1))
                box = (edges[0], row * _LINE, edges[-1], row * _LINE + _LINE * 0.8)
                words.append(Word(part, box, edges))
            column += len(part) + 1
    width = max((len(row) for row in rows), default=1) * _LETTER
    return Page(1, width, max(1, len(rows)) * _LINE, tuple(words))


__all__ = ["NO_OCR", "Acquired", "ReaderMissing", "acquire", "document_of"]
