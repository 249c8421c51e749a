"""Facts read off a document, each with the place that it was read from. Never a sender's own result.

A `Measurement` was sent as OBX, an `Extracted` was read by us, a `Finding` was judged by a model: three
types, so that none can stand where another belongs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from mappers.domain.attribution import ModelRun
from mappers.domain.coding import Concept
from mappers.domain.documents import Document
from mappers.domain.issues import Issue
from mappers.domain.results import Quantity, Range, Ratio, ReferenceRange
from mappers.domain.times import Moment

_DIGITS = re.compile(r"\d+")


class Method(StrEnum):
    """How a fact was read: from a table or a line of a text layer, from a picture by OCR, by a model."""

    TABLE = "table"
    TEXT = "text"
    OCR = "ocr"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Span:
    """Where a fact stands.

    Attributes:
        document_sha256: hex digest of the document's bytes.
        page: counted from 1.
        bbox: x0, top, x1, bottom from the page's upper left corner as it is shown; PDF points (1/72 inch),
            or pixels where the document is a picture.
        quote: the characters that stand there.
    """

    document_sha256: str
    page: int
    bbox: tuple[float, float, float, float]
    quote: str

    def __post_init__(self) -> None:
        x0, top, x1, bottom = self.bbox
        if self.page < 1 or x0 > x1 or top > bottom or not self.quote:
            raise ValueError("a span needs a page from 1, an ordered box and a quote")


#: What a laboratory prints in the place of a result.
ExtractedValue = Quantity | Range | Ratio | Concept | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """One result of a document.

    A value is written only when it is confirmed: its digits stand in a span. What a model claims and no span
    bears out keeps `printed` alone and is shown, never written as a value.

    Attributes:
        name: the analyte as printed.
        key: the analyte in Wardwire's table, e.g. "hgb"; None when the table does not know it.
        code: its concept: text is `name`; a LOINC coding where analyte, specimen, property and unit agree.
        printed: the result as printed, digit for digit, comparator included ("<0,01").
        value: its meaning; None when unconfirmed or when there is none.
        absent_reason: FHIR data-absent-reason code where the document says that there is no result.
        unit: as printed; the UCUM code is in the quantity.
        reference_range: as printed, with bounds where it is plain.
        flag: as printed ("H", "*").
        interpretation: what the flag means (v3 ObservationInterpretation), where it is known.
        specimen: as printed, or None.
        effective: when the specimen was taken, as far as the document says.
        effective_printed: that date as printed.
        panel: the heading that the result stands under.
        spans: where it stands; the first one holds the value.
        confirmed: whether the printed digits stand in a span.
        also: further methods that read the same value.
    """

    name: str
    code: Concept
    printed: str
    method: Method
    key: str | None = None
    value: ExtractedValue | None = None
    absent_reason: str | None = None
    unit: str | None = None
    reference_range: ReferenceRange | None = None
    flag: str | None = None
    interpretation: Concept | None = None
    specimen: Concept | None = None
    effective: Moment | None = None
    effective_printed: str | None = None
    panel: str | None = None
    spans: tuple[Span, ...] = field(default=())
    confirmed: bool = True
    also: tuple[Method, ...] = field(default=())
    issues: tuple[Issue, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.confirmed and self.value is not None:
            raise ValueError("an unconfirmed result has no value")
        if self.confirmed and not self.spans:
            raise ValueError("a confirmed result stands somewhere")
        if self.confirmed and _DIGITS.findall(self.printed) != _DIGITS.findall(self.spans[0].quote):
            raise ValueError("the digits of a confirmed result are those of its span")


class PrintedKind(StrEnum):
    """What a document prints about itself, beside results."""

    PATIENT_NAME = "patient-name"
    BIRTH_DATE = "birth-date"
    GENDER = "gender"
    PATIENT_ID = "patient-id"
    ORDER_NUMBER = "order-number"
    ACCESSION = "accession"
    COLLECTED = "collected"
    RECEIVED = "received"
    REPORTED = "reported"
    REQUESTER = "requester"
    LABORATORY = "laboratory"
    SPECIMEN = "specimen"


@dataclass(frozen=True, slots=True)
class Printed:
    """A fact about the patient, the order or the report as a whole.

    Attributes:
        label: the words beside it ("MRN").
        text: as printed.
        moment: its meaning where it is a date that can be read in one way only.
    """

    kind: PrintedKind
    label: str
    text: str
    span: Span
    moment: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedReport:
    """All that was read off one document.

    Attributes:
        pages_read: numbers of the pages that were read, from 1.
        pages_total: 0 when the document does not say.
        coverage: for people: "pages 1-3 of 7".
        printed: what the page says of patient, order and times, to be compared with the message.
        model_run: the run that spoke, None when no model did.
        unread: the places that hold what may be results and that nobody could read.
        issues: what was odd about the document as a whole.
    """

    document: Document
    pages_read: tuple[int, ...]
    pages_total: int
    coverage: str
    printed: tuple[Printed, ...] = field(default=())
    rows: tuple[Extracted, ...] = field(default=())
    model_run: ModelRun | None = None
    unread: tuple[Span, ...] = field(default=())
    issues: tuple[Issue, ...] = field(default=())

    def facts(self, kind: PrintedKind) -> tuple[Printed, ...]:
        """The printed facts of one kind in the order of the pages."""
        return tuple(fact for fact in self.printed if fact.kind is kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An extracted report that waits for a named human, whatever the method that read it.

    Attributes:
        reasons: why a person has to look, for people: "2 values are unconfirmed".
        issues: where it disagrees with what the sender sent.
    """

    report: ExtractedReport
    reasons: tuple[str, ...] = field(default=())
    issues: tuple[Issue, ...] = field(default=())
