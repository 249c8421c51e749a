"""`wardwire subscribe` and `wardwire unsubscribe`: our Subscription at a channel's FHIR server."""

from __future__ import annotations

import json

import click

from integration.cli.stores import pass_settings_and_store
from integration.settings import Settings
from integration.store.subscriptions import Known
from integration.wiring.stores import Store


@click.command()
@click.argument("channel")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings_and_store
def subscribe(settings: Settings, store: Store, *, channel: str, as_json: bool) -> None:
    """Register Wardwire at the FHIR server of CHANNEL, once: what is there already is taken over.

    The worker looks after it from then on: renews it, asks for it again after an error, catches up.

    \b
    Example:
      wardwire subscribe ehr
    """
    from integration.wiring.subscribing import build_subscribing

    found = build_subscribing(settings, store, channel).register()
    if as_json:
        click.echo(json.dumps({"channel": channel, "subscriptions": [_told(each) for each in found]}))
        return
    for each in found:
        click.echo(f"{each.subject}: Subscription/{each.server_id} is {each.status or 'unknown'}")


@click.command()
@click.argument("channel")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings_and_store
def unsubscribe(settings: Settings, store: Store, *, channel: str, as_json: bool) -> None:
    """Take down every Subscription of ours at the FHIR server of CHANNEL, and nobody else's.

    \b
    Example:
      wardwire unsubscribe ehr
    """
    from integration.wiring.subscribing import build_subscribing

    removed = build_subscribing(settings, store, channel).remove()
    click.echo(json.dumps({"channel": channel, "removed": removed}) if as_json else f"removed {removed}")


def _told(known: Known) -> dict[str, object]:
    return {
        "subject": known.subject,
        "style": known.style,
        "id": known.server_id,
        "status": known.status,
        "ends": known.ends,
        "heartbeat_seconds": known.heartbeat_seconds,
    }
