"""From the settings of the channels to their hooks: guards, routes, and who is told of a refusal."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from integration.errors import SettingsInvalid, StoreUnavailable
from integration.flows.fhir_door import FhirDoor
from integration.settings import HookSettings, Settings
from integration.store.ids import utc_text
from integration.transports.webhooks.guards import Certificate, Guard, SecretHeader, Signature, ThisMachine
from integration.transports.webhooks.routes import Hook, blueprint
from integration.wiring import stores
from integration.wiring.stores import Store
from mappers.domain.attribution import AuditEvent, AuditOutcome
from mappers.domain.times import Moment

if TYPE_CHECKING:
    from flask import Blueprint

#: A flood of wrong credentials becomes one audit record in so many seconds, with its count.
_QUIET_SECONDS = 1.0


def build_hooks(settings: Settings, store: Store) -> Blueprint:
    """The routes of all channels' hooks.

    Raises:
        SettingsInvalid: a secrets file cannot be used.
    """
    door = FhirDoor(store.inbox, clock=stores.now, new_id=lambda: uuid.uuid4().hex)
    return blueprint(
        door,
        {name: _hook(name, channel.hook) for name, channel in settings.channels.items()},
        behind_proxy=settings.web.behind_proxy,
        refused=Refusals(store, monotonic=time.monotonic),
    )


def _hook(name: str, settings: HookSettings) -> Hook:
    guard = _guard(f"channels.{name}.hook", settings)
    return Hook(guard, settings.max_body_bytes, frozenset(settings.origins))


def _guard(name: str, settings: HookSettings) -> Guard:
    match settings.kind:
        case "local":
            return ThisMachine()
        case "header":
            return SecretHeader((settings.header or "Authorization").lower(), secrets_of(name, settings))
        case "hmac":
            return Signature(
                secrets=secrets_of(name, settings),
                clock=stores.now,
                header=(settings.header or "X-Signature").lower(),
                algorithm=settings.algorithm,
                encoding=settings.encoding,
                prefix=settings.prefix,
                timestamp_header=(settings.timestamp_header or "").lower(),
                separator=settings.separator,
                tolerance_s=settings.tolerance_seconds,
            )
        case "mtls":
            return Certificate(frozenset(settings.subjects), (settings.subject_header or "").lower())
        case "oidc":
            return _id_token(settings)


def _id_token(settings: HookSettings) -> Guard:
    # Only who uses tokens loads what verifies and fetches.
    import httpx2

    from integration.clients import key_sets
    from integration.transports.webhooks.oidc import IdToken, PublishedKeys

    http = httpx2.Client(trust_env=False, timeout=5.0)
    issuer, audience = settings.issuer or "", settings.audience or ""
    keys = PublishedKeys(
        lambda: key_sets.fetch(http, issuer=issuer, jwks_url=settings.jwks_url), time.monotonic
    )
    return IdToken(
        keys=keys, issuer=issuer, audience=audience, subjects=frozenset(settings.subjects), clock=stores.now
    )


def secrets_of(name: str, settings: HookSettings) -> tuple[bytes, ...]:
    """The secrets of a hook, the first of which we tell a server that we subscribe at.

    Raises:
        SettingsInvalid: the file cannot be read, or holds none.
    """
    if settings.secrets_file is None:
        assert settings.secret is not None
        return (settings.secret.get_secret_value().encode(),)
    try:
        lines = settings.secrets_file.read_bytes().splitlines()
    except OSError:
        raise SettingsInvalid(f"{name}.secrets_file cannot be read") from None
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise SettingsInvalid(f"{name}.secrets_file holds no secret")
    return found


class Refusals:
    """Audits who was turned away: the first at once, those within a second after it as one more record.

    Args:
        monotonic: seconds.
        kind: of the audit record.
    """

    def __init__(self, store: Store, *, monotonic: Callable[[], float], kind: str = "hook.refused") -> None:
        self._store = store
        self._monotonic = monotonic
        self._kind = kind
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def of_nobody(self, peer: str, code: str) -> None:
        """Remember one refusal where there is no channel."""
        self("", peer, code)

    def __call__(self, channel: str, peer: str, code: str) -> None:
        """Remember one refusal."""
        now = self._monotonic()
        with self._lock:
            since, more = self._seen.get((channel, code), (-_QUIET_SECONDS, 0))
            if now - since < _QUIET_SECONDS:
                self._seen[channel, code] = (since, more + 1)
                return
            self._seen[channel, code] = (now, 0)
        event = AuditEvent(
            kind=self._kind,
            at=Moment(utc_text(stores.now())),
            actor=peer,
            outcome=AuditOutcome.MINOR_FAILURE,
            details={"channel": channel, "code": code, "more": more},
        )
        try:
            self._store.audit.append(event).result()
        except StoreUnavailable:
            return  # nobody was let in; there is nothing that has to be provable
