"""`wardwire messages`: the operator's queue from the shell. Shows ids, states and codes, never contents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

from integration.cli import movers
from integration.cli.deliveries import as_dict, line
from integration.cli.movers import operator
from integration.cli.stores import pass_store
from integration.flows.convert import describe
from integration.states import MessageState
from integration.store.delivery_records import DeliveryFilter
from integration.store.records import MessageFilter, StoredMessage
from integration.wiring.stores import Store


@click.group()
def messages() -> None:
    """List, show, replay, retry, park and discard received messages.

    \b
    Example:
      wardwire messages list --state parked
      wardwire messages replay 019a…
    """


@messages.command("list")
@click.option("--state", type=click.Choice([state.value for state in MessageState]), help="In this state.")
@click.option("--channel", help="Of this channel.")
@click.option("--control-id", help="With this MSH-10.")
@click.option("--since", type=click.DateTime(), help="Received since, local time.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one message a line.")
@pass_store
def list_messages(  # noqa: PLR0913  # one parameter an option
    store: Store,
    *,
    state: str | None,
    channel: str | None,
    control_id: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List messages, newest first.

    \b
    Example:
      wardwire messages list --state parked --json
    """
    wanted = MessageFilter(
        state=MessageState(state) if state else None,
        channel=channel,
        control_id=control_id,
        since=since.astimezone() if since else None,
        limit=limit,
    )
    found = store.inbox.list(wanted)
    if as_json:
        for message in found:
            click.echo(json.dumps(_as_dict(message)))
        return
    for message in found:
        click.echo(
            f"{message.id}  {message.received_at[:19]}Z  {message.channel:<12} {message.trigger:<16} "
            f"{message.control_id:<20} {message.state.value:<10} {message.reason or ''}".rstrip()
        )
    if not found:
        click.echo("no messages")


@messages.command()
@click.argument("message_id")
@click.option("--raw", is_flag=True, help="Also print the message as received; this is audited.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_store
def show(store: Store, message_id: str, *, raw: bool, as_json: bool) -> None:
    """Show one message: its state, its ledger, its deliveries and its audit trail.

    \b
    Example:
      wardwire messages show 019a… --json
    """
    from integration.store import ledgers

    message = store.inbox.load(message_id)
    with store.database.read() as connection:
        ledger = ledgers.find(connection, message_id)
    trail = [
        {"seq": each.seq, "at": each.event.at.text, "kind": each.event.kind}
        for each in store.audit.trail(message_id)
    ]
    sent = store.outbox.list(DeliveryFilter(message_id=message_id))
    told: dict[str, Any] = {**_as_dict(message), "ledger": ledger, "audit": trail}
    told["deliveries"] = [as_dict(each) for each in sent]
    if raw:
        _audit_view(store, message_id)
        told["raw"] = (message.raw or b"").decode("utf-8", "backslashreplace")
    if as_json:
        click.echo(json.dumps(told))
        return
    for name, value in told.items():
        if name not in {"door_issues", "ledger", "audit", "raw", "deliveries"}:
            click.echo(f"{name:<14} {value if value is not None else ''}".rstrip())
    _print_issues(told["door_issues"])
    _print_ledger(ledger)
    for each in sent:
        click.echo(line(each))
    for record in trail:
        click.echo(f"{record['at']}  {record['kind']}  (audit {record['seq']})")
    if raw:
        click.echo("\n" + told["raw"].replace("\r", "\n"))


def _print_ledger(ledger: dict[str, Any] | None) -> None:
    if ledger is None:
        return
    counts = ledger["segments"]
    click.echo(f"{'segments':<14} " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    _print_issues(ledger["issues"])
    for row in ledger["rows"]:
        unmapped = f"  not mapped: {', '.join(row['unmapped'])}" if row["unmapped"] else ""
        click.echo(f"  {row['segment']:<10} {row['outcome']:<9} {', '.join(row['paths'])}{unmapped}")
    for each in ledger.get("written", ()):
        click.echo(f"  {each['outcome']:<10} {each['reference']}")


def _print_issues(issues: Iterable[dict[str, str]]) -> None:
    for issue in issues:
        click.echo(f"  {issue['severity']:<12} {issue['location']:<14} {issue['text']}")


def _audit_view(store: Store, message_id: str) -> None:
    from integration.store.ids import utc_text
    from integration.wiring.stores import now
    from mappers.domain.attribution import AuditEvent
    from mappers.domain.times import Moment

    event = AuditEvent(
        kind="message.viewed", at=Moment(utc_text(now())), actor=operator(), message_id=message_id
    )
    store.audit.append(event).result()


def _as_dict(message: StoredMessage) -> dict[str, Any]:
    """What may be shown of a message: everything but its bytes and digests."""
    return {
        "id": message.id,
        "received_at": message.received_at,
        "channel": message.channel,
        "peer": message.peer,
        "control_id": message.control_id,
        "trigger": message.trigger,
        "version": message.version,
        "processing_id": message.processing_id,
        "size": message.size,
        "state": message.state.value,
        "reason": message.reason,
        "verdict": message.verdict.value,
        "attempts": message.attempts,
        "replays": message.replays,
        "finished_at": message.finished_at,
        "same_id_as": message.parent_id,
        "door_issues": [describe(issue) for issue in message.issues],
    }


movers.add(
    messages,
    {
        "replay": (MessageState.RECEIVED, None, "Process messages again, from their stored bytes."),
        "retry": (MessageState.RECEIVED, None, "Try failed or parked messages again now."),
        "park": (MessageState.PARKED, "by-operator", "Keep messages from being processed."),
        "discard": (MessageState.DISCARDED, "by-operator", "Close messages; their bytes stay."),
    },
    rows=lambda store: store.inbox,
    told=_as_dict,
)
