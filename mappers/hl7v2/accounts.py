"""The account of one message: which segments were read, and what became of each.

In = mapped + kept + reported. A segment of which a value was taken is mapped; one that was rejected with an
issue, or is empty, is reported; all others are kept verbatim.
"""

from __future__ import annotations

from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.ledger import Disposition, Ledger, LedgerRow
from mappers.hl7v2.elements import Context, SegmentReader
from mappers.hl7v2.tokens import Message, Segment


class Account:
    """Readers of a message's segments, each made once."""

    def __init__(self, message: Message, context: Context) -> None:
        self.context = context
        self._message = message
        self._readers: dict[int, SegmentReader] = {}
        self._reported: set[int] = set()

    def reader(self, segment: Segment) -> SegmentReader:
        """The reader of a segment."""
        reader = self._readers.get(segment.index)
        if reader is None:
            reader = self._readers[segment.index] = SegmentReader(segment, self.context)
        return reader

    def report(self, segment: Segment) -> None:
        """An issue says why nothing of this segment is written."""
        self._reported.add(segment.index)

    def close(self) -> tuple[Ledger, tuple[tuple[str, str], ...]]:
        """The ledger, and (label, text) of the segments that are kept."""
        rows: list[LedgerRow] = []
        kept: list[tuple[str, str]] = []
        for segment in self._message.segments:
            row = self._row(segment)
            rows.append(row)
            if row.disposition is Disposition.KEPT:
                kept.append((segment.label, segment.text))
        return Ledger(tuple(rows)), tuple(kept)

    def _row(self, segment: Segment) -> LedgerRow:
        reader = self._readers.get(segment.index)
        if reader is not None and reader.touched:
            return LedgerRow(segment.label, Disposition.MAPPED, unmapped=reader.unmapped())
        unmapped = self.reader(segment).unmapped()
        if segment.index in self._reported:
            return LedgerRow(segment.label, Disposition.REPORTED, unmapped=unmapped)
        if not unmapped:
            text = "an empty segment was left out"
            self.context.issues.append(
                Issue(Severity.INFORMATION, IssueCode.INFORMATIONAL, segment.label, text)
            )
            return LedgerRow(segment.label, Disposition.REPORTED)
        return LedgerRow(segment.label, Disposition.KEPT, unmapped=unmapped)
