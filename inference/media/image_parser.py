"""Pictures of pages (PNG, JPEG, TIFF, BMP, GIF, WebP) to plain PNG. Runs in the parsing process."""

from __future__ import annotations

import base64
import io
import math
import warnings
from typing import Any

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from inference.errors import InputRefused, Refusal

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")


def parse(content: bytes, *, pages: int, pixels: int, factor: float = 1.0) -> dict[str, Any]:
    """The first frames of a picture, upright, each as PNG.

    Args:
        content: the file.
        pages: most frames that are read.
        pixels: most pixels of one frame; a larger one is refused before it is unpacked.
        factor: by which frames are enlarged, as far as `pixels` allows.

    Raises:
        InputRefused: no picture, damaged, or too large.
    """
    Image.MAX_IMAGE_PIXELS = pixels
    # Pillow warns between one and two times the limit and raises beyond.
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            total = getattr(image, "n_frames", 1)
            frames = [
                _frame(frame, factor=factor, pixels=pixels)
                for _, frame in zip(range(pages), ImageSequence.Iterator(image), strict=False)
            ]
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise InputRefused(Refusal.TOO_LARGE, "the picture has more pixels than the limit") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        raise InputRefused(Refusal.CORRUPT, "the picture is damaged or of an unknown kind") from None
    return {"frames": frames, "total": total}


def _frame(frame: Image.Image, *, factor: float, pixels: int) -> dict[str, Any]:
    upright = ImageOps.exif_transpose(frame)
    plain = upright.convert("L" if upright.mode in {"1", "L", "I;16"} else "RGB")
    width, height = plain.size
    scale = min(factor, math.sqrt(pixels / (width * height)))
    if scale > 1:
        plain = plain.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    plain.save(stream, "PNG", compress_level=1)
    png = base64.b64encode(stream.getvalue()).decode()
    return {"png": png, "width": width, "height": height, "scale": plain.width / width}
