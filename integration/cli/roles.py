"""The processes: `serve` runs them all on one machine, `mllp`, `web` and `work` run one each."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from integration import settings as configuration


@click.command()
@click.pass_obj
def serve(config: Path | None) -> None:
    """Run every role on this machine: MLLP listeners, web, worker. SIGTERM drains.

    \b
    Example:
      wardwire serve
      WARDWIRE_MLLP__DEFAULT__PORT=2576 wardwire serve
    """
    settings = configuration.load(config)
    configuration.share_metrics(settings.data_folder / "metrics")
    from integration.wiring import roles

    sys.exit(roles.run_supervisor(settings, config))


@click.command()
@click.pass_obj
def mllp(config: Path | None) -> None:
    """Listen for HL7 v2 over MLLP: commit, then acknowledge.

    \b
    Example:
      WARDWIRE_STORE__URL=postgresql+psycopg://wardwire@db/wardwire wardwire mllp
    """
    from integration.wiring import roles

    sys.exit(roles.run_mllp(configuration.load(config)))


@click.command()
@click.pass_obj
def web(config: Path | None) -> None:
    """Serve the FHIR read face, the pages, health and metrics.

    \b
    Example:
      WARDWIRE_WEB__PORT=8081 wardwire web
    """
    settings = configuration.load(config)
    configuration.share_metrics(settings.data_folder / "metrics")
    from integration.wiring import roles

    sys.exit(roles.run_web(settings))


@click.command()
@click.pass_obj
def work(config: Path | None) -> None:
    """Process accepted messages: map, store results, deliver.

    \b
    Example:
      WARDWIRE_ENGINE__EXECUTOR=worker-1 wardwire work
    """
    from integration.wiring import roles

    sys.exit(roles.run_work(configuration.load(config)))
