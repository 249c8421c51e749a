"""The work role's other half: what hands deliveries to the engine, and the flow that makes them."""

from __future__ import annotations

from functools import partial

from integration import telemetry
from integration.engine.dispatcher import Dispatcher, plan
from integration.engine.sweep import Sweeper
from integration.flows.deliver import DeliveryFlow
from integration.flows.ports import Engine, Job, Queue
from integration.settings import Settings
from integration.store.outbox_lane import Lane
from integration.store.records import Undispatched
from integration.wiring import stores
from integration.wiring.destinations import build_couriers, build_patience
from integration.wiring.fhir_destinations import build_fhir_couriers
from integration.wiring.stores import Store

#: The workflow that each delivery gets.
DELIVER = "deliver"


def queue_of(destination: str) -> str:
    """The name of a destination's queue."""
    return f"{DELIVER}.{destination}"


def build_queues(settings: Settings) -> list[Queue]:
    """A queue for each destination: one that does not answer holds up no other."""
    return [Queue(queue_of(name), concurrency=one.connections) for name, one in settings.destinations.items()]


def build_delivery_flow(settings: Settings, store: Store, metrics: telemetry.Metrics) -> DeliveryFlow:
    """The story of a delivery.

    Raises:
        SettingsInvalid: TLS files that cannot be used.
    """
    return DeliveryFlow(
        outbox=store.outbox,
        couriers={**build_couriers(settings), **build_fhir_couriers(settings, store)},
        patience=build_patience(settings),
        clock=stores.now,
        metrics=metrics,
    )


def job_of(row: Undispatched) -> Job:
    """The job of a delivery: on its destination's queue, in the order of its order key."""
    return plan(queue_of(row.channel), DELIVER)(row)


def build_dispatchers(
    settings: Settings, store: Store, engine: Engine, flow: DeliveryFlow
) -> dict[str, Dispatcher]:
    """What hands deliveries to the engine, by the name of their thread."""
    return {
        queue_of(name): Dispatcher(
            Lane(store.database, store.outbox, [name], clock=stores.now, quiet=partial(flow.quiet, name)),
            engine,
            job_of,
            queue=queue_of(name),
        )
        for name in settings.destinations
    }


def build_sweeper(settings: Settings, store: Store, engine: Engine) -> Sweeper:
    """What compares the outbox with the engine; to go beside the sweeper of messages."""
    lane = Lane(store.database, store.outbox, tuple(settings.destinations), clock=stores.now)
    return Sweeper(lane, engine, job_of, workflow=DELIVER, clock=stores.now)
