"""ST, TX, FT: text as it is meant to be shown."""

from __future__ import annotations

from mappers.hl7v2.elements import SegmentReader


def lines(segment: SegmentReader, n: int) -> str | None:
    """A field of TX or FT as one text, its repetitions as lines (chapter 2A, TX); None when it is empty.

    Indentation stays; blanks at line ends and empty lines around the text go.
    """
    text = "\n".join(element.verbatim() for element in segment.repetitions(n))
    text = text.strip("\r\n")
    return text if text and not text.isspace() else None
