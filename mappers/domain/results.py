"""Results as the sender sent them: measurements, reports, specimens. Numbers are text, digit for digit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import total_ordering

from mappers.domain.attribution import MessageSource
from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.orders import Note, Order
from mappers.domain.people import Organization, Patient, Practitioner, Visit
from mappers.domain.times import Moment, Period, TimeOfDay

_DECIMAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
COMPARATORS = frozenset({"<", "<=", ">=", ">"})


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit.

    Attributes:
        value: a FHIR decimal as text; trailing zeros are precision and stay. None when only a unit is known.
        comparator: `<`, `<=`, `>=`, `>` or None.
        unit: the unit as reported.
        code: UCUM code, only where the sender said UCUM or the alias table knows the unit.
    """

    value: str | None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None

    def __post_init__(self) -> None:
        if self.value is not None and not _DECIMAL.fullmatch(self.value):
            raise ValueError("not a FHIR decimal")
        if self.comparator is not None and self.comparator not in COMPARATORS:
            raise ValueError("not a FHIR quantity comparator")


@dataclass(frozen=True, slots=True)
class Range:
    """`low` to `high`, either may be open."""

    low: Quantity | None = None
    high: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """A titre or ratio, 1:128."""

    numerator: Quantity
    denominator: Quantity


@dataclass(frozen=True, slots=True)
class SampledData:
    """A series of samples (NA): `data` blank-separated, channels interleaved; E marks a missing sample.

    Attributes:
        unit: a quantity without a number, the unit of all samples.
    """

    data: str
    dimensions: int
    unit: Quantity | None = None


#: What OBX-5 may mean (standards: v2-to-FHIR, OBX[Observation], table 0125).
Value = Quantity | Range | Ratio | SampledData | Concept | str | Moment | TimeOfDay | Period


@dataclass(frozen=True, slots=True)
class ReferenceRange:
    """OBX-7: always its text, and bounds where the text is a plain range in the value's unit."""

    text: str
    low: Quantity | None = None
    high: Quantity | None = None


@total_ordering
@dataclass(frozen=True, slots=True)
class Standing:
    """How a version of a result ranks against another: an older or lower one never overwrites.

    Attributes:
        rank: registered 0, partial 1, preliminary 2, final and all that follows it 3.
        at: UTC instant text of the version (OBR-22, else MSH-7), "" when unknown.
        order: among versions of one rank and moment: final 0, amended 1, corrected 2, withdrawn 3.
    """

    rank: int
    at: str = ""
    order: int = 0

    def __lt__(self, other: Standing) -> bool:
        if self.rank != other.rank:
            return self.rank < other.rank
        precision = min(len(self.at), len(other.at))
        mine, theirs = self.at[:precision], other.at[:precision]
        if mine != theirs:
            return mine < theirs
        return self.order < other.order

    def encode(self) -> str:
        """One line for a database column."""
        return f"{self.rank}|{self.at}|{self.order}"

    @classmethod
    def decode(cls, text: str) -> Standing:
        """Read what `encode` wrote."""
        rank, at, order = text.split("|")
        return cls(int(rank), at, int(order))


_RANKS = {
    "registered": (0, 0), "partial": (1, 0), "preliminary": (2, 0),
    "final": (3, 0), "amended": (3, 1), "appended": (3, 1), "corrected": (3, 2),
    "cancelled": (3, 3), "entered-in-error": (3, 3), "unknown": (0, 0),
}  # fmt: skip


def standing(status: str, at: Moment | None) -> Standing:
    """The standing of a version with this FHIR status, made at this moment."""
    rank, order = _RANKS[status]
    return Standing(rank, _utc(at), order)


def _utc(at: Moment | None) -> str:
    """A moment as UTC text that sorts; dates without time stay dates."""
    if at is None or not at.is_instant:
        return at.text if at else ""
    try:
        moment = datetime.fromisoformat(at.text.replace(":60", ":59")).astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar, on the other side of UTC
        return at.date
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class Specimen:
    """A specimen (SPM, or OBR-15)."""

    identity: Identity
    identifiers: tuple[Identifier, ...] = field(default=())
    accession: Identifier | None = None
    type: Concept | None = None
    collected: Moment | Period | None = None
    received: Moment | None = None
    method: Concept | None = None
    body_site: Concept | None = None
    conditions: tuple[Concept, ...] = field(default=())
    quantity: Quantity | None = None
    notes: tuple[Note, ...] = field(default=())
    origin: str = "SPM[1]"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One result that the sender sent as OBX.

    Without `value` and `components` there is an `absent_reason`, unless it was cancelled or deleted.

    Attributes:
        status: FHIR observation-status.
        absent_reason: FHIR data-absent-reason code.
        components: all values of an OBX whose OBX-5 repeats; `value` is None then (FHIR obs-7).
        unit: the reported unit where the value cannot carry it: a text, or no value at all.
        origins: labels of the OBX segments joined in it.
    """

    identity: Identity
    code: Concept
    status: str
    standing: Standing
    value: Value | None = None
    absent_reason: str | None = None
    components: tuple[Value, ...] = field(default=())
    unit: Quantity | None = None
    interpretations: tuple[Concept, ...] = field(default=())
    reference_ranges: tuple[ReferenceRange, ...] = field(default=())
    effective: Moment | Period | None = None
    issued: Moment | None = None
    analysed: Moment | None = None
    method: Concept | None = None
    body_site: Concept | None = None
    device: Identifier | None = None
    performers: tuple[Practitioner | Organization, ...] = field(default=())
    identifiers: tuple[Identifier, ...] = field(default=())
    nature_of_abnormality: tuple[Concept, ...] = field(default=())
    category: tuple[Concept, ...] = field(default=())
    notes: tuple[Note, ...] = field(default=())
    specimen: Identity | None = None
    sub_id: str | None = None
    origins: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Report:
    """One order's results (ORC, OBR and what hangs below). `status` is FHIR diagnostic-report-status."""

    identity: Identity
    code: Concept
    status: str
    standing: Standing
    identifiers: tuple[Identifier, ...] = field(default=())
    category: tuple[Concept, ...] = field(default=())
    order: Order | None = None
    effective: Moment | Period | None = None
    issued: Moment | None = None
    performers: tuple[Practitioner | Organization, ...] = field(default=())
    interpreters: tuple[Practitioner, ...] = field(default=())
    measurements: tuple[Measurement, ...] = field(default=())
    specimens: tuple[Specimen, ...] = field(default=())
    notes: tuple[Note, ...] = field(default=())
    conclusion: str | None = None
    origins: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class LabReport:
    """All that one ORU says.

    Attributes:
        loose: measurements that hang under no OBR.
        patient_notes: NTE after PID.
    """

    source: MessageSource
    patient: Patient | None
    visit: Visit | None = None
    reports: tuple[Report, ...] = field(default=())
    loose: tuple[Measurement, ...] = field(default=())
    patient_notes: tuple[Note, ...] = field(default=())
