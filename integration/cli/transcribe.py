"""`wardwire transcribe`: what is said in a recording, with the seconds of every word.

No store, no message.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from integration import settings as configuration

if TYPE_CHECKING:
    from inference.ports import Transcript
    from inference.tasks.evidence import Still
    from mappers.domain.findings import JudgedReport, Place, Section, Source


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--model", default="medasr", show_default=True, help="Which of [models] hears.")
@click.option("--conversation", is_flag=True, help="Several people speak: label it, and do not arrange it.")
@click.option(
    "--arrange-conversations", is_flag=True, help="Arrange what was said though several people speak."
)
@click.option(
    "--about",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A picture (PNG, JPEG): the recording is a question about it, and the answer a draft.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="The same JSON on one line (it is JSON without it, too)."
)
@click.option(
    "--fhir", "as_fhir", is_flag=True, help="A FHIR R4 transaction Bundle: the recording and the draft."
)
@click.pass_obj
def transcribe(  # noqa: PLR0913  (one argument an option)
    config: Path | None,
    file: Path,
    model: str,
    about: tuple[Path, ...],
    *,
    conversation: bool,
    arrange_conversations: bool,
    as_json: bool,
    as_fhir: bool,
) -> None:
    """Transcribe a recording (wav, mp3, m4a, ogg, opus, flac, webm, amr, DICOM) and print JSON.

    Times are seconds. What a listener should know is said on stderr without any word of it. Exit code 1 if
    the recording was refused or no model hears.

    \b
    Example:
      WARDWIRE_MODELS__MEDASR__MODEL=google/medasr wardwire transcribe dictation.m4a
      wardwire transcribe dictation.wav --fhir > bundle.json
    """
    from inference.errors import InferenceError
    from inference.runs import MemoryMemo
    from inference.tasks.dictation import Told
    from integration.wiring import stores
    from integration.wiring.hearing import build_reader
    from integration.wiring.models import build_models

    settings = configuration.load(config)
    models = build_models(settings)
    reader = build_reader(settings, models=models, memo=MemoryMemo(), clock=stores.now, model=model)
    if not reader.has_model:
        click.echo(
            f"wardwire transcribe: not read: no model: configure [models.{model}], for example "
            f"WARDWIRE_MODELS__{model.upper()}__MODEL=google/medasr",
            err=True,
        )
        sys.exit(1)
    told = Told(conversation=conversation, arrange_conversations=arrange_conversations)
    try:
        recording = reader.open(file)
        transcript = reader.hear(recording)
        if about:
            report = reader.ask(recording, told, [_still(path) for path in about])
        else:
            report = reader.read(recording, told)
        printed = shown(report, transcript, model=reader.model, duration=recording.seconds)
    except InferenceError as error:
        click.echo(f"wardwire transcribe: refused: {error}", err=True)
        sys.exit(1)
    for issue in report.issues:
        click.echo(f"{issue.severity.value}: {issue.location}: {issue.text}", err=True)
    for reason in report.reasons:
        click.echo(f"warning: recording: {reason}", err=True)
    if as_fhir:
        click.echo(_fhir(report, file, settings), nl=False)
        return
    click.echo(json.dumps(printed, ensure_ascii=False, indent=None if as_json else 1))


def _still(path: Path) -> Still:
    """A picture as evidence.

    Raises:
        InputRefused: it is none.
    """
    import hashlib

    from inference.media import image
    from inference.tasks.evidence import Still
    from mappers.domain import media_types
    from mappers.domain.findings import Source, SourceKind

    content = path.read_bytes()
    frame = image.read(content, pages=1).frames[0]
    source = Source(
        kind=SourceKind.IMAGE,
        sha256=hashlib.sha256(content).hexdigest(),
        media_type=media_types.sniff(content) or media_types.UNKNOWN,
        rendering="upright, 8 bits",
    )
    return Still(png=frame.png, source=source, columns=frame.width, rows=frame.height)


def _fhir(report: JudgedReport, file: Path, settings: configuration.Settings) -> bytes:
    """The Bundle as one line."""
    from integration.flows.dictation_bundle import bundle_of
    from integration.store.ids import utc_text
    from integration.wiring import stores
    from integration.wiring.terms import responsible
    from mappers.domain.times import Moment
    from mappers.fhir import r4

    bundle = bundle_of(
        report,
        file.read_bytes(),
        software=stores.software(),
        recorded=Moment(utc_text(stores.now())),
        responsible=responsible(settings),
    )
    return r4.encode(bundle) + b"\n"


def shown(
    report: JudgedReport, transcript: Transcript | None, *, model: str, duration: float
) -> dict[str, Any]:
    """What the command prints."""
    from inference.ports import SAMPLE_RATE

    spoken, source = report.transcription, _of_recording(report)
    run = spoken.run if spoken else None
    return {
        "text": spoken.text if spoken else "",
        "segments": [
            {"start": each.start, "end": each.end, "text": each.text}
            for each in (transcript.segments if transcript else ())
        ],
        "model": model,
        "sample_rate": SAMPLE_RATE,
        "duration": round(duration, 3),
        "raw": spoken.raw if spoken else "",
        "words": [
            {"text": word.text, "start": word.start, "end": word.end, "posterior": word.posterior}
            for word in (spoken.words if spoken else ())
        ],
        "sections": [_section(section) for section in report.sections],
        "demonstration": report.demonstration,
        "conversation": spoken.conversation if spoken else None,
        "not_read": report.not_read,
        "sha256": source.sha256,
        "media_type": source.media_type,
        "decoding": dict(run.parameters) if run else None,
        "guards": {verdict.guard: verdict.outcome.value for verdict in report.verdicts},
        "issues": [
            {"severity": issue.severity.value, "location": issue.location, "text": issue.text}
            for issue in report.issues
        ],
    }


def _of_recording(report: JudgedReport) -> Source:
    from mappers.domain.findings import SourceKind

    return next(each for each in report.sources if each.kind is SourceKind.RECORDING)


def _section(section: Section) -> dict[str, Any]:
    return {
        "section": section.key,
        "title": section.title,
        "sentences": [
            {"text": sentence.text} | (_interval(sentence.places[0]) if sentence.places else {})
            for sentence in section.sentences
        ],
    }


def _interval(place: Place) -> dict[str, Any]:
    from mappers.domain.findings import AudioInterval

    if not isinstance(place, AudioInterval):
        return {}
    return {"start": place.start, "end": place.end, "quote": place.quote}
