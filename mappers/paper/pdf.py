"""A sheet as PDF: the same sheet gives the same bytes, and what it is stands on every page.

Layout is `reportlab`'s; this module says what stands where. Pictures are drawn with their boxes on them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from mappers.domain.sheet import Fact, Passage, Results, Row, Sheet, Signed
from mappers.paper.figures import Figure
from mappers.paper.fonts import BOLD, REGULAR, checked
from mappers.paper.pages import INK, LINE, MARGIN, SOFT, Furniture, NumberedCanvas

_WIDTH = A4[0] - 2 * MARGIN
_WASH = HexColor("#f3f6f6")
_AI_WASH = HexColor("#fdf3dc")
_PERSON_WASH = HexColor("#e6f2ee")
_LEADING = 1.42


def _style(size: float, *, bold: bool = False, colour: Any = INK, **more: Any) -> ParagraphStyle:
    font = BOLD if bold else REGULAR
    return ParagraphStyle(
        f"{font}{size}", fontName=font, fontSize=size, leading=size * _LEADING, textColor=colour, **more
    )


_BODY = _style(9.5)
_STRONG = _style(9.5, bold=True)
_SMALL = _style(8, colour=SOFT)
_LABEL = _style(8, colour=SOFT)
_TITLE = _style(16, bold=True, spaceAfter=3)
_HEADING = _style(11, bold=True, spaceBefore=12, spaceAfter=4)
_FLAG = _style(9.5, bold=True, colour=HexColor("#a3241c"), alignment=TA_RIGHT)


def write(sheet: Sheet) -> bytes:
    """The PDF.

    Raises:
        Undrawable: it holds a character that the letters here cannot draw.
    """
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=Furniture.TOP,
        bottomMargin=Furniture.BOTTOM,
        invariant=1,
        title=checked(sheet.title),
        author="Wardwire",
        subject=sheet.stage.value,
        creator="Wardwire",
        lang="en",
    )
    furniture = Furniture.of(sheet)
    document.build(
        list(_story(sheet)),
        onFirstPage=furniture.under,
        onLaterPages=furniture.under,
        canvasmaker=partial(NumberedCanvas, furniture=furniture),
    )
    return stream.getvalue()


def _words(text: str, style: ParagraphStyle = _BODY) -> Paragraph:
    """A paragraph of plain words: nothing in them is markup."""
    return Paragraph(escape(checked(text)).replace("\n", "<br/>"), style)


def _story(sheet: Sheet) -> Iterator[Flowable]:
    yield _words(sheet.title, _TITLE)
    yield Spacer(1, 4)
    if sheet.facts:
        yield _facts(sheet.facts)
    for block in sheet.blocks:
        yield from _results(block) if isinstance(block, Results) else _passage(block)
    for number, picture in enumerate(sheet.pictures, 1):
        caption = _words(f"Picture {number}. {picture.caption}".rstrip(), _SMALL)
        yield KeepTogether([Spacer(1, 12), Figure(picture, width=_WIDTH), Spacer(1, 3), caption])
    yield from _end(sheet)


def _facts(facts: Sequence[Fact]) -> Table:
    """The head, two facts a line."""
    cells = [[_words(fact.label, _LABEL), _words(fact.text, _STRONG)] for fact in facts]
    rows = [[*cells[i], *(cells[i + 1] if i + 1 < len(cells) else ["", ""])] for i in range(0, len(cells), 2)]
    label, value = 0.14, 0.36
    table = Table(rows, colWidths=[_WIDTH * label, _WIDTH * value] * 2)
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), _WASH),
                ("LINEABOVE", (0, 0), (-1, 0), 0.8, LINE),
                ("LINEBELOW", (0, -1), (-1, -1), 0.8, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    return table


def _passage(passage: Passage) -> Iterator[Flowable]:
    yield CondPageBreak(60)
    yield _words(passage.title + (" - written by a model" if passage.by_model else ""), _HEADING)
    for paragraph in passage.paragraphs:
        yield _words(paragraph)
        yield Spacer(1, 4)


def _results(results: Results) -> Iterator[Flowable]:
    yield CondPageBreak(80)
    yield _words(results.title, _HEADING)
    head = [_words(word, _LABEL) for word in ("Name", "Result", "Flag", "Reference")]
    widths = [_WIDTH * part for part in (0.42, 0.27, 0.08, 0.23)]
    table = Table([head, *map(_row, results.rows)], colWidths=widths, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, LINE),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                *_washes(results.rows),
            ]
        )
    )
    yield table


def _washes(rows: Sequence[Row]) -> Iterator[tuple[Any, ...]]:
    """Behind what a model said, and behind what a person changed."""
    for number, row in enumerate(rows, 1):
        if row.by_person or row.by_model:
            wash = _PERSON_WASH if row.by_person else _AI_WASH
            yield ("BACKGROUND", (0, number), (-1, number), wash)


def _row(row: Row) -> list[Any]:
    small = [row.detail, "by a model" if row.by_model else "", "changed by a person" if row.by_person else ""]
    said = " · ".join(part for part in small if part)
    name: list[Any] = [_words(row.name, _STRONG), *([_words(said, _SMALL)] if said else [])]
    return [name, _words(row.result, _STRONG), _words(row.flag, _FLAG), _words(row.reference)]


def _end(sheet: Sheet) -> Iterator[Flowable]:
    """Signatures and notes, together where they fit."""
    parts: list[Flowable] = [Spacer(1, 14)]
    parts += [_signature(signed) for signed in sheet.signatures]
    if not sheet.signatures:
        parts.append(_words("Not signed by anybody.", _STRONG))
    parts.append(Spacer(1, 8))
    parts += [_words(note, _SMALL) for note in sheet.notes]
    yield KeepTogether(parts)


def _signature(signed: Signed) -> Table:
    cells = [[_words("Signed by", _LABEL), _words("On", _LABEL), _words("Meaning", _LABEL)]]
    cells.append(
        [_words(signed.name, _STRONG), _words(signed.when, _STRONG), _words(signed.meaning, _STRONG)]
    )
    table = Table(cells, colWidths=[_WIDTH * part for part in (0.36, 0.28, 0.36)])
    table.setStyle(
        TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), 0.8, LINE),
                ("BACKGROUND", (0, 0), (-1, -1), _WASH),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table
