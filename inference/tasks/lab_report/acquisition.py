"""A document's pages with words, whatever it is: a PDF's text layer, OCR where there is none, plain text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from inference.errors import InputRefused, ReaderMissing, Refusal
from inference.media import image, ocr, pages, pdf, sniff
from inference.media.pages import Page, Pages, Word
from inference.media.pdf import PdfLimits
from inference.tasks.lab_report.strips import inside
from mappers.domain.documents import Document
from mappers.domain.issues import Issue, IssueCode, Severity

NO_OCR: Final = "not read: no OCR here"
#: A grid for plain text, so that columns of blanks are columns.
_LETTER: Final = 6.0
_LINE: Final = 12.0


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
    return Document(content, sniff.media_type(content), hashlib.sha256(content).hexdigest(), title)


def acquire(document: Document, *, limits: PdfLimits) -> Acquired:
    """The words of a document.

    Raises:
        InputRefused: damaged, locked, of a kind that holds no report, or over a limit.
        ReaderMissing: the library for its kind is not installed.
    """
    kind = sniff.media_type(document.content)
    if kind == sniff.PDF:
        return _pdf(document.content, limits)
    if kind.startswith("image/"):
        return _image(document.content, limits)
    if kind == "text/plain":
        return Acquired((_plain(document.content.decode("utf-8")),), 1)
    raise InputRefused(Refusal.UNSUPPORTED, "the bytes are neither PDF, picture nor plain text")


def _pdf(content: bytes, limits: PdfLimits) -> Acquired:
    read = pdf.read(content, limits=limits)
    found = list(read.pages)
    drawn = [page.number for page in found if page.read and _needs_ocr(page)]
    issues = list(pages.issues(read))
    without: tuple[int, ...] = ()
    if drawn and ocr.available():
        pictures = pdf.render(content, drawn, dpi=ocr.DPI, grey=True, limits=limits)
        for number, picture in zip(drawn, pictures, strict=True):
            page = found[number - 1]
            found[number - 1] = _with_ocr(page, ocr.read(picture.png, scale=picture.scale))
    elif drawn:
        without = tuple(drawn)
        issues.append(_no_ocr())
    return Acquired(tuple(found), read.total, without, (*issues, *_left_out(read)))


def _needs_ocr(page: Page) -> bool:
    """Whether the page has something beside its text layer: a picture instead of words, unknown glyphs."""
    return bool(page.unreadable) or (not page.words and bool(page.pictures))


def _with_ocr(page: Page, words: Sequence[Word]) -> Page:
    if not page.unreadable:
        return replace(page, words=tuple(words), by_ocr=True)
    # The text layer's own words stay; OCR fills the places of the unknown glyphs.
    filled = [word for box in page.unreadable for word in inside(words, box)]
    return replace(page, words=(*page.words, *filled))


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
    for index, frame in enumerate(read.frames):
        found[index] = replace(found[index], words=ocr.read(frame.png), by_ocr=True)
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
