"""Boxes drawn on a picture of ours, for people: what a finding points at. The original is never altered."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Longest side of a drawn picture: a report is printed and mailed, the original stays where it is.
_LONGEST: Final = 1600
_COLOURS: Final = ((255, 196, 0), (0, 200, 255), (255, 96, 160), (120, 230, 90))
_FOOT: Final = "Draft: boxes by a model, not checked. Not for diagnosis."


@dataclass(frozen=True, slots=True)
class Mark:
    """A box in pixels of the source, x0, y0, x1, y1, and its words."""

    box: tuple[float, float, float, float]
    words: str


def draw(png: bytes, marks: Sequence[Mark], *, columns: int, rows: int, foot: str = _FOOT) -> bytes:
    """The picture as PNG in colour with its boxes.

    Args:
        png: one of ours, not foreign bytes: it is opened in this process.
        marks: what to draw.
        columns: of the source that the boxes are measured in.
        rows: likewise.
        foot: a line below the picture; "" for none.
    """
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((_LONGEST, _LONGEST))
    size = max(11, max(picture.size) // 60)
    font = ImageFont.load_default(size)
    margin = 2 * size if foot else 0
    sheet = Image.new("RGB", (picture.width, picture.height + margin))
    sheet.paste(picture, (0, 0))
    pen = ImageDraw.Draw(sheet)
    wide, high = picture.width / columns, picture.height / rows
    for number, mark in enumerate(marks):
        colour = _COLOURS[number % len(_COLOURS)]
        x0, y0, x1, y1 = mark.box
        # Pillow's rectangles include their last pixel.
        corners = (x0 * wide, y0 * high, x1 * wide - 1, y1 * high - 1)
        pen.rectangle(_ordered(corners), outline=colour, width=max(1, size // 6))
        label = f"{number + 1} {mark.words}".strip()
        left, top, right, bottom = pen.textbbox((0, 0), label, font=font)
        at = (
            min(max(corners[0], 0), max(0, picture.width - (right - left) - 4)),
            max(corners[1] - (bottom - top) - 6, 0),
        )
        pen.rectangle((*at, at[0] + right - left + 4, at[1] + bottom + 3), fill=(0, 0, 0))
        pen.text((at[0] + 2 - left, at[1] + 1), label, font=font, fill=colour)
    if foot:
        pen.text((4, picture.height + size // 3), foot, font=font, fill=(255, 255, 255))
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def smaller(png: bytes, *, longest: int = 1200) -> bytes:
    """A picture as PNG, no side of it longer than `longest`; one of ours, not foreign bytes."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(png)) as opened:
        if max(opened.size) <= longest:
            return png
        picture = opened.copy()
    picture.thumbnail((longest, longest))
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _ordered(corners: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A box thinner than a pixel of a smaller picture still has one."""
    x0, y0, x1, y1 = corners
    return (x0, y0, max(x0, x1), max(y0, y1))
