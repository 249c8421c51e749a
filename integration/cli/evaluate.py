"""`wardwire evaluate`: how well a task does on the site's own cases, before it goes live."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from integration import settings as configuration

if TYPE_CHECKING:
    from inference.evaluation.bootstrap import Interval
    from inference.evaluation.datasets import SpokenCase
    from inference.evaluation.dictation import CaseScore, Scores
    from integration.wiring.transcribers import LazyTranscriber

_WORST = 10


@click.group()
def evaluate() -> None:
    """Measure a task on your own cases, with confidence intervals and the cases that went worst.

    \b
    Example:
      wardwire evaluate dictation ./dictations --html report.html
    """


@evaluate.command()
@click.argument("dataset", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", default="medasr", show_default=True, help="Which of [models] hears.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many cases, the first of the manifest.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write a report with all texts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every case and its texts.")
@click.pass_obj
def dictation(  # noqa: PLR0913  (one argument an option)
    config: Path | None, dataset: Path, model: str, limit: int | None, page: Path | None, *, as_json: bool
) -> None:
    """Word error rate on a folder of recordings with `manifest.csv` or `manifest.jsonl` (audio, text).

    Errors that touch a negation, a side or a number are counted apart. Exit code 1 if the dataset or the
    model cannot be used, or no case could be transcribed.

    \b
    Example:
      wardwire evaluate dictation ./dictations --html report.html --json > scores.json
    """
    from inference.errors import InferenceError
    from inference.evaluation import datasets
    from integration.wiring.hearing import build_transcriber

    settings = configuration.load(config)
    transcriber = build_transcriber(settings, model=model)
    if transcriber is None:
        click.echo(f"wardwire evaluate: no model: configure [models.{model}]", err=True)
        sys.exit(1)
    try:
        cases = datasets.spoken(dataset)[:limit]
        scores = _measured(cases, transcriber)
        card = transcriber.card
    except InferenceError as error:
        click.echo(f"wardwire evaluate: {error}", err=True)
        sys.exit(1)
    told = _told(scores, {"id": card.id, "revision": card.revision, "decoding": dict(transcriber.decoding)})
    if page:
        from integration.cli import evaluation_page

        page.write_text(evaluation_page.dictation(told), encoding="utf-8")
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else _plain(told))
    if all(case.failed for case in scores.cases):
        sys.exit(1)


def _measured(cases: tuple[SpokenCase, ...], transcriber: LazyTranscriber) -> Scores:
    """Hear every case; a recording that is refused counts as one of which nothing was recognised."""
    from inference.errors import InputRefused, OutputInvalid
    from inference.evaluation import dictation as measures
    from inference.media import audio

    found: list[CaseScore] = []
    with click.progressbar(cases, label="listening", file=sys.stderr) as bar:
        for case in bar:
            text, seconds, failed = "", 0.0, ""
            try:
                recording = audio.read(case.audio)
                seconds = recording.seconds
                text = transcriber.transcribe(recording).text if recording.has_voice else ""
            except (InputRefused, OutputInvalid) as error:
                failed = str(error)
            found.append(measures.score(case.name, case.text, text, seconds=seconds, failed=failed))
    return measures.scores(found)


def _told(scores: Scores, model: dict[str, Any]) -> dict[str, Any]:
    names = ("words", "substituted", "deleted", "inserted", "negations", "sides", "numbers")
    return {
        "task": "dictation",
        "model": model,
        "cases": len(scores.cases),
        "failed": sum(1 for case in scores.cases if case.failed),
        "seconds": round(sum(case.seconds for case in scores.cases), 1),
        "wer": _interval(scores.wer),
        "totals": {name: scores.total(name) for name in names},
        "worst": [_case(case) for case in scores.worst(_WORST)],
        "each": [_case(case) for case in scores.cases],
    }


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    if interval is None:
        return None
    return {"value": interval.value, "low": interval.low, "high": interval.high, "level": 0.95}


def _case(case: CaseScore) -> dict[str, Any]:
    return {
        "name": case.name,
        "wer": round(case.rate, 4),
        "words": case.words,
        "substituted": case.substituted,
        "deleted": case.deleted,
        "inserted": case.inserted,
        "negations": case.negations,
        "sides": case.sides,
        "numbers": case.numbers,
        "failed": case.failed,
        "reference": case.reference,
        "hypothesis": case.hypothesis,
    }


def _plain(told: dict[str, Any]) -> str:
    """For a terminal: figures and names of cases, none of their words."""
    from integration.cli.evaluation_page import percent

    totals, wer = told["totals"], told["wer"]
    lines = [
        f"model        {told['model']['id']}",
        f"cases        {told['cases']}, {told['failed']} could not be read; {told['seconds']} s of sound",
        f"word errors  {percent(wer)}",
        "             {substituted} wrong, {deleted} lost, {inserted} made up, of {words} words".format(
            **totals
        ),
        "touching     a negation {negations}, a side {sides}, a number {numbers}".format(**totals),
    ]
    if told["worst"]:
        lines.append("worst cases")
    lines += [
        "  {wer:7.1%}  negations {negations}  sides {sides}  numbers {numbers}  {name}".format(**case)
        for case in told["worst"]
    ]
    return "\n".join(lines)
