"""DG1: why something was ordered."""

from __future__ import annotations

from dataclasses import replace

from mappers.domain.coding import Concept
from mappers.hl7v2.datatypes import codes
from mappers.hl7v2.elements import SegmentReader


def read(dg1: SegmentReader) -> Concept | None:
    """The diagnosis of DG1-3, with the words of DG1-4 (withdrawn in v2.7) where it has none of its own."""
    found = codes.cwe(dg1.first(3)) if dg1.valued(3) else None
    words = dg1.first(4).peek()
    if words is None:
        return found
    if found is None:
        dg1.first(4).take()
        return Concept(text=words)
    if found.text is None:
        dg1.first(4).take()
        return replace(found, text=words)
    return found
