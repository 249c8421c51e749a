"""Pictures of pages to plain PNG frames, through the parsing process."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from inference.media import sandbox
from inference.media.sandbox import Limits

_PROCESS = Limits()


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: PNG bytes, its own width and height in pixels, and how much larger the PNG is."""

    png: bytes
    width: int
    height: int
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames that were read, and how many there are."""

    frames: tuple[Frame, ...]
    total: int


def read(
    content: bytes,
    *,
    pages: int = 20,
    pixels: int = 60_000_000,
    factor: float = 1.0,
    process: Limits = _PROCESS,
) -> Frames:
    """The first frames of a picture, upright.

    Args:
        content: PNG, JPEG, TIFF, BMP, GIF or WebP.
        pages: most frames that are read.
        pixels: most pixels of one frame.
        factor: by which the PNG of a frame is enlarged, as far as `pixels` allows.
        process: what the parsing process may use.

    Raises:
        InputRefused: damaged, of another kind, or too large.
        ReaderMissing: Pillow is not installed.
    """
    answer = sandbox.call(
        "image", content, arguments={"pages": pages, "pixels": pixels, "factor": factor}, limits=process
    )
    frames = (
        Frame(base64.b64decode(frame["png"]), frame["width"], frame["height"], frame["scale"])
        for frame in answer["frames"]
    )
    return Frames(tuple(frames), answer["total"])
