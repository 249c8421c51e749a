"""From the settings of a channel to its Subscriptions at the server: what is wished for, who watches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, timedelta

from integration.clients import capability
from integration.clients.fhir import FhirServer
from integration.errors import NotFound, SettingsInvalid
from integration.flows.subscribing import Subscribing
from integration.settings import ChannelSettings, HookSettings, Settings
from integration.store import subscriptions
from integration.web.services import Check
from integration.wiring import stores
from integration.wiring.fhir_servers import build_fhir_server
from integration.wiring.hooks import secrets_of
from integration.wiring.stores import Store
from mappers.fhir.subscription import Style, Wish


def build_subscribing(
    settings: Settings,
    store: Store,
    name: str,
    *,
    source: FhirServer | None = None,
    catch_up: Callable[[], object] = lambda: None,
) -> Subscribing:
    """Who looks after the Subscriptions of a channel.

    Args:
        settings: all.
        store: where they are remembered.
        name: of the channel.
        source: its server's client, where there is one already.
        catch_up: a look at all that changed lately.

    Raises:
        NotFound: there is no such channel.
        SettingsInvalid: it has no server, or what is to be asked for is not complete.
    """
    channel = settings.channels.get(name)
    if channel is None:
        raise NotFound(f"there is no channel {name} in the settings")
    server = source or build_fhir_server(f"channels.{name}.fhir", channel.fhir)
    if server is None:
        raise SettingsInvalid(f"channels.{name}.fhir.base is not set: there is nobody to subscribe at")
    days = channel.fhir.subscription.days
    lifetime = timedelta(days=days) if days else None
    style: list[Style] = []

    def wishes() -> tuple[Wish, ...]:
        if not style:
            style.append(_style(name, channel, server))
        return tuple(_wishes(settings, name, channel, style[0], lifetime))

    return Subscribing(
        channel=name,
        server=server,
        wishes=wishes,
        database=store.database,
        catch_up=catch_up,
        clock=stores.now,
        lifetime=lifetime,
        pause_s=channel.fhir.subscription.check_seconds,
    )


def _style(name: str, channel: ChannelSettings, server: FhirServer) -> Style:
    wanted, topic = channel.fhir.subscription.style, channel.fhir.subscription.topic
    if wanted == "auto":
        if topic is None:
            return Style.R4
        newer = capability.read(server.capabilities()).fhir_version.startswith(("5", "6"))
        return Style.R5 if newer else Style.BACKPORT
    if wanted != "r4" and topic is None:
        raise SettingsInvalid(f"channels.{name}.fhir.subscription.topic: {wanted} needs one")
    return Style(wanted)


def _wishes(
    settings: Settings, name: str, channel: ChannelSettings, style: Style, lifetime: timedelta | None
) -> Iterator[Wish]:
    asked = channel.fhir.subscription
    endpoint = asked.endpoint or f"{settings.public_base}/hooks/{name}"
    end = f"{(stores.now() + lifetime).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if lifetime else None
    headers, secret = _credentials(name, channel.hook)
    subjects: list[tuple[str, str]] = [(kind, f"{kind}?") for kind in asked.kinds]
    if style is not Style.R4:
        topic = asked.topic or ""
        subjects = [(topic.rstrip("/").rpartition("/")[2] or "topic", topic)]
    for subject, criteria in subjects:
        yield Wish(
            channel=name,
            subject=subject,
            style=style,
            criteria=criteria,
            kinds=asked.kinds if style is Style.R5 else (),
            endpoint=endpoint,
            headers=headers,
            secret=secret,
            heartbeat_s=asked.heartbeat_seconds if style is not Style.R4 else None,
            end=end,
        )


def _credentials(name: str, hook: HookSettings) -> tuple[tuple[str, ...], str | None]:
    """What the server has to send so that our hook lets it in: a header line, or a secret to sign with."""
    if hook.kind == "header":
        value = secrets_of(f"channels.{name}.hook", hook)[0].decode()
        return (f"{hook.header or 'Authorization'}: {value}",), None
    if hook.kind == "hmac":
        return (), secrets_of(f"channels.{name}.hook", hook)[0].decode()
    return (), None


def subscription_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """How the Subscriptions stand, as far as is known here."""
    with store.database.read() as connection:
        known = subscriptions.of_channel(connection)
    for each in known:
        if each.channel not in settings.channels:
            continue
        silent = each.is_silent(stores.now())
        told = f"{each.status or 'unknown'} at the server, looked at {each.checked_at[:19]}"
        if silent:
            told += "; silent for more than two of its heartbeats: is the hook reachable from there?"
        elif each.status == "off":
            told += "; somebody turned it off there: `wardwire subscribe` turns it on again"
        yield Check(
            f"subscription {each.channel} {each.subject}",
            passed=each.status in {"active", "requested"} and not silent,
            reason=told,
        )
