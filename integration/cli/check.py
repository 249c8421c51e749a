"""`wardwire check` and `wardwire migrate`."""

from __future__ import annotations

from pathlib import Path

import click

from integration import settings as configuration


@click.command()
@click.pass_obj
def migrate(config: Path | None) -> None:
    """Bring the database to the schema that this version needs.

    \b
    Example:
      wardwire migrate
    """
    from integration.store.migrations.upgrade import upgrade
    from integration.wiring.stores import open_store

    store = open_store(configuration.load(config))
    click.echo(f"schema {upgrade(store.database)}")
    store.database.close()
