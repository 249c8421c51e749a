"""Pages of a PDF drawn as PNG, for OCR and for models that look. Runs in the parsing process."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import pypdfium2

from inference.errors import InputRefused, Refusal

_POINTS_PER_INCH = 72


def render(content: bytes, *, numbers: list[int], dpi: int, pixels: int, grey: bool) -> list[dict[str, Any]]:
    """Draw pages.

    Args:
        content: the file.
        numbers: page numbers from 1.
        dpi: dots per inch, fewer where a page would have more than `pixels`.
        pixels: most pixels of one picture.
        grey: one channel instead of three.

    Raises:
        InputRefused: the file cannot be opened, or has no such page.
    """
    try:
        document = pypdfium2.PdfDocument(content)
        return [_picture(document[number - 1], dpi=dpi, pixels=pixels, grey=grey) for number in numbers]
    except (pypdfium2.PdfiumError, IndexError):
        raise InputRefused(Refusal.CORRUPT, "the page cannot be drawn") from None


def _picture(page: pypdfium2.PdfPage, *, dpi: int, pixels: int, grey: bool) -> dict[str, Any]:
    width, height = page.get_size()
    scale = min(dpi / _POINTS_PER_INCH, math.sqrt(pixels / max(1.0, width * height)))
    stream = io.BytesIO()
    page.render(scale=scale, grayscale=grey).to_pil().save(stream, "PNG", compress_level=1)
    return {"png": base64.b64encode(stream.getvalue()).decode(), "scale": scale}
