"""A page with frames around places on it, so that a person can see where a fact came from."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inference.media import sandbox
from inference.media.pages import Box
from inference.media.pdf import DEFAULT, PdfLimits
from mappers.domain import media_types

VALUE: Final = "#d0021b"
BESIDE: Final = "#4a90d9"
FACT: Final = "#2e7d32"
UNREAD: Final = "#f5a623"
_DPI: Final = 110


@dataclass(frozen=True, slots=True)
class Mark:
    """A box in the page's units, and the colour of its frame."""

    box: Box
    colour: str


def draw(content: bytes, number: int, marks: Sequence[Mark], *, limits: PdfLimits = DEFAULT) -> bytes:
    """The page as PNG with the marks on it.

    Args:
        content: PDF or picture.
        number: of the page, from 1.
        marks: what to frame.
        limits: as for reading.

    Raises:
        InputRefused: the page cannot be drawn within the limits.
        ReaderMissing: the library is not installed.
    """
    arguments = {
        "number": number,
        "dpi": _DPI,
        "pixels": limits.pixels,
        "is_pdf": media_types.sniff(content) == media_types.PDF,
        "marks": [[list(mark.box), mark.colour] for mark in marks],
    }
    return base64.b64decode(sandbox.call("overlay", content, arguments=arguments, limits=limits.process))
