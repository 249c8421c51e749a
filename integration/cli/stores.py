"""How a command gets the store: opened when the command runs, not when its help is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import click

from integration import settings as configuration
from integration.settings import Settings
from integration.wiring.stores import Store, demand_current_schema, open_store

F = TypeVar("F", bound=Callable[..., Any])


def pass_settings_and_store(command: F) -> F:
    """Give a command the settings and the open store as its first arguments."""

    @click.pass_obj
    def with_both(config: Path | None, *arguments: Any, **options: Any) -> Any:
        settings = configuration.load(config)
        store = open_store(settings)
        demand_current_schema(store)
        try:
            return command(settings, store, *arguments, **options)
        finally:
            store.database.close()

    # The same arguments as the command has, but for the first ones: mypy cannot know.
    return update_wrapper(with_both, command)  # type: ignore[return-value]


def pass_store(command: F) -> F:
    """Give a command the open store as its first argument."""

    @pass_settings_and_store
    def with_store(_: Settings, store: Store, *arguments: Any, **options: Any) -> Any:
        return command(store, *arguments, **options)

    return update_wrapper(with_store, command)  # type: ignore[return-value]  # as above
