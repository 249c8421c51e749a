"""PDF bytes to pages, through the parsing process. Knows limits, not laboratories."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.media import pages, sandbox
from inference.media.pages import Pages, Picture
from inference.media.sandbox import Limits


@dataclass(frozen=True, slots=True)
class PdfLimits:
    """How much of a file is read.

    Attributes:
        pages: of the first pages; the rest is counted and named, not read.
        objects: characters, lines and pictures of one page.
        pixels: of one drawn page.
        process: what the parsing process may use.
    """

    pages: int = 20
    objects: int = 60_000
    pixels: int = 25_000_000
    process: Limits = field(default=Limits())


DEFAULT = PdfLimits()


def read(content: bytes, *, limits: PdfLimits = DEFAULT) -> Pages:
    """The first pages of a PDF with their words, ruled cells and notices.

    Raises:
        InputRefused: damaged, locked by a password, or over a limit of the process.
        ReaderMissing: pdfplumber is not installed.
    """
    arguments = {"pages": limits.pages, "objects": limits.objects, "pixels": limits.pixels}
    return pages.decode(sandbox.call("pdf", content, arguments=arguments, limits=limits.process))


def render(
    content: bytes, numbers: Sequence[int], *, dpi: int, grey: bool = False, limits: PdfLimits = DEFAULT
) -> tuple[Picture, ...]:
    """Pages drawn as PNG.

    Args:
        content: the file.
        numbers: page numbers from 1.
        dpi: dots per inch; fewer where a page would exceed the limit of pixels.
        grey: one channel instead of three.
        limits: as in `read`.

    Raises:
        InputRefused: the file cannot be drawn within the limits.
        ReaderMissing: pypdfium2 is not installed.
    """
    arguments = {"numbers": list(numbers), "dpi": dpi, "pixels": limits.pixels, "grey": grey}
    drawn = sandbox.call("pdf-render", content, arguments=arguments, limits=limits.process)
    return tuple(Picture(base64.b64decode(page["png"]), page["scale"]) for page in drawn)
