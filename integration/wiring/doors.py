"""The MLLP role: listeners on an event loop, watched folders in threads, and the door behind them."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from integration import telemetry
from integration.engine.loop import Loop
from integration.errors import SettingsInvalid, StoreUnavailable
from integration.flows.acknowledge import ApplicationAcks
from integration.flows.intake import Intake
from integration.settings import FolderSettings, MllpSettings, Settings, TlsSettings
from integration.transports.folder import Folder, Watch
from integration.transports.mllp.admission import Admission, Guest
from integration.transports.mllp.listener import Listener
from integration.transports.mllp.returns import Returns
from integration.transports.mllp.terms import Limits, Peer, Refusal, Release, Silence
from integration.wiring import stores
from integration.wiring.terms import build_terms

#: Who carries answers, in the audit trail.
ACTOR = "mllp"
#: Seconds that a stopping listener gives to messages in hand.
DRAIN_SECONDS = 20.0
_LOG = telemetry.logger(__name__)


def server_tls(settings: TlsSettings, *, name: str) -> ssl.SSLContext | None:
    """The TLS of a listener; None when it has none.

    Raises:
        SettingsInvalid: the files cannot be read, do not fit each other, or `ca` is missing for mutual TLS.
    """
    if settings.certificate is None:
        return None
    if settings.require_client and settings.ca is None:
        raise SettingsInvalid(f"{name}.tls.require_client needs {name}.tls.ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # ATNA, BCP 195
    try:
        context.load_cert_chain(settings.certificate, settings.key)
        if settings.ca is not None:
            context.load_verify_locations(settings.ca)
    except (OSError, ssl.SSLError):
        raise SettingsInvalid(f"{name}.tls: the certificate, key or ca file cannot be used") from None
    if settings.require_client:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def limits_of(settings: MllpSettings) -> Limits:
    """The limits of one listener."""
    return Limits(
        max_message_bytes=settings.max_message_bytes,
        max_held_bytes=settings.max_held_bytes,
        max_connections=settings.max_connections,
        max_connections_per_host=settings.max_connections_per_host,
        pipeline_depth=settings.pipeline_depth,
        idle_seconds=settings.idle_seconds,
        message_seconds=settings.message_seconds,
    )


def admission_of(settings: MllpSettings) -> Admission:
    """Who may connect to one listener."""
    guests = [
        Guest(
            name=name,
            addresses=tuple(map(ipaddress.ip_network, peer.addresses)),
            subjects=frozenset(peer.subjects),
            max_message_bytes=peer.max_message_bytes,
            messages_per_second=peer.messages_per_second,
        )
        for name, peer in settings.peers.items()
    ]
    return Admission(guests, messages_per_second=settings.messages_per_second)


class _Door:
    """What one listener brings to the intake, and what it takes back."""

    def __init__(self, intake: Intake, returns: Returns, channel: str) -> None:
        self._intake = intake
        self._returns = returns
        self._channel = channel
        self.listener: Listener | None = None

    async def answer(self, raw: bytes, peer: Peer) -> bytes | Silence | None:
        """The acknowledgement of a message once it is committed; None when the store takes no writes."""
        name = peer.tls_subject or f"{peer.host}:{peer.port}"
        try:
            reply = await self._intake.answer(raw, channel=self._channel, peer=name)
        except StoreUnavailable:
            return None
        if reply.awaiting and self.listener is not None:
            self._returns.expect(reply.awaiting, partial(self.listener.post, peer))
        return Silence.KEPT if reply.payload is None else reply.payload

    def refuse(self, head: bytes, refusal: Refusal, limit: int) -> bytes | None:
        """The answer to a frame that cannot be held."""
        # Out of memory is no fault of the message: close, and the sender keeps it.
        if refusal is Refusal.BUDGET:
            return None
        return self._intake.refuse_oversize(head, channel=self._channel, limit=limit)


def _notify(channel: str) -> Callable[..., None]:
    def notify(event: str, **fields: Any) -> None:
        peer = fields.pop("peer", None)
        if event not in {"connected", "disconnected"}:
            known = {key: value for key, value in fields.items() if isinstance(value, int | str)}
            _LOG.info("mllp event", code=event, channel=channel, peer=peer.host if peer else None, **known)

    return notify


async def serve_mllp(settings: Settings) -> int:
    """Serve every listener and watch every folder until SIGTERM or SIGINT, then drain.

    Returns:
        the exit code: 1 when a thread of it died.

    Raises:
        SettingsInvalid: an address that cannot be bound, unusable TLS files, or a folder that is not there.
    """
    store = stores.open_store(settings)
    stores.demand_current_schema(store)
    metrics = telemetry.metrics(CollectorRegistry())
    intake = Intake(store.inbox, build_terms(settings), clock=stores.now, metrics=metrics)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    died = threading.Event()

    def on_death(*_: object) -> None:
        died.set()
        loop.call_soon_threadsafe(stop.set)

    returns = Returns(ApplicationAcks(store.database, stores.now, ACTOR))
    returning = asyncio.create_task(returns.run())
    returning.add_done_callback(on_death)
    listeners = [await _listen(name, one, intake, returns) for name, one in settings.mllp.items()]
    watching = [_watch(name, one, intake, on_death) for name, one in settings.folders.items()]
    await stop.wait()
    code = 1 if died.is_set() else 0
    for folder in watching:
        await loop.run_in_executor(None, folder.stop)
    await asyncio.gather(*(listener.drain(within=DRAIN_SECONDS) for listener in listeners))
    returning.cancel()
    await loop.run_in_executor(None, store.database.close)
    return code


def _watch(name: str, settings: FolderSettings, intake: Intake, on_death: Callable[[], None]) -> Loop:
    """A thread that watches one folder."""
    folder = Folder(
        Watch(
            name=name,
            path=settings.path,
            channel=settings.channel,
            pattern=settings.pattern,
            settle_seconds=settings.settle_seconds,
            poll_seconds=settings.poll_seconds,
            max_bytes=settings.max_bytes,
            keep_done=settings.keep_done,
        ),
        intake,
    )
    folder.prepare()
    watching = Loop(f"folder {name}", folder.tick, on_death)
    watching.start()
    _LOG.info("folder.watching", channel=settings.channel)
    return watching


async def _listen(name: str, settings: MllpSettings, intake: Intake, returns: Returns) -> Listener:
    door = _Door(intake, returns, settings.channel)
    door.listener = listener = Listener(
        door.answer,
        refuse=door.refuse,
        limits=limits_of(settings),
        admission=admission_of(settings),
        release=Release(settings.release),
        notify=_notify(settings.channel),
    )
    tls = server_tls(settings.tls, name=f"mllp.{name}")
    try:
        bound = await listener.listen(settings.host, settings.port, tls=tls)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise SettingsInvalid(f"mllp.{name}: cannot listen on {place}: {error.strerror}") from None
    for host, port in bound:
        _LOG.info("mllp.listening", channel=settings.channel, host=host, port=port)
    return listener
