"""TQ1: when, and with which instructions. Standard: v2-to-FHIR 1.0.0 TQ1[ServiceRequest]."""

from __future__ import annotations

from mappers.domain.orders import Note
from mappers.domain.times import Moment, Period
from mappers.hl7v2.datatypes import texts, times
from mappers.hl7v2.elements import Element, SegmentReader


def occurrence(tq1: SegmentReader) -> Moment | Period | None:
    """From TQ1-7 to TQ1-8."""
    return between(tq1.first(7), tq1.first(8))


def between(start: Element, end: Element) -> Moment | Period | None:
    """The time between two, either of which may be missing."""
    first, last = times.dtm(start), times.dtm(end)
    return Period(first, last) if last else first


def instructions(tq1: SegmentReader) -> tuple[Note, ...]:
    """Condition (TQ1-10) and instruction (TQ1-11), in words."""
    words = (texts.lines(tq1, n) for n in (10, 11))
    return tuple(Note(text, tq1.label) for text in words if text)
