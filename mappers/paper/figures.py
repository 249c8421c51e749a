"""A picture with the boxes of what was found in it, each with a number or its name."""

from __future__ import annotations

import io

from reportlab.lib.colors import HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from mappers.domain.sheet import Marked, Picture
from mappers.paper.fonts import BOLD, checked

_TALLEST = 380
_MARK = HexColor("#ffb000")
_DARK = HexColor("#16211f")


class Figure(Flowable):  # type: ignore[misc]
    """The picture, as wide as it may be and no taller than half a page."""

    def __init__(self, picture: Picture, *, width: float) -> None:
        super().__init__()
        scale = min(width / picture.columns, _TALLEST / picture.rows)
        self.picture = picture
        self.width, self.height = picture.columns * scale, picture.rows * scale
        self._scale = scale

    def wrap(self, *_: float) -> tuple[float, float]:
        """Its size."""
        return self.width, self.height

    def draw(self) -> None:
        """The picture, then its boxes."""
        image = ImageReader(io.BytesIO(self.picture.content))
        self.canv.drawImage(image, 0, 0, self.width, self.height)
        for mark in self.picture.marks:
            self._mark(mark)

    def _mark(self, mark: Marked) -> None:
        canvas, scale = self.canv, self._scale
        x0, y0, x1, y1 = mark.box
        # Pixels count from the upper left corner, PDF from the lower left one.
        left, bottom = x0 * scale, self.height - y1 * scale
        width, height = (x1 - x0) * scale, (y1 - y0) * scale
        for colour, line in ((_DARK, 2.6), (_MARK, 1.2)):
            canvas.setStrokeColor(colour)
            canvas.setLineWidth(line)
            canvas.rect(left, bottom, width, height, stroke=1, fill=0)
        if not mark.label:
            return
        label = checked(mark.label)
        wide = stringWidth(label, BOLD, 7) + 6
        x, y = min(left, self.width - wide), min(bottom + height, self.height - 10)
        canvas.setFillColor(_MARK)
        canvas.rect(x, y, wide, 10, stroke=0, fill=1)
        canvas.setFillColor(_DARK)
        canvas.setFont(BOLD, 7)
        canvas.drawString(x + 3, y + 2.6, label)
