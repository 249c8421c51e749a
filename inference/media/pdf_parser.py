"""A PDF's text layer: words with the place of every character, ruled cells, and what a reader would not see.

The only importer of pdfplumber. Runs in the parsing process (`inference.media.child`), never in a worker.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pdfplumber
import pdfplumber.page
import pypdfium2
from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect
from pdfplumber.utils.exceptions import PdfminerException

from inference.errors import InputRefused, Refusal
from inference.media import pdf_notices, visibility
from inference.media.fragments import joined

#: Text rendering modes that draw nothing (ISO 32000-1 table 106): 3 and 7.
_INVISIBLE_MODES = (3, 7)
_INVISIBLE = "invisible"
#: A gap wider than this share of the font size separates words; a blank is about 0.25.
_WORD_GAP = 0.18
#: Smaller print cannot be read on paper.
_SMALLEST_POINTS = 2.5
#: More than this many unreadable glyphs on a page is the page's own font, not an ornament.
_UNREADABLE_GLYPHS = 3
_FEWEST_COLUMNS = 2


class _TooManyObjects(Exception):
    """The page has more objects than its limit."""


class _Device(pdfplumber.page.PDFPageAggregatorWithMarkedContent):  # type: ignore[misc]
    """Marks characters that are drawn without ink, and counts objects."""

    objects_left = 0
    _mode = 0

    def render_string(self, textstate: Any, *arguments: Any) -> None:
        """Remember the rendering mode for the characters to come."""
        self._mode = textstate.render
        super().render_string(textstate, *arguments)

    def tag_cur_item(self) -> None:
        """Called by pdfplumber after each object."""
        _Device.objects_left -= 1
        if _Device.objects_left < 0:
            raise _TooManyObjects
        super().tag_cur_item()
        if self._mode in _INVISIBLE_MODES and self.cur_item._objs:  # noqa: SLF001
            self.cur_item._objs[-1].tag = _INVISIBLE  # noqa: SLF001


# pdfplumber constructs its device by this name and offers no other way to put one in.
pdfplumber.page.PDFPageAggregatorWithMarkedContent = _Device


def parse(content: bytes, *, pages: int, objects: int, pixels: int) -> dict[str, Any]:
    """The first pages of a PDF.

    Args:
        content: the file.
        pages: how many to read.
        objects: most objects (characters, lines, images) of one page.
        pixels: most pixels of a page drawn to see what is visible.

    Returns:
        JSON that `inference.media.pages.decode` reads.

    Raises:
        InputRefused: no PDF, damaged, or locked by a password.
    """
    warnings.simplefilter("ignore")
    drawn = _open_drawn(content)
    total = len(drawn)
    try:
        with pdfplumber.open(io.BytesIO(content), pages=list(range(1, pages + 1))) as document:
            read = [_page(page, drawn, objects=objects, pixels=pixels) for page in document.pages]
            notices = pdf_notices.of(document)
    except PdfminerException as error:
        raise _refusal(error) from None
    if not read:
        raise InputRefused(Refusal.CORRUPT, "the file has no pages")
    return {"pages": read, "total": total, "notices": notices}


def _open_drawn(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise InputRefused(Refusal.ENCRYPTED, "the file opens only with a password") from None
        raise InputRefused(Refusal.CORRUPT, "the file is damaged or no PDF") from None


def _refusal(error: PdfminerException) -> InputRefused:
    cause = error.args[0] if error.args else None
    if isinstance(cause, PDFPasswordIncorrect | PDFEncryptionError):
        return InputRefused(Refusal.ENCRYPTED, "the file is encrypted in a way that is not supported")
    if isinstance(cause, MemoryError):
        return InputRefused(Refusal.TOO_COSTLY, "reading needs more memory than its limit")
    return InputRefused(Refusal.CORRUPT, "the file is damaged or no PDF")


def _page(
    page: pdfplumber.page.Page, drawn: pypdfium2.PdfDocument, *, objects: int, pixels: int
) -> dict[str, Any]:
    left, top, right, bottom = page.cropbox
    answer: dict[str, Any] = {
        "number": page.page_number, "width": _round(right - left), "height": _round(bottom - top),
        "words": [], "grids": [], "pictures": [], "unreadable": [], "hidden": 0, "fields": [], "read": True,
    }  # fmt: skip
    _Device.objects_left = objects
    try:
        characters = page.chars
    except PdfminerException as error:
        if error.args and isinstance(error.args[0], _TooManyObjects):
            return {**answer, "read": False}
        raise
    unreadable = [char for char in characters if _is_unreadable(char["text"])]
    words = joined(_words(page))
    canvas = visibility.Canvas.of(drawn[page.page_number - 1], origin=(left, top), pixels=pixels)
    visible = [word for word in words if _is_visible(word, canvas)]
    answer["words"] = [_word(word, left, top) for word in visible if not _is_unreadable(word["text"])]
    answer["hidden"] = len(words) - len(visible)
    if len(unreadable) > _UNREADABLE_GLYPHS:
        answer["unreadable"] = [_box(char, left, top) for char in _by_line(unreadable)]
    answer["grids"] = _grids(page, left, top)
    answer["pictures"] = [_box(image, left, top) for image in page.images]
    answer["fields"] = [_box(field, left, top) for field in pdf_notices.filled_fields(page)]
    return answer


def _words(page: pdfplumber.page.Page) -> list[dict[str, Any]]:
    found = page.extract_words(
        x_tolerance_ratio=_WORD_GAP, y_tolerance=2, extra_attrs=["size", "tag"], return_chars=True
    )
    return [word for word in found if word["upright"]]


def _is_visible(word: Mapping[str, Any], canvas: visibility.Canvas) -> bool:
    if word["size"] < _SMALLEST_POINTS or any(char.get("tag") == _INVISIBLE for char in word["chars"]):
        return False
    box = (word["x0"], word["top"], word["x1"], word["bottom"])
    return canvas.shows(box, colour=word["chars"][0].get("non_stroking_color"))


def _is_unreadable(text: str) -> bool:
    """Pdfminer writes (cid:n) where a font says no character; private use and controls say none either."""
    return "(cid:" in text or any("\ue000" <= char <= "\uf8ff" or char < " " or char == "�" for char in text)


def _by_line(characters: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Boxes of characters joined by line: a place to look at, not letters to count."""
    lines: dict[int, dict[str, float]] = {}
    for char in characters:
        line = lines.setdefault(
            round(char["top"] / 4), {key: char[key] for key in ("x0", "top", "x1", "bottom")}
        )
        for key, better in (("x0", min), ("top", min), ("x1", max), ("bottom", max)):
            line[key] = better(line[key], char[key])
    return [lines[key] for key in sorted(lines)]


def _word(word: Mapping[str, Any], left: float, top: float) -> list[Any]:
    edges = [_round(char["x0"] - left) for char in word["chars"]]
    edges.append(_round(word["x1"] - left))
    return [word["text"], _round(word["top"] - top), _round(word["bottom"] - top), edges]


def _grids(page: pdfplumber.page.Page, left: float, top: float) -> list[dict[str, Any]]:
    grids = []
    for table in page.find_tables():
        rows = [[cell and _shifted(cell, left, top) for cell in row.cells] for row in table.rows]
        if max(sum(cell is not None for cell in row) for row in rows) >= _FEWEST_COLUMNS:
            grids.append({"box": _shifted(table.bbox, left, top), "rows": rows})
    return grids


def _box(thing: Mapping[str, float], left: float, top: float) -> list[float]:
    return _shifted((thing["x0"], thing["top"], thing["x1"], thing["bottom"]), left, top)


def _shifted(box: Sequence[float], left: float, top: float) -> list[float]:
    x0, y0, x1, y1 = box
    return [_round(x0 - left), _round(y0 - top), _round(x1 - left), _round(y1 - top)]


def _round(value: float) -> float:
    return round(float(value), 2)
