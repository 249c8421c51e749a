"""What was read off an invented page: rows, printed facts and the report around them."""

from __future__ import annotations

from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.documents import Document
from mappers.domain.extraction import Extracted, ExtractedReport, Method, Printed, PrintedKind, Span
from mappers.domain.results import Quantity
from mappers.domain.times import Moment

SHA = "cd" * 32
DOCUMENT = Document(b"%PDF-1.7 invented", "application/pdf", SHA, "Report", "OBX[6]")


def span(quote: str, page: int = 1) -> Span:
    """A place on a page."""
    return Span(SHA, page, (72.0, 144.25, 96.5, 156.0), quote)


def row(
    name: str,
    number: str,
    unit: str | None = "mmol/L",
    *,
    loinc: str | None = None,
    comparator: str | None = None,
    page: int = 1,
    method: Method = Method.TABLE,
    **more,
) -> Extracted:
    """A confirmed result."""
    codings = (Coding(loinc, LOINC, name),) if loinc else ()
    printed = f"{comparator or ''}{number}"
    if "value" not in more:
        more["value"] = Quantity(number, comparator, unit, unit)
    return Extracted(
        name=name, code=Concept(codings, name), printed=printed, method=method, unit=unit,
        spans=(span(printed, page),), **more,
    )  # fmt: skip


def fact(kind: PrintedKind, text: str, moment: str | None = None) -> Printed:
    """A printed fact."""
    return Printed(kind, kind.value, text, span(text), Moment(moment) if moment else None)


def report(*rows: Extracted, printed: tuple[Printed, ...] = (), **more) -> ExtractedReport:
    """A document read on its only page."""
    more.setdefault("pages_read", (1,))
    more.setdefault("pages_total", 1)
    more.setdefault("coverage", "page 1 of 1")
    return ExtractedReport(document=DOCUMENT, printed=printed, rows=rows, **more)
