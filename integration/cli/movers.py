"""Commands that put what is listed into another state: one way for messages and for deliveries."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from enum import StrEnum
from functools import partial
from typing import Any, Protocol, TypeVar

import click

from integration.cli.stores import pass_store
from integration.errors import WardwireError
from integration.wiring.stores import Store

_Row = TypeVar("_Row")
_State_contra = TypeVar("_State_contra", bound=StrEnum, contravariant=True)


class Rows(Protocol[_State_contra, _Row]):
    """Where they are kept: the inbox or the outbox."""

    def move(
        self, row_id: str, state: _State_contra, /, *, actor: str, reason: str | None = None
    ) -> Future[_Row]:
        """Put one into a state; the future has the row as it is then, or raises a WardwireError."""


def operator() -> str:
    """Who acts, for the audit trail."""
    return f"user:{getpass.getuser()}"


def add(
    group: click.Group,
    moves: Mapping[str, tuple[_State_contra, str | None, str]],
    *,
    rows: Callable[[Store], Rows[_State_contra, _Row]],
    told: Callable[[_Row], dict[str, Any]],
) -> None:
    """Give a group its commands that move each id they are given; exit code 1 if any cannot be moved.

    Args:
        group: `messages` or `deliveries`.
        moves: name of a command -> the state, the reason, and what it does in a sentence.
        rows: where they are kept.
        told: what may be shown of a row, with its `state`.
    """
    for name, (state, reason, text) in moves.items():
        command = _command(partial(_move, rows, state, reason), told)
        command.__doc__ = f"{text}\n\n\b\nExample:\n  wardwire {group.name} {name} 019a…\n"
        make: Callable[[Any], click.Command] = click.command(name)
        group.add_command(make(command))


def _move(
    rows: Callable[[Store], Rows[_State_contra, _Row]],
    state: _State_contra,
    reason: str | None,
    store: Store,
    row_id: str,
) -> _Row:
    return rows(store).move(row_id, state, actor=operator(), reason=reason).result()


def _command(
    move: Callable[[Store, str], _Row], told: Callable[[_Row], dict[str, Any]]
) -> Callable[..., None]:
    @click.argument("ids", nargs=-1, required=True)
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, one a line.")
    @pass_store
    def command(store: Store, ids: tuple[str, ...], *, as_json: bool) -> None:
        failed = False
        for each in ids:
            try:
                row = told(move(store, each))
            except WardwireError as error:
                failed = True
                click.echo(f"{each}: {error}", err=True)
                continue
            click.echo(json.dumps(row) if as_json else f"{each}  {row['state']}")
        if failed:
            raise SystemExit(1)

    made: Callable[..., None] = command
    return made
