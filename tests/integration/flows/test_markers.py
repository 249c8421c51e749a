"""A marker in every field of every segment: in nothing that we say of a message, whatever becomes of it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from integration import telemetry
from integration.settings import Settings
from integration.store.migrations.upgrade import upgrade
from integration.store.records import Arrival
from integration.wiring import stores, workers
from tests.integration.flows.test_lab_report import Bench
from tests.mappers.hl7v2.test_nothing_vanishes import KINDS, marked
from tests.support.door import door_in

#: As planted; what stands in MSH is no patient's.
MARKER = re.compile(r"QX\d\dY\d\dZ")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_marker_in_every_field_never_shows(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in answers, log records, metrics, ledger, audit records nor in what an operator lists."""
    caplog.set_level(logging.DEBUG)
    text, _ = marked(kind)
    (tmp_path / "door").mkdir()
    with door_in(tmp_path / "door") as door:
        answers = [door.receive(raw).payload for raw in (text.encode(), text[:-40].encode(), text.encode())]
    settings = Settings(store={"url": f"sqlite:///{tmp_path / 'store.sqlite'}"})
    store, registry = stores.open_store(settings), CollectorRegistry()
    upgrade(store.database)
    flow = workers.build_flow(settings, store, telemetry.metrics(registry))
    arrival = Arrival(
        channel="default", peer="10.1.2.3:1", raw=text.encode(), received_at=stores.now(), control_id="M",
        order_key="lab",
    )  # fmt: skip
    message_id = store.inbox.submit(arrival).result(30).message_id
    flow.process(message_id)
    bench = Bench.__new__(Bench)
    bench.store = store
    message = store.inbox.load(message_id)
    said = [
        *(str(answer) for answer in answers),
        *(record.getMessage() + str(record.__dict__) for record in caplog.records),
        generate_latest(registry).decode(),
        str(bench.ledger(message)),
        *(str(record) for record in store.audit.records()),
        str(message.issues),
    ]
    store.database.close()

    assert MARKER.search(text)
    assert [] == [match[0] for each in said if (match := MARKER.search(each))]
