"""The ledger: what became of every segment of a message. In = mapped + kept + reported, always."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Disposition(StrEnum):
    """What became of a segment."""

    MAPPED = "mapped"  # at least one of its facts was written
    KEPT = "kept"  # its text stays verbatim on the Provenance
    REPORTED = "reported"  # an issue says that nothing of it was written, and why


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One segment.

    Attributes:
        segment: label, "OBX[2]".
        paths: FHIR paths written from it, e.g. "Observation.valueQuantity".
        unmapped: its valued fields that were not read, or not written, e.g. "OBX-13".
    """

    segment: str
    disposition: Disposition
    paths: tuple[str, ...] = field(default=())
    unmapped: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Ledger:
    """The rows of one message in the order of its segments."""

    rows: tuple[LedgerRow, ...]

    def count(self, disposition: Disposition) -> int:
        """How many segments met this end."""
        return sum(row.disposition is disposition for row in self.rows)

    def with_lost(self, lost: Iterable[tuple[str, str]]) -> Ledger:
        """The same ledger with fields that were read and not written, as (segment label, field) pairs."""
        fields: dict[str, dict[str, None]] = {}
        for label, name in lost:
            fields.setdefault(label, {})[name] = None
        return Ledger(
            tuple(
                replace(row, unmapped=tuple(dict.fromkeys((*row.unmapped, *fields.get(row.segment, ())))))
                for row in self.rows
            )
        )

    def with_paths(self, written: Iterable[tuple[str, str]]) -> Ledger:
        """The same ledger with the FHIR paths that a writer reports as (segment label, path) pairs."""
        paths: dict[str, dict[str, None]] = {}
        for label, path in written:
            paths.setdefault(label, {})[path] = None
        return Ledger(
            tuple(
                LedgerRow(
                    row.segment, row.disposition, tuple(paths.get(row.segment, row.paths)), row.unmapped
                )
                for row in self.rows
            )
        )
