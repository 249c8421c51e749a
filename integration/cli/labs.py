"""`wardwire labs`: the results of a laboratory report, each with its place on the page.

No store, no message.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from integration import settings as configuration
from integration.errors import SettingsInvalid

if TYPE_CHECKING:
    from mappers.domain.extraction import Extracted, ExtractedReport


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--draw", type=click.Path(path_type=Path), help="Draw the places on the first page with results, as PNG."
)
@click.option("--page", type=int, help="Draw this page instead.")
@click.option("--channel", "channel_name", default="default", show_default=True, help="Apply its settings.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object with the rows, what is printed, and issues."
)
@click.option(
    "--fhir", "as_fhir", is_flag=True, help="A FHIR R4 transaction Bundle: the document and the draft."
)
@click.pass_obj
def labs(  # noqa: PLR0913  (one argument an option)
    config: Path | None,
    file: Path,
    draw: Path | None,
    page: int | None,
    channel_name: str,
    *,
    as_json: bool,
    as_fhir: bool,
) -> None:
    """Read a laboratory report (PDF or picture) and print its results as a JSON list.

    What is left unread, and why, is said on stderr without any content. Exit code 1 if the file was refused.

    \b
    Example:
      wardwire labs report.pdf --draw places.png
      wardwire labs report.pdf --fhir > bundle.json
    """
    from inference.errors import InferenceError
    from inference.runs import MemoryMemo
    from inference.tasks import lab_report
    from integration.wiring import stores
    from integration.wiring.models import build_models
    from integration.wiring.readers import LabReader

    settings = configuration.load(config)
    if channel_name not in settings.channels:
        raise SettingsInvalid(f"there is no [channels.{channel_name}]")
    reader = LabReader(settings, models=build_models(settings), memo=MemoryMemo(), clock=stores.now)
    content = file.read_bytes()
    try:
        document = lab_report.document_of(content)
        report = reader.read(document, channel=channel_name, with_model=reader.has_model)
        picture = _drawn(content, report, page) if draw else None
    except InferenceError as error:
        click.echo(f"wardwire labs: refused: {error}", err=True)
        sys.exit(1)
    if draw and picture is not None:
        draw.write_bytes(picture)
    for issue in report.issues:
        click.echo(f"{issue.severity.value}: {issue.location or 'document'}: {issue.text}", err=True)
    if as_fhir:
        click.echo(_fhir(report, reader.task, settings), nl=False)
        return
    rows = [row_json(row) for row in report.rows]
    shown: Any = {**report_json(report), "rows": rows} if as_json else rows
    click.echo(json.dumps(shown, ensure_ascii=False, indent=None if as_json else 1))


def _fhir(report: ExtractedReport, task: str, settings: configuration.Settings) -> bytes:
    """The Bundle as one line."""
    from integration.flows.labs_bundle import bundle_of
    from integration.store.ids import utc_text
    from integration.wiring import stores
    from integration.wiring.terms import responsible
    from mappers.domain.times import Moment
    from mappers.fhir import r4

    bundle = bundle_of(
        report,
        task=task,
        software=stores.software(),
        recorded=Moment(utc_text(stores.now())),
        responsible=responsible(settings),
    )
    return r4.encode(bundle) + b"\n"


def _drawn(content: bytes, report: ExtractedReport, page: int | None) -> bytes:
    """The page with a frame around everything that was read from it."""
    from inference.media import overlay

    number = page or next((span.page for row in report.rows for span in row.spans), 1)
    marks = [
        overlay.Mark(span.bbox, overlay.VALUE if index == 0 else overlay.BESIDE)
        for row in report.rows
        for index, span in enumerate(row.spans)
        if span.page == number
    ]
    marks += [
        overlay.Mark(fact.span.bbox, overlay.FACT) for fact in report.printed if fact.span.page == number
    ]
    marks += [overlay.Mark(span.bbox, overlay.UNREAD) for span in report.unread if span.page == number]
    return overlay.draw(content, number, marks)


def row_json(row: Extracted) -> dict[str, Any]:
    """One result as the contract prints it; numbers are text, so that no digit is lost."""
    from mappers.domain.coding import LOINC
    from mappers.domain.results import Quantity

    quantity = row.value if isinstance(row.value, Quantity) else None
    value = quantity.value if quantity else (row.printed if row.value is not None else None)
    first = row.spans[0] if row.spans else None
    return {
        "name": row.name,
        "loinc": row.code.code_in(LOINC),
        "value": value,
        "comparator": quantity.comparator if quantity else None,
        "unit": row.unit,
        "ucum": quantity.code if quantity else None,
        "reference_range": row.reference_range.text if row.reference_range else None,
        "flag": row.flag,
        "specimen": row.specimen.text if row.specimen else None,
        "page": first.page if first else None,
        "bbox": [round(edge, 2) for edge in first.bbox] if first else None,
        "method": row.method.value,
        "quote": first.quote if first else None,
        "printed": row.printed,
        "confirmed": row.confirmed,
        "absent_reason": row.absent_reason,
        "effective": row.effective.text if row.effective else None,
        "panel": row.panel,
        "issues": [issue.text for issue in row.issues],
    }


def report_json(report: ExtractedReport) -> dict[str, Any]:
    """What is true of the document as a whole."""
    return {
        "sha256": report.document.sha256,
        "media_type": report.document.media_type,
        "coverage": report.coverage,
        "pages_read": list(report.pages_read),
        "pages_total": report.pages_total,
        "printed": [
            {
                "kind": fact.kind.value,
                "text": fact.text,
                "moment": fact.moment.text if fact.moment else None,
                "page": fact.span.page,
                "bbox": list(fact.span.bbox),
            }
            for fact in report.printed
        ],
        "unread": [{"page": span.page, "bbox": list(span.bbox)} for span in report.unread],
        "issues": [
            {"severity": issue.severity.value, "location": issue.location, "text": issue.text}
            for issue in report.issues
        ],
    }
