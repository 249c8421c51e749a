"""Pictures on their way to a model of the Gemma 3 family, which squeezes every one into a square.

What is not square yet is a page of a document: it is padded with white on the right or below, so that letters
keep their shape. Images that boxes come back from are squared by their task.
"""

from __future__ import annotations

import io
from typing import Any


def opened(png: bytes) -> Any:
    """A square picture in RGB (Pillow)."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    image = Image.open(io.BytesIO(png)).convert("RGB")
    side = max(image.size)
    return ImageOps.pad(image, (side, side), color="white", centering=(0, 0))


def squared(png: bytes) -> bytes:
    """The same as PNG; what is square already stays byte for byte what it is."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(io.BytesIO(png)) as image:
        if image.width == image.height:
            return png
    stream = io.BytesIO()
    opened(png).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
