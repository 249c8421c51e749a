"""/metrics: the processes' counters, and what the store itself counts. No label has a message's values."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from integration.errors import StoreUnavailable
from integration.web.health import received_at
from integration.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """/metrics, in Prometheus' text format."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def metrics() -> Response:
        shown = CollectorRegistry()
        shown.register(StoreCollector(services))
        if services.multiprocess_folder is not None:
            MultiProcessCollector(shown, path=str(services.multiprocess_folder))  # type: ignore[no-untyped-call]
            text = generate_latest(shown)
        else:
            text = generate_latest(services.registry) + generate_latest(shown)
        return Response(text, mimetype=None, content_type=CONTENT_TYPE_LATEST)

    return routes


class StoreCollector(Collector):
    """Gauges that are read from the store when they are asked for; the same from every process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Counts by state and type; only `wardwire_store_up 0` when the store does not answer."""
        up = GaugeMetricFamily("wardwire_store_up", "Whether the store answers reads.")
        try:
            gauges = list(self._read())
        except StoreUnavailable:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from gauges

    def _read(self) -> Iterator[GaugeMetricFamily]:
        services = self._services
        messages = GaugeMetricFamily(
            "wardwire_messages", "Messages by state, but for processed ones.", labels=["state"]
        )
        for state, count in services.messages.counts().items():
            messages.add_metric([state.value], count)
        yield messages

        waiting = GaugeMetricFamily(
            "wardwire_oldest_waiting_seconds", "Age of the oldest message not yet handed to the engine."
        )
        oldest = services.messages.undispatched(1)
        age = (services.clock() - received_at(oldest[0].message_id)).total_seconds() if oldest else 0.0
        waiting.add_metric([], max(0.0, age))
        yield waiting

        waiting_to_leave = GaugeMetricFamily(
            "wardwire_deliveries",
            "Deliveries by destination and state, but for delivered ones.",
            labels=["destination", "state"],
        )
        for (destination, delivery_state), count in services.deliveries.counts().items():
            waiting_to_leave.add_metric([destination, delivery_state.value], count)
        yield waiting_to_leave

        resources = GaugeMetricFamily("wardwire_resources", "Current FHIR resources.", labels=["type"])
        with services.database.read() as connection:
            for kind, count in services.results.counts(connection).items():
                resources.add_metric([kind], count)
        yield resources
