"""Phantoms as Wardwire hands them to a model: padded to a square, with boxes on that square."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image

from inference.demo.training.phantoms import Phantom


def framed(
    phantom: Phantom, *, white: bool = False
) -> tuple[Image.Image, Mapping[str, tuple[float, float, float, float]]]:
    """The picture in the middle of a square, and its boxes from 0 to 1 on it: y0, x0, y1, x1."""
    image = phantom.image
    side = max(image.size)
    left, top = (side - image.width) // 2, (side - image.height) // 2
    square = Image.new(image.mode, (side, side), "white" if white else "black")
    square.paste(image, (left, top))
    boxes = {
        name: ((y0 + top) / side, (x0 + left) / side, (y1 + top) / side, (x1 + left) / side)
        for name, (y0, x0, y1, x1) in phantom.boxes.items()
    }
    return square, boxes


def png_of(image: Image.Image) -> bytes:
    """A picture as PNG."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
