"""The work role: the durable engine, what hands it messages, and the flows that it runs."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from datetime import timedelta

from prometheus_client import CollectorRegistry

from integration import telemetry
from integration.engine.dbos_engine import DbosEngine
from integration.engine.dispatcher import Dispatcher, plan
from integration.engine.loop import Loop
from integration.engine.sweep import Sweeper
from integration.flows.acknowledge import ApplicationAcks, Forwarding
from integration.flows.lab_report import LabReportFlow
from integration.flows.ports import Queue
from integration.settings import Settings
from integration.store import heartbeats
from integration.wiring import extraction, stores
from integration.wiring.deliveries import (
    DELIVER,
    build_delivery_flow,
    build_dispatchers,
    build_queues,
    build_sweeper,
)
from integration.wiring.destinations import build_sending
from integration.wiring.fhir_feeds import Feeds, build_feeds
from integration.wiring.retaining import build_retention
from integration.wiring.stores import Store
from integration.wiring.terms import build_terms, responsible

#: The queue of received messages and the workflow that each of them gets.
MESSAGES = "messages"
PROCESS = "process"
#: Seconds that a stopping worker gives to messages in hand.
DRAIN_SECONDS = 20.0
_BEAT_SECONDS = 10.0
#: Pause between two looks for what is kept no longer.
_RETENTION_SECONDS = 3600.0
_LOG = telemetry.logger(__name__)


def executor_name(settings: Settings) -> str:
    """The stable name of this worker."""
    return settings.engine.executor or socket.gethostname()


def build_engine(settings: Settings, *, on_death: Callable[[], None] = lambda: None) -> DbosEngine:
    """The durable engine with its queues; not started."""
    width = settings.engine.concurrency
    return DbosEngine(
        settings.engine_url,
        executor=executor_name(settings),
        queues=[
            Queue(MESSAGES, concurrency=width, prefetch=4 * width),
            extraction.queue(settings),
            *build_queues(settings),
        ],
        polling_s=settings.engine.polling_seconds,
        on_death=on_death,
    )


def build_flow(
    settings: Settings, store: Store, metrics: telemetry.Metrics, feeds: Feeds | None = None
) -> LabReportFlow:
    """The story of a received message.

    Raises:
        SettingsInvalid: a destination that cannot be written for.
    """
    return LabReportFlow(
        database=store.database,
        inbox=store.inbox,
        results=store.results,
        terms=build_terms(settings),
        software=stores.software(),
        clock=stores.now,
        responsible=responsible(settings),
        metrics=metrics,
        max_attempts=settings.engine.max_attempts,
        extracting=extraction.extracting(settings),
        reading_texts=extraction.reading_texts(settings),
        sending=build_sending(settings, store),
        others=feeds.stories if feeds else {},
    )


def serve_work(settings: Settings) -> int:
    """Process messages until SIGTERM or SIGINT, then drain. Exit code 1 when a thread of it died.

    Raises:
        SettingsInvalid: the schema is not current, another live worker has this worker's name, or a
            destination that cannot be written for or reached as configured.
    """
    store = stores.open_store(settings)
    stores.demand_current_schema(store)
    stop, died = threading.Event(), threading.Event()

    def on_death() -> None:
        died.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = build_engine(settings, on_death=on_death)
    metrics = telemetry.metrics(CollectorRegistry())
    deliveries = build_delivery_flow(settings, store, metrics)
    feeds = build_feeds(settings, store)
    engine.workflow(PROCESS, build_flow(settings, store, metrics, feeds).process)
    engine.workflow(extraction.EXTRACT, extraction.build_flow(settings, store).read)
    engine.workflow(DELIVER, deliveries.deliver)
    engine.start()
    ticks = {**_ticks(settings, store, engine), **feeds.ticks}
    for name, dispatcher in build_dispatchers(settings, store, engine, deliveries).items():
        ticks[name] = dispatcher.tick
    loops = [Loop(name, tick, on_death) for name, tick in ticks.items()]
    for loop in loops:
        loop.start()
    _LOG.info("work.started", workers=settings.engine.concurrency)
    stop.wait()
    for loop in loops:
        loop.stop()
    engine.stop(DRAIN_SECONDS)
    store.database.close()
    return 1 if died.is_set() else 0


def _ticks(settings: Settings, store: Store, engine: DbosEngine) -> dict[str, Callable[[], float]]:
    """What the worker does beside processing, each in a thread of its own."""
    job_of = plan(MESSAGES, PROCESS)
    worker = heartbeats.Worker(
        executor_name(settings), socket.gethostname(), os.getpid(), started=stores.now()
    )

    def beat() -> float:
        store.database.write(
            lambda connection: heartbeats.beat(connection, worker, now=stores.now())
        ).result()
        return _BEAT_SECONDS

    def checkpoint() -> float:
        pause = timedelta(minutes=settings.audit.checkpoint_minutes).total_seconds()
        store.audit.checkpoint(file=settings.audit.checkpoint_file)
        return pause

    sweeper = Sweeper(
        store.inbox,
        engine,
        job_of,
        workflow=PROCESS,
        clock=stores.now,
        beside=[extraction.build_sweeper(store, engine), build_sweeper(settings, store, engine)],
    )
    retention = build_retention(settings, store)

    def retain() -> float:
        retention.run()
        return _RETENTION_SECONDS

    forwarding = Forwarding(ApplicationAcks(store.database, stores.now, "worker"), store.outbox)
    return {
        "dispatcher": Dispatcher(store.inbox, engine, job_of, queue=MESSAGES).tick,
        "extraction-dispatcher": extraction.build_dispatcher(store, engine).tick,
        "sweep": sweeper.tick,
        "acknowledgements": forwarding.tick,
        "heartbeat": beat,
        "checkpoint": checkpoint,
        "retention": retain,
    }
