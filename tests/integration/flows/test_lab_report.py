"""The worker's story of one message, without the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from integration import telemetry
from integration.settings import Settings
from integration.states import MessageState
from integration.store import ledgers
from integration.store.migrations.upgrade import upgrade
from integration.store.records import Arrival, StoredMessage
from integration.wiring import stores, workers

MESSAGE = (
    "MSH|^~\\&|A|LAB|W|HOSP|20261122120000+0100||ORU^R01|{id}|P|2.5.1\rPID|1||{patient}^^^HOSP^MR||{name}\r"
    "OBR|1||F-1^LIS|X^Panel^L|||20261122110000+0100|||||||||||||||20261122120000+0100||CH|F\r"
    "OBX|1|NM|K^Potassium^L||{value}|mmol/L|||||F\r"
)


class Bench:
    """A flow on a store of its own."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(store={"url": f"sqlite:///{folder / 'store.sqlite'}"})
        self.store = stores.open_store(settings)
        upgrade(self.store.database)
        self.flow = workers.build_flow(settings, self.store, telemetry.metrics(CollectorRegistry()))

    def process(self, *, channel: str = "default", **parts: str) -> StoredMessage:
        """Store a message and process it."""
        arrival = Arrival(
            channel=channel, peer="10.1.2.3:1", raw=MESSAGE.format(**parts).encode(),
            received_at=stores.now(), control_id=parts["id"], order_key="lab",
        )  # fmt: skip
        message_id = self.store.inbox.submit(arrival).result(30).message_id
        assert self.flow.process(message_id) is None
        return self.store.inbox.load(message_id)

    def ledger(self, message: StoredMessage) -> dict[str, Any] | None:
        """The ledger of a message."""
        with self.store.database.read() as connection:
            return ledgers.find(connection, message.id)


@pytest.fixture
def bench(tmp_path: Path):
    """An empty one."""
    made = Bench(tmp_path)
    yield made
    made.store.database.close()


def test_a_message_is_processed(bench: Bench) -> None:
    """Its ledger accounts for its segments."""
    message = bench.process(id="1", patient="17", name="Rossi^Giulia", value="4.5")

    assert MessageState.PROCESSED is message.state
    assert {"in": 4, "mapped": 4, "kept": 0, "reported": 0} == bench.ledger(message)["segments"]


def test_a_result_of_another_patient_is_parked_and_says_which(bench: Bench) -> None:
    """The operator learns from the ledger what stands against it, and nothing of either patient."""
    bench.process(id="1", patient="17", name="Rossi^Giulia", value="4.5")
    message = bench.process(id="2", patient="18", name="MARKERNAME^Luca", value="6.5")

    assert (MessageState.PARKED, "conflict") == (message.state, message.reason)
    ledger = bench.ledger(message)
    (issue,) = ledger["issues"]
    assert "belongs to another subject" in issue["text"]
    assert "MARKERNAME" not in str(ledger)


def test_a_channel_that_is_gone_parks_its_messages(bench: Bench) -> None:
    """A human puts it back into the settings, or discards them."""
    message = bench.process(channel="gone", id="1", patient="17", name="Rossi^Giulia", value="4.5")

    assert (MessageState.PARKED, "channel-unknown") == (message.state, message.reason)
    assert "no longer in the settings" in bench.ledger(message)["issues"][0]["text"]
