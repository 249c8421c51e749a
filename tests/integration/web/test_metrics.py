"""/metrics shows the store's gauges and all processes' counters, without any value of a message."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

from integration.errors import StoreUnavailable
from integration.states import DeliveryState, MessageState
from tests.support.results import observation, patient
from tests.support.web import CLOCK, waiting_since


def test_the_store_is_counted_when_asked(web):
    """States, types and the age of the oldest waiting message."""
    web.inbox.states = {MessageState.PARKED: 3, MessageState.RECEIVED: 0}
    web.inbox.waiting = [waiting_since(CLOCK - timedelta(seconds=90))]
    web.store.write(patient(), observation(), observation("o2"))

    text = web.get("/metrics").text
    for line in (
        "wardwire_store_up 1.0",
        'wardwire_messages{state="parked"} 3.0',
        'wardwire_messages{state="received"} 0.0',
        "wardwire_oldest_waiting_seconds 90.0",
        'wardwire_resources{type="Observation"} 2.0',
    ):
        assert line in text
    assert "MRN-p1" not in text


def test_deliveries_are_counted_when_asked(web):
    """By destination and state."""
    web.outbox.waiting = {("ehr", DeliveryState.PARKED): 2}

    assert 'wardwire_deliveries{destination="ehr",state="parked"} 2.0' in web.get("/metrics").text


def test_a_store_that_does_not_answer_is_a_metric(web, monkeypatch):
    """The scrape succeeds, so that the alert can fire."""

    def down():
        raise StoreUnavailable("down")

    monkeypatch.setattr(web.inbox, "counts", down)
    answer = web.get("/metrics")
    assert (200, True) == (answer.status_code, "wardwire_store_up 0.0" in answer.text)


def test_requests_are_counted(web):
    """By route, method and status."""
    client = web.client
    client.get("/healthz")
    text = client.get("/metrics", headers={"Host": "localhost"}).text
    assert 'wardwire_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in text


OTHER_PROCESS = """
from prometheus_client import CollectorRegistry
from integration import telemetry
metrics = telemetry.metrics(CollectorRegistry())
metrics.received.labels(channel="lab", verdict="AA").inc(2)
metrics.connections.labels(channel="lab").set(4)
"""


def test_counters_of_all_processes_are_summed(web, tmp_path):
    """Roles that share a folder are shown together, also after they ended."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    for _ in range(3):
        subprocess.run(
            [sys.executable, "-c", OTHER_PROCESS],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            check=True,
        )
    web.services = replace(web.services, multiprocess_folder=folder)

    text = web.get("/metrics").text
    assert 'wardwire_messages_received_total{channel="lab",verdict="AA"} 6.0' in text
    assert "wardwire_store_up 1.0" in text
