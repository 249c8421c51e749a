"""The web role: the Flask application and the gunicorn that runs it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from integration import settings as configuration
from integration import telemetry
from integration.errors import SettingsInvalid
from integration.flows.intake import Intake
from integration.settings import Settings
from integration.store import heartbeats
from integration.store.migrations import HEAD, installed
from integration.web import health
from integration.web.auth import Token, read_tokens
from integration.web.services import Check, Services
from integration.wiring import stores
from integration.wiring.fhir_servers import published_keys
from integration.wiring.hooks import Refusals, build_hooks
from integration.wiring.review import build_desk
from integration.wiring.stores import Store
from integration.wiring.submissions import build_submissions
from integration.wiring.terms import build_terms

if TYPE_CHECKING:
    from flask import Blueprint, Flask

#: How old a heartbeat and a waiting message may be before /readyz says "degraded".
_PATIENCE = timedelta(seconds=60)
#: How long a result may wait for its destination before /readyz says "degraded".
_DELIVERY_PATIENCE = timedelta(minutes=15)
_WANTED_DISK_BYTES = 512 * 2**20


def web_application() -> Flask:
    """The application, from the settings of the environment: what gunicorn loads in each worker."""
    return build_application(configuration.load())


def build_application(settings: Settings) -> Flask:
    """The application of these settings."""
    from integration.web.app import create_app

    store = stores.open_store(settings)
    registry = CollectorRegistry()
    return create_app(
        Services(
            database=store.database,
            results=store.results,
            messages=store.inbox,
            deliveries=store.outbox,
            review=build_desk(settings, store),
            software=stores.software(),
            public_base=settings.public_base,
            clock=stores.now,
            new_id=lambda: uuid.uuid4().hex,
            metrics=telemetry.metrics(registry),
            registry=registry,
            multiprocess_folder=configuration.metrics_folder(),
            probes=probes(settings, store),
            tokens=tokens_of(settings),
            behind_proxy=settings.web.behind_proxy,
            max_body_bytes=settings.web.max_body_bytes,
            doors=(
                _hl7_over_http(settings, store),
                build_hooks(settings, store),
                _fhir_submissions(settings, store),
            ),
            key_set=published_keys(settings),
        )
    )


def _hl7_over_http(settings: Settings, store: Store) -> Blueprint:
    from flask import g

    from integration.transports import hl7_http

    terms = build_terms(settings)
    intake = Intake(store.inbox, terms, clock=stores.now)
    return hl7_http.blueprint(intake, frozenset(terms), caller=lambda: str(g.actor))


def _fhir_submissions(settings: Settings, store: Store) -> Blueprint:
    from flask import g

    from integration.transports import fhir_submission

    return fhir_submission.blueprint(
        build_submissions(settings, store),
        base=f"{settings.public_base}/fhir",
        caller=lambda: str(g.actor),
        refused=Refusals(store, monotonic=time.monotonic, kind="submission.refused").of_nobody,
    )


def tokens_of(settings: Settings) -> tuple[Token, ...]:
    """The tokens that readers may show; none where no file is named.

    Raises:
        SettingsInvalid: the file cannot be read, or holds something else.
    """
    if settings.web.token_file is None:
        return ()
    try:
        text = settings.web.token_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid("web.token_file cannot be read") from None
    return read_tokens(text)


def probes(settings: Settings, store: Store) -> tuple[Callable[[], Check], ...]:
    """What /readyz and `wardwire check` ask about."""

    def write() -> Future[Any]:
        return store.database.write(partial(heartbeats.touch, now=stores.now()))

    def pending() -> tuple[str, ...]:
        with store.database.read() as connection:
            return () if installed(connection) == HEAD else (HEAD,)

    def last_seen() -> Any:
        with store.database.read() as connection:
            return heartbeats.last_seen(connection)

    return (
        health.store_takes_writes(write),
        health.schema_is_current(pending),
        health.worker_is_alive(last_seen, clock=stores.now, patience=_PATIENCE),
        health.backlog_is_short(store.inbox, clock=stores.now, patience=_PATIENCE),
        health.deliveries_arrive(store.outbox.oldest_waiting, clock=stores.now, patience=_DELIVERY_PATIENCE),
        health.disk_has_room(settings.data_folder, at_least=_WANTED_DISK_BYTES),
    )


def serve_web(settings: Settings) -> None:
    """Run gunicorn until it is told to stop; ends with SystemExit.

    Raises:
        SettingsInvalid: the schema is not current, or a file named in the settings is unusable.
    """
    from integration.web.server import serve

    store = stores.open_store(settings)
    stores.demand_current_schema(store)
    store.database.close()
    tokens_of(settings)
    published_keys(settings)
    serve(lambda: build_application(settings), settings.web, metrics_folder=configuration.metrics_folder())
