"""A picture in the middle of a black square, and the way back from the square to its own pixels.

Models of this family squeeze every picture into a square: it is padded first, so that shapes stay shapes and
a box on the square is a box on the picture. Zeros, half of them on the left or on top, the odd one on the
right or below, as the publisher's own notebooks and container do.
"""

from __future__ import annotations

import io
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a source became a square.

    Attributes:
        columns, rows: of the source, in pixels.
        width, height: of what was padded: the source, or a smaller rendering of it.
    """

    columns: int
    rows: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.columns, self.rows, self.width, self.height) < 1:
            raise ValueError("a picture has a pixel")

    @property
    def side(self) -> int:
        """Of the square."""
        return max(self.width, self.height)

    @property
    def left(self) -> int:
        """Columns of padding before the picture."""
        return (self.side - self.width) // 2

    @property
    def top(self) -> int:
        """Rows of padding above the picture."""
        return (self.side - self.height) // 2

    def back(
        self, box: tuple[float, float, float, float], *, grid: float
    ) -> tuple[float, float, float, float] | None:
        """A box on the square as a box in pixels of the source: padding undone first, then the resize.

        Args:
            box: x0, y0, x1, y1, each from 0 to `grid` over the square.
            grid: what the side of the square is divided into.

        Returns:
            x0, y0, x1, y1; None for a box that reaches into the padding by more than one step of the grid,
            which is as exactly as the model can point.
        """
        x0, y0, x1, y1 = (edge / grid * self.side for edge in box)
        step = self.side / grid
        across = _inside(x0 - self.left, x1 - self.left, self.width, step)
        down = _inside(y0 - self.top, y1 - self.top, self.height, step)
        if across is None or down is None:
            return None
        wide, high = self.columns / self.width, self.rows / self.height
        return (across[0] * wide, down[0] * high, across[1] * wide, down[1] * high)


def _inside(low: float, high: float, size: int, step: float) -> tuple[float, float] | None:
    if low < -step or high > size + step:
        return None
    low, high = max(low, 0.0), min(high, float(size))
    return (low, high) if low < high else None


def square(png: bytes, *, columns: int = 0, rows: int = 0) -> tuple[bytes, Letterbox]:
    """A picture as a square PNG with black padding, and how it came about.

    Args:
        png: one of ours, not foreign bytes: it is opened in this process.
        columns: of the source that it was rendered from; 0 for those of the picture.
        rows: likewise.
    """
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(png)) as picture:
        plain = picture.convert("L" if picture.mode in {"1", "L"} else "RGB")
    frame = Letterbox(columns or plain.width, rows or plain.height, plain.width, plain.height)
    if plain.width == plain.height and plain.mode == picture.mode:
        return png, frame
    padded = Image.new(plain.mode, (frame.side, frame.side))
    padded.paste(plain, (frame.left, frame.top))
    stream = io.BytesIO()
    padded.save(stream, "PNG", compress_level=1)
    return stream.getvalue(), frame
