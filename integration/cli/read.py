"""`wardwire read`: what a task makes of images on this disk, with boxes in their own pixels.

No store, no message, no image server.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from integration import settings as configuration

if TYPE_CHECKING:
    from integration.flows.imaging_files import Files
    from integration.flows.imaging_tasks import Seen
    from integration.settings import Settings
    from mappers.domain.findings import Finding, JudgedReport

_PATH = click.Path(path_type=Path, exists=True)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=_PATH)
@click.option("--task", help="Read with this task: radiograph, comparison, dermatology, fundus, question, …")
@click.option("--prior", type=_PATH, help="An earlier image or study of the same patient, to compare with.")
@click.option(
    "--prompt", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Prompt file of yours."
)
@click.option("--ask", default="", help="The question (task question), or what to look for (localization).")
@click.option("--model", help="A name under [models]; else the usual one.")
@click.option("--modality", default="", help="Of a picture that is no DICOM object, e.g. CR.")
@click.option("--body-part", default="", help="Likewise, e.g. CHEST.")
@click.option("--view", default="", help="Likewise, e.g. PA.")
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Write the first image with its boxes (PNG)."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--fhir", "as_fhir", is_flag=True, help="A FHIR R4 transaction Bundle: source and draft.")
@click.pass_obj
def read(  # noqa: PLR0913, PLR0917  (one argument an option)
    config: Path | None,
    paths: tuple[Path, ...],
    task: str | None,
    prior: Path | None,
    prompt: Path | None,
    ask: str,
    model: str | None,
    modality: str,
    body_part: str,
    view: str,
    picture: Path | None,
    *,
    as_json: bool,
    as_fhir: bool,
) -> None:
    """Read images: DICOM files, a folder with one study, PNG or JPEG.

    Prints findings, impression and boxes; what was left out, and why, goes to stderr. Exit code 1 if nothing
    was read. A draft by a model: not for diagnosis.

    \b
    Example:
      wardwire read chest.dcm
      wardwire read study/ --prior earlier/ --json
      wardwire read chest.png --modality CR --body-part CHEST --view PA --fhir
    """
    from inference.errors import InferenceError
    from integration.flows import imaging_files
    from integration.flows.imaging_files import Said

    settings = configuration.load(config)
    said = Said(modality=modality.upper(), body_part=body_part.upper(), view=view.upper())
    try:
        files = imaging_files.load(paths, said=said)
        earlier = imaging_files.load((prior,), said=said, role="prior", like=files) if prior else None
        seen = _seen(settings, files, earlier, task=task, prompt=prompt, model=model, ask=ask)
    except InferenceError as error:
        click.echo(f"wardwire read: refused: {error}", err=True)
        sys.exit(1)
    report = seen.report
    for told in (*files.left_out, *report.reasons, *(issue.text for issue in report.issues)):
        click.echo(f"wardwire read: {told}", err=True)
    if picture and seen.stills:
        picture.write_bytes(_drawn(seen))
    if as_fhir:
        click.echo(_fhir(report, files, settings), nl=False)
    elif as_json:
        click.echo(json.dumps(report_json(report), ensure_ascii=False))
    else:
        click.echo(report_text(report))
    sys.exit(0 if report.not_read is None else 1)


def _seen(  # noqa: PLR0913  (each decides what is read)
    settings: Settings,
    files: Files,
    earlier: Files | None,
    *,
    task: str | None,
    prompt: Path | None,
    model: str | None,
    ask: str,
) -> Seen:
    from inference.runs import MemoryMemo
    from inference.tasks.context import PatientContext
    from integration.flows.imaging_tasks import Reader
    from integration.flows.routing import ReadingRule
    from integration.wiring.imaging import build_rules, build_tasks
    from integration.wiring.models import build_models

    tasks = build_tasks(build_models(settings), memo=MemoryMemo())
    told = (ReadingRule(task=task, prompt=prompt, model=model),) if task or prompt or model else ()
    return Reader(tasks, (*told, *build_rules(settings))).read(
        files.claim,
        files.stills,
        prior=earlier.stills if earlier else (),
        context=PatientContext(),
        total=files.total,
        words=ask,
        last=True,
    )


def _drawn(seen: Seen) -> bytes:
    from inference.media import drawing
    from mappers.domain.findings import ImageRegion

    still = seen.stills[0]
    marks = [
        drawing.Mark(place.box, finding.name)
        for finding in seen.report.findings
        for place in finding.places
        if isinstance(place, ImageRegion) and place.sha256 == still.source.sha256
    ]
    return drawing.draw(still.png, marks, columns=still.columns, rows=still.rows)


def _fhir(report: JudgedReport, files: Files, settings: Settings) -> bytes:
    """The Bundle as one line."""
    from integration.flows.imaging_files_bundle import bundle_of
    from integration.store.ids import utc_text
    from integration.wiring import stores
    from integration.wiring.terms import responsible
    from mappers.domain.times import Moment
    from mappers.fhir import r4

    bundle = bundle_of(
        report,
        files,
        software=stores.software(),
        recorded=Moment(utc_text(stores.now())),
        responsible=responsible(settings),
    )
    return r4.encode(bundle) + b"\n"


def report_json(report: JudgedReport) -> dict[str, Any]:
    """All that a task says, as JSON values."""
    return {
        "task": report.task,
        "title": report.title,
        "coverage": report.coverage,
        "demonstration": report.demonstration,
        "not_read": report.not_read,
        "models": [f"{run.card.id}@{run.card.revision}" for run in report.runs],
        "sections": [{"key": each.key, "title": each.title, "text": each.text} for each in report.sections],
        "findings": [_finding_json(each) for each in report.findings],
        "guards": [
            {
                "guard": each.guard,
                "outcome": each.outcome.value,
                "reason": each.reason,
                "scores": dict(each.scores),
            }
            for each in report.verdicts
        ],
        "sources": [
            {
                "sha256": each.sha256,
                "role": each.role,
                "sop_instance_uid": each.sop_instance_uid,
                "rendering": each.rendering,
            }
            for each in report.sources
        ],
        "reasons": list(report.reasons),
        "issues": [
            {"severity": each.severity.value, "location": each.location, "text": each.text}
            for each in report.issues
        ],
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    from mappers.domain.coding import SNOMED_CT
    from mappers.domain.findings import ImageRegion

    return {
        "name": finding.name,
        "presence": finding.presence.value,
        "side": finding.side.value if finding.side else None,
        "snomed": finding.code.code_in(SNOMED_CT),
        "words": finding.words,
        "boxes": [
            {
                "box": [round(edge, 2) for edge in place.box],
                "columns": place.columns,
                "rows": place.rows,
                "frame": place.frame,
                "sop_instance_uid": place.sop_instance_uid,
                "said": place.said,
            }
            for place in finding.places
            if isinstance(place, ImageRegion)
        ],
    }


def report_text(report: JudgedReport) -> str:
    """The same for people."""
    lines = [f"{report.title} ({report.task}): {report.coverage or 'nothing'} read"]
    if report.demonstration:
        lines.append("DEMONSTRATION: of no clinical use")
    if report.not_read is not None:
        return "\n".join([*lines, report.not_read])
    for section in report.sections:
        lines += ["", section.title.upper(), section.text]
    if report.findings:
        lines += ["", "LIST OF FINDINGS"]
    for finding in report.findings:
        shown = _finding_json(finding)
        side = f", {shown['side']}" if shown["side"] else ""
        lines.append(f"- {finding.name}: {finding.presence.value}{side}")
        lines += [
            f"    box {' '.join(f'{edge:g}' for edge in box['box'])} of {box['columns']} x {box['rows']} px"
            for box in shown["boxes"]
        ]
    return "\n".join([*lines, "", "Draft by a model, not checked. Not for diagnosis."])
