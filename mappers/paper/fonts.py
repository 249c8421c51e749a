"""The letters of the PDF: FiraGO (SIL Open Font License 1.1, from the package pymupdf-fonts).

A character that cannot be drawn as it should be is refused, never replaced: scripts that are written from
right to left, or whose letters join or stack, need shaping that is not done here.
"""

from __future__ import annotations

import io
import unicodedata
from functools import cache

import pymupdf_fonts
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = "WardwireSans", "WardwireSans-Bold"
_FILES = {REGULAR: "figo", BOLD: "figbo"}
#: Bidirectional classes of letters that run from right to left, and of marks that turn the direction.
_TURNING = frozenset({"R", "AL", "AN", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
#: Scripts of the font whose letters need shaping, by the first word of their Unicode names.
_SHAPED = ("DEVANAGARI", "THAI", "ARABIC", "HEBREW")
#: Drawn as the plain character that they stand for on paper.
_SAME_ON_PAPER = {"\u2011": "-", "\u202f": "\u00a0", "\u2007": "\u00a0", "\t": " "}


class Undrawable(ValueError):
    """A character that the letters here cannot draw; the PDF is not made."""


@cache
def _loaded() -> dict[str, frozenset[int]]:
    """Both cuts, known to reportlab, and the characters that each has."""
    covered = {}
    for name, key in _FILES.items():
        font = TTFont(name, io.BytesIO(pymupdf_fonts.myfont(key)))
        pdfmetrics.registerFont(font)
        covered[name] = frozenset(font.face.charToGlyph)
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
    return covered


def checked(text: str) -> str:
    """The text as it is to be drawn: composed, spaces and hyphens plain.

    Raises:
        Undrawable: it holds a character that cannot be drawn. The message does not repeat it.
    """
    composed = unicodedata.normalize("NFC", text)
    drawn = "".join(_SAME_ON_PAPER.get(character, character) for character in composed)
    covered = frozenset.intersection(*_loaded().values())
    for character in set(drawn) - {"\n"}:
        if ord(character) not in covered or _needs_shaping(character):
            raise Undrawable("a character cannot be drawn in the PDF")
    return drawn


def _needs_shaping(character: str) -> bool:
    if unicodedata.bidirectional(character) in _TURNING or unicodedata.combining(character):
        return True
    return unicodedata.name(character, "").startswith(_SHAPED)
