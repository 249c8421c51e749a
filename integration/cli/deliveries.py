"""`wardwire deliveries`: what leaves, from the shell. Shows ids, states and codes; an answer if asked to."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from integration.cli import movers
from integration.cli.stores import pass_store
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


movers.add(
    deliveries,
    {
        "retry": (DeliveryState.PENDING, None, "Send again now, the same bytes, same MSH-10."),
        "park": (DeliveryState.PARKED, "by-operator", "Keep deliveries from being sent."),
        "discard": (DeliveryState.DISCARDED, "by-operator", "Close deliveries; bytes stay."),
    },
    rows=lambda store: store.outbox,
    told=as_dict,
)
