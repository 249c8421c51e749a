"""`wardwire convert`: a dry run, without store and without model."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import click

from integration import settings as configuration
from integration.errors import SettingsInvalid
from integration.flows import convert_fhir
from integration.flows.convert import Conversion, describe, ledger_line
from integration.flows.convert import convert as convert_one
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, Severity
from mappers.domain.people import Organization
from mappers.domain.times import Moment


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--ledger", type=click.Path(path_type=Path), help="Write one JSON line a message to this file.")
@click.option("--channel", "channel_name", default="default", show_default=True, help="Apply its settings.")
@click.option("--json", "as_json", is_flag=True, help="Print a closing summary as JSON on stderr.")
@click.pass_obj
def convert(
    config: Path | None, files: tuple[Path, ...], ledger: Path | None, channel_name: str, *, as_json: bool
) -> None:
    """Convert HL7 v2 or FHIR JSON files to FHIR R4, one transaction Bundle a line (NDJSON) on stdout.

    A file may hold one message, many, an FHS/BHS batch, MLLP frames, or FHIR: a Bundle, a resource, or one a
    line; `-` reads stdin. What cannot be read is refused with a located issue on stderr and in the ledger;
    exit code 1 if any was.

    \b
    Example:
      wardwire convert results.hl7 --ledger ledger.ndjson > bundles.ndjson
    """
    from integration.wiring.stores import software
    from integration.wiring.terms import channel_of, responsible

    settings = configuration.load(config)
    if channel_name not in settings.channels:
        raise SettingsInvalid(f"there is no [channels.{channel_name}]")
    run = _Run(
        channel=channel_of(channel_name, settings.channels[channel_name]),
        software=software(),
        responsible=responsible(settings),
        recorded=Moment(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    )
    if ledger is None:
        run.files(files, None)
    else:
        with _opened(ledger) as stream:
            run.files(files, stream)
    if as_json:
        click.echo(json.dumps({"converted": run.converted, "refused": run.refused}), err=True)
    if run.refused:
        sys.exit(1)


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(path), hint=error.strerror or "cannot be written") from None


class _Run:
    """One call of the command: what it converts with, and its counts."""

    def __init__(
        self, *, channel: Channel, software: Software, responsible: Organization | None, recorded: Moment
    ) -> None:
        self._channel = channel
        self._software = software
        self._responsible = responsible
        self._recorded = recorded
        self.converted = 0
        self.refused = 0

    def files(self, paths: Iterable[Path], ledger: IO[str] | None) -> None:
        """Convert every message of every file."""
        for path in paths:
            for index, conversion in enumerate(self._conversions(path)):
                self._account(path, index, conversion, ledger)

    def _conversions(self, path: Path) -> Iterator[Conversion]:
        from mappers.hl7v2.tokens import split_batch

        try:
            raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        except OSError as error:
            raise click.FileError(str(path), hint=error.strerror or "cannot be read") from None
        told: dict[str, Any] = {
            "channel": self._channel,
            "software": self._software,
            "recorded": self._recorded,
            "responsible": self._responsible,
        }
        documents = convert_fhir.documents(raw)
        if documents is not None:
            yield from (convert_fhir.convert(each, **told) for each in documents)
            return
        batch = split_batch(raw)
        for message in batch.value:
            done = convert_one(message.content, **told)
            yield Conversion(done.control_id, done.written, done.ledger, (*batch.issues, *done.issues))

    def _account(self, path: Path, index: int, conversion: Conversion, ledger: IO[str] | None) -> None:
        from mappers.fhir import r4

        if conversion.written is None:
            self.refused += 1
            for issue in conversion.issues:
                if issue.severity is Severity.FATAL:
                    click.echo(f"{path}:{index}: refused: {_line(issue)}", err=True)
        else:
            self.converted += 1
            sys.stdout.buffer.write(r4.encode(conversion.written.bundle()) + b"\n")
            sys.stdout.buffer.flush()
        if ledger is not None:
            line: dict[str, Any] = ledger_line(conversion, file=str(path), index=index)
            ledger.write(json.dumps(line, ensure_ascii=False) + "\n")


def _line(issue: Issue) -> str:
    told = describe(issue)
    return f"{told['location'] or 'message'}: {told['text']}"
