"""NTE: comments."""

from __future__ import annotations

from mappers.domain.issues import IssueCode
from mappers.domain.orders import Note
from mappers.hl7v2.datatypes import people, texts, times
from mappers.hl7v2.elements import SegmentReader


def read(nte: SegmentReader) -> Note | None:
    """A comment, its repetitions as lines; None, said, when it has no text."""
    comment = texts.lines(nte, 3)
    if comment is None:
        nte.first(3).inform(IssueCode.INFORMATIONAL, "a comment without text was left out")
        return None
    return Note(comment, nte.label, author=people.xcn(nte.first(5)), time=times.dtm(nte.first(6)))
