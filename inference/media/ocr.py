"""Pictures to words by tesseract, where it is installed. It runs under the limits of the parsing process."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from inference.errors import ReaderMissing
from inference.media import sandbox
from inference.media.pages import Word
from inference.media.sandbox import Limits

#: Dots per inch of pages drawn for OCR: below 200 digits suffer, above 300 only time does.
DPI = 250
#: The size of the second reading, as a share of the first.
SECOND = 1.4

_DASHES = frozenset("-\u2013\u2014=+")
#: Share of the usual height below which a mark is no letter, and certainty below which it is no word.
_FLAT = 0.4
_NOISE = 30.0

_PROGRAM = "tesseract"
_WORD_LEVEL = "5"
# Far more than it needs for a page; fewer and it gives up in the middle of large pictures.
_PROCESS = Limits(seconds=120.0, memory_bytes=2 * 2**30)


def available() -> bool:
    """Whether pictures can be read here."""
    return shutil.which(_PROGRAM) is not None


def read(png: bytes, *, scale: float = 1.0, process: Limits = _PROCESS) -> tuple[Word, ...]:
    """The words of a picture.

    Args:
        png: the picture.
        scale: pixels of the picture for one unit of the page; boxes are given in the page's units.
        process: what tesseract may use.

    Raises:
        ReaderMissing: tesseract is not installed.
        InputRefused: it failed, or reached a limit.
    """
    if not available():
        raise ReaderMissing("no OCR here: install tesseract-ocr")
    table = sandbox.program([_PROGRAM, "stdin", "stdout", "--dpi", str(DPI), "tsv"], png, limits=process)
    words = list(_words(table.decode("utf-8", "replace"), scale))
    return tuple(word for word in words if _is_writing(word, words))


def agreed(words: Sequence[Word], again: Sequence[Word]) -> tuple[Word, ...]:
    """The words of one reading; digits that another reading of the same page does not repeat are uncertain.

    A lost decimal point is the error that looks right. It rarely happens twice at two sizes.

    Args:
        words: the reading that counts.
        again: the same page read at another size, in the same units.
    """
    return tuple(
        word if not _has_digit(word.text) or _over(word, again) == word.text else replace(word, certainty=0.0)
        for word in words
    )


def _has_digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def _over(word: Word, again: Sequence[Word]) -> str:
    """What the other reading says in the place of a word."""
    x0, top, x1, bottom = word.box
    there = []
    for other in again:
        left, upper, right, lower = other.box
        shared = min(x1, right) - max(x0, left)
        if shared > 0.5 * min(x1 - x0, right - left) and min(bottom, lower) - max(top, upper) > 0:
            there.append(other)
    return "".join(other.text for other in sorted(there, key=lambda other: other.box[0]))


def _is_writing(word: Word, words: Sequence[Word]) -> bool:
    """Whether a word is one: dotted leaders and lines come back as letters, flat or uncertain."""
    if word.text in _DASHES:
        return True
    height = word.box[3] - word.box[1]
    usual = median(other.box[3] - other.box[1] for other in words)
    return height > _FLAT * usual and word.certainty > _NOISE


def _words(table: str, scale: float) -> Iterator[Word]:
    for row in csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row["text"] or "").strip()
        if row["level"] != _WORD_LEVEL or not text:
            continue
        x0, top = int(row["left"]) / scale, int(row["top"]) / scale
        x1, bottom = x0 + int(row["width"]) / scale, top + int(row["height"]) / scale
        step = (x1 - x0) / len(text)
        edges = tuple(round(x0 + step * index, 2) for index in range(len(text) + 1))
        box = (round(x0, 2), round(top, 2), round(x1, 2), round(bottom, 2))
        yield Word(text, box, edges, certainty=float(row["conf"]))
