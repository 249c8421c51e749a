"""`wardwire audit`: prove the trail whole, export it, sign how it stands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO

import click

from integration.cli.stores import pass_store
from integration.wiring.stores import Store, software


@click.group()
def audit() -> None:
    """Verify, export and checkpoint the audit trail.

    \b
    Example:
      wardwire audit verify --checkpoints /mnt/worm/wardwire.ndjson
    """


@audit.command()
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path, exists=True),
    help="Signed checkpoints kept elsewhere; they show a cut-off end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_store
def verify(store: Store, *, checkpoints: Path | None, as_json: bool) -> None:
    """Recompute the whole chain; exit code 1 names the first record that was altered, removed or moved.

    \b
    Example:
      wardwire audit verify
    """
    report = store.audit.verify(checkpoint_file=checkpoints)
    broken = str(report.broken) if report.broken else None
    if as_json:
        told = {
            "whole": report.whole,
            "records": report.records,
            "last_hash": report.last_hash,
            "checkpoints": report.checkpoints,
            "broken": broken,
        }
        click.echo(json.dumps(told))
    elif report.whole:
        click.echo(f"whole: {report.records} records, {report.checkpoints} checkpoints agree")
        click.echo(f"last hash {report.last_hash}")
    else:
        click.echo(f"BROKEN at {broken}; {report.records} records before it hold", err=True)
    if not report.whole:
        sys.exit(1)


@audit.command()
@click.option("--after", default=0, show_default=True, help="Only records after this sequence number.")
@click.option("--output", type=click.File("w", encoding="utf-8"), default="-", help="File; else stdout.")
@pass_store
def export(store: Store, *, after: int, output: IO[str]) -> None:
    """Write the trail as FHIR R4 AuditEvents, one a line (NDJSON).

    \b
    Example:
      wardwire audit export --output trail.ndjson
    """
    from mappers.fhir import r4

    for event in store.audit.export(software=software(), after=after):
        output.write(r4.encode(event).decode() + "\n")


@audit.command()
@click.option("--file", type=click.Path(path_type=Path), help="Also append it to this file, synced.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_store
def checkpoint(store: Store, *, file: Path | None, as_json: bool) -> None:
    """Sign how long the trail is and how it ends. Keep the file on another machine.

    \b
    Example:
      wardwire audit checkpoint --file /mnt/worm/wardwire.ndjson
    """
    point = store.audit.checkpoint(file=file)
    told = {"at": point.at, "last_seq": point.last_seq, "last_hash": point.last_hash, "key_id": point.key_id}
    click.echo(
        json.dumps(told) if as_json else f"signed {point.last_seq} records by {point.key_id} at {point.at}"
    )
