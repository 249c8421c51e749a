"""`wardwire deliveries`: what leaves, from the shell. Shows ids, states and codes; an answer if asked to."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from integration.cli.stores import pass_store
from integration.errors import WardwireError
from integration.states import DeliveryState
from integration.store.delivery_records import DeliveryFilter, StoredDelivery
from integration.wiring.stores import Store


@click.group()
def deliveries() -> None:
    """List, retry, park and discard what is sent to destinations.

    \b
    Example:
      wardwire deliveries list --state parked
      wardwire deliveries retry 019a…
    """


@deliveries.command("list")
@click.option("--state", type=click.Choice([state.value for state in DeliveryState]), help="In this state.")
@click.option("--destination", help="To this destination.")
@click.option("--message", "message_id", help="Of this message.")
@click.option("--since", type=click.DateTime(), help="Of messages received since, local time.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one delivery a line.")
@pass_store
def list_deliveries(  # noqa: PLR0913  # one parameter an option
    store: Store,
    *,
    state: str | None,
    destination: str | None,
    message_id: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List deliveries, those of the newest message first.

    \b
    Example:
      wardwire deliveries list --destination ehr --state retrying --json
    """
    wanted = DeliveryFilter(
        state=DeliveryState(state) if state else None,
        destination=destination,
        message_id=message_id,
        since=since.astimezone() if since else None,
        limit=limit,
    )
    found = store.outbox.list(wanted)
    for each in found:
        click.echo(json.dumps(as_dict(each)) if as_json else line(each))
    if not found and not as_json:
        click.echo("no deliveries")


@deliveries.command()
@click.argument("delivery_id")
@pass_store
def answer(store: Store, delivery_id: str) -> None:
    """Print what the destination said when it refused a delivery last: its own words, patient data included.

    \b
    Example:
      wardwire deliveries answer 019a…
    """
    said = store.outbox.said(delivery_id)
    if said is None:
        click.echo("nothing is kept", err=True)
        raise SystemExit(1)
    click.echo(said.decode("utf-8", errors="replace"))


def line(delivery: StoredDelivery) -> str:
    """A delivery on one line."""
    why = " ".join(text for text in (delivery.reason, delivery.response) if text)
    return (
        f"{delivery.id}  {delivery.queued_at[:19]}Z  {delivery.destination:<12} {delivery.form:<8} "
        f"{delivery.control_id:<20} {delivery.state.value:<10} {why}".rstrip()
    )


def as_dict(delivery: StoredDelivery) -> dict[str, Any]:
    """What may be shown of a delivery: everything but its bytes and digest."""
    return {
        "id": delivery.id,
        "message_id": delivery.message_id,
        "destination": delivery.destination,
        "form": delivery.form,
        "control_id": delivery.control_id,
        "state": delivery.state.value,
        "reason": delivery.reason,
        "response": delivery.response,
        "attempts": delivery.attempts,
        "rounds": delivery.rounds,
        "queued_at": delivery.queued_at,
        "next_attempt_at": delivery.next_attempt_at,
        "finished_at": delivery.finished_at,
        "size": delivery.size,
    }


def _mover(name: str, state: DeliveryState, *, reason: str | None, text: str) -> click.Command:
    """A command that puts deliveries into another state."""

    @click.argument("delivery_ids", nargs=-1, required=True)
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, one delivery a line.")
    @pass_store
    def command(store: Store, delivery_ids: tuple[str, ...], *, as_json: bool) -> None:
        failed = False
        actor = f"user:{getpass.getuser()}"
        for delivery_id in delivery_ids:
            try:
                moved = store.outbox.move(delivery_id, state, actor=actor, reason=reason).result()
            except WardwireError as error:
                failed = True
                click.echo(f"{delivery_id}: {error}", err=True)
                continue
            click.echo(json.dumps(as_dict(moved)) if as_json else f"{delivery_id}  {moved.state.value}")
        if failed:
            raise SystemExit(1)

    command.__doc__ = f"{text}\n\n\b\nExample:\n  wardwire deliveries {name} 019a…\n"
    make: Callable[[Any], click.Command] = click.command(name)
    return make(command)


deliveries.add_command(
    _mover("retry", DeliveryState.PENDING, reason=None, text="Send again now, the same bytes, same MSH-10.")
)
deliveries.add_command(
    _mover("park", DeliveryState.PARKED, reason="by-operator", text="Keep deliveries from being sent.")
)
deliveries.add_command(
    _mover("discard", DeliveryState.DISCARDED, reason="by-operator", text="Close deliveries; bytes stay.")
)
