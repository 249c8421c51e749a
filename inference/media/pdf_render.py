"""Pages of a PDF drawn as PNG, for OCR and for models that look. Runs in the parsing process."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import pypdfium2
from PIL import Image, ImageDraw

from inference.errors import InputRefused, Refusal
from inference.media import image_parser

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


def overlay(  # noqa: PLR0913  (JSON arguments of a job)
    content: bytes, *, number: int, dpi: int, pixels: int, is_pdf: bool, marks: list[tuple[list[float], str]]
) -> str:
    """A page with frames on it, as base64 of a PNG.

    Args:
        content: PDF, or a picture.
        number: of the page, from 1; of the frame, for a picture.
        dpi: dots per inch of a drawn PDF.
        pixels: most pixels of the result.
        is_pdf: whether `content` is a PDF.
        marks: box in the page's units, and colour.

    Raises:
        InputRefused: there is no such page.
    """
    if is_pdf:
        [drawn] = render(content, numbers=[number], dpi=dpi, pixels=pixels, grey=False)
        source, scale = base64.b64decode(drawn["png"]), drawn["scale"]
    else:
        frame = image_parser.parse(content, pages=number, pixels=pixels)["frames"][number - 1]
        source, scale = base64.b64decode(frame["png"]), 1.0
    image = Image.open(io.BytesIO(source)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for (x0, top, x1, bottom), colour in marks:
        pen.rectangle(
            [x0 * scale - 2, top * scale - 2, x1 * scale + 2, bottom * scale + 2], outline=colour, width=2
        )
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _picture(page: pypdfium2.PdfPage, *, dpi: int, pixels: int, grey: bool) -> dict[str, Any]:
    width, height = page.get_size()
    scale = min(dpi / _POINTS_PER_INCH, math.sqrt(pixels / max(1.0, width * height)))
    stream = io.BytesIO()
    page.render(scale=scale, grayscale=grey).to_pil().save(stream, "PNG", compress_level=1)
    return {"png": base64.b64encode(stream.getvalue()).decode(), "scale": scale}
