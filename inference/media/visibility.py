"""Whether a word of the text layer can be seen: it must leave ink where it claims to stand.

One look at the page as drawn finds white on white, text under a box, transparent text, layers that are
switched off and words outside the page, whatever the means. Runs in the parsing process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2
from PIL.Image import Image

from inference.media.pages import Box

_SCALE = 1.5
#: Levels of grey of 256 between ink and ground that an eye can tell apart on paper.
_CONTRAST = 24
_MARGIN = 2


@dataclass(frozen=True, slots=True)
class Canvas:
    """A page drawn in grey.

    Attributes:
        origin: x and y of the drawn page's corner in the coordinates of the boxes asked for.
    """

    image: Image
    scale: float
    origin: tuple[float, float]

    @classmethod
    def of(cls, page: pypdfium2.PdfPage, *, origin: tuple[float, float], pixels: int) -> Canvas:
        """Draw a page, coarser when it is larger than `pixels`."""
        width, height = page.get_size()
        scale = min(_SCALE, math.sqrt(pixels / max(1.0, width * height)))
        return cls(page.render(scale=scale, grayscale=True).to_pil(), scale, origin)

    def shows(self, box: Box, *, colour: Sequence[float] | None) -> bool:
        """Whether text of this colour in this box can be seen."""
        x0, top = box[0] - self.origin[0], box[1] - self.origin[1]
        x1, bottom = box[2] - self.origin[0], box[3] - self.origin[1]
        place = (
            max(0, math.floor(x0 * self.scale) - _MARGIN),
            max(0, math.floor(top * self.scale) - _MARGIN),
            min(self.image.width, math.ceil(x1 * self.scale) + _MARGIN),
            min(self.image.height, math.ceil(bottom * self.scale) + _MARGIN),
        )
        if place[0] >= place[2] or place[1] >= place[3] or (x0 + x1) < 0 or (top + bottom) < 0:
            return False
        crop = self.image.crop(place)
        darkest, lightest = _extrema(crop)
        if lightest - darkest < _CONTRAST:
            return False
        ink = _grey(colour)
        return ink is None or abs(ink - _ground(crop)) >= _CONTRAST


def _extrema(image: Image) -> tuple[float, float]:
    low, high = image.getextrema()
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    return low, high


def _ground(image: Image) -> int:
    histogram = image.histogram()
    return histogram.index(max(histogram))


def _grey(colour: Any) -> float | None:
    """Luminance 0 to 255 of a device colour; None for patterns and what is no colour."""
    if not isinstance(colour, list | tuple) or not all(isinstance(part, int | float) for part in colour):
        return None
    parts = [float(part) for part in colour]
    if len(parts) == 1:
        return 255 * parts[0]
    if len(parts) == 3:  # noqa: PLR2004
        red, green, blue = parts
        return 255 * (0.299 * red + 0.587 * green + 0.114 * blue)
    if len(parts) == 4:  # noqa: PLR2004
        cyan, magenta, yellow, black = parts
        return 255 * (1 - black) * (1 - (0.299 * cyan + 0.587 * magenta + 0.114 * yellow))
    return None
