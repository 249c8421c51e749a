"""Results as the sender sent them: measurements, reports, specimens. Numbers are text, digit for digit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mappers.domain.attribution import MessageSource
from mappers.domain.coding import Concept
from mappers.domain.documents import ClinicalDocument
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.orders import Note, Order, OrderNotice
from mappers.domain.people import Organization, Patient, Practitioner, Visit
from mappers.domain.standing import Standing, standing
from mappers.domain.times import Moment, Period, TimeOfDay

__all__ = [
    "Container", "LabReport", "Measurement", "Quantity", "Range", "Ratio", "ReferenceRange", "Report",
    "SampledData", "Specimen", "Standing", "Value", "standing",
]  # fmt: skip

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


@dataclass(frozen=True, slots=True)
class Container:
    """What a specimen is in (SPM-27, SPM-6, SAC)."""

    identifiers: tuple[Identifier, ...] = field(default=())
    type: Concept | None = None
    additive: Concept | None = None
    origin: str = "SPM[1]"


@dataclass(frozen=True, slots=True)
class Specimen:
    """A specimen (SPM, or OBR-15).

    Attributes:
        orders: what it was taken for, where no report says so.
        parents: numbers of the specimens that it was made from.
        status: FHIR specimen-status.
        containers: what it is in.
    """

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
    orders: tuple[Identity, ...] = field(default=())
    parents: tuple[Identifier, ...] = field(default=())
    status: str | None = None
    containers: tuple[Container, ...] = field(default=())
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
        promotes: it says only that the result, sent before, has this status now (OBX-11 U).
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
    promotes: bool = False
    origins: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Report:
    """One order's results (ORC, OBR and what hangs below).

    Attributes:
        status: FHIR diagnostic-report-status.
        narrative: the whole text of a report whose results are all text.
        conclusion: the impression, where a result is one.
        complete: the message tells of every result that the order has; one it leaves out is gone.
    """

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
    narrative: str | None = None
    conclusion: str | None = None
    complete: bool = False
    origins: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class LabReport:
    """All that one message says on one patient: results, orders, documents.

    Attributes:
        loose: measurements that hang under no OBR.
        patient_notes: NTE after PID.
        orders: orders that are in themselves what the message says, not the background of a report.
        notices: what is said of orders by their number alone.
        supporting: measurements that support an order (`Order.supporting`).
        specimens: specimens of orders, and those of nobody's report.
        documents: documents of any of these.
    """

    source: MessageSource
    patient: Patient | None
    visit: Visit | None = None
    reports: tuple[Report, ...] = field(default=())
    loose: tuple[Measurement, ...] = field(default=())
    patient_notes: tuple[Note, ...] = field(default=())
    orders: tuple[Order, ...] = field(default=())
    notices: tuple[OrderNotice, ...] = field(default=())
    supporting: tuple[Measurement, ...] = field(default=())
    specimens: tuple[Specimen, ...] = field(default=())
    documents: tuple[ClinicalDocument, ...] = field(default=())
