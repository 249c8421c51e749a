"""Pictures of pages to plain PNG frames, through the parsing process."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from inference.media import sandbox
from inference.media.sandbox import Limits

_PROCESS = Limits()


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: PNG bytes, width and height in pixels."""

    png: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames that were read, and how many there are."""

    frames: tuple[Frame, ...]
    total: int


def read(content: bytes, *, pages: int = 20, pixels: int = 60_000_000, process: Limits = _PROCESS) -> Frames:
    """The first frames of a picture, upright.

    Args:
        content: PNG, JPEG, TIFF, BMP, GIF or WebP.
        pages: most frames that are read.
        pixels: most pixels of one frame.
        process: what the parsing process may use.

    Raises:
        InputRefused: damaged, of another kind, or too large.
        ReaderMissing: Pillow is not installed.
    """
    answer = sandbox.call("image", content, arguments={"pages": pages, "pixels": pixels}, limits=process)
    frames = (
        Frame(base64.b64decode(frame["png"]), frame["width"], frame["height"]) for frame in answer["frames"]
    )
    return Frames(tuple(frames), answer["total"])
