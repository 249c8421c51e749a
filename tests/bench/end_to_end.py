"""How fast messages become results in the embedded store: all roles on one machine, from socket to search."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from integration import settings
from integration.states import MessageState
from integration.wiring.stores import open_store
from tests.bench.load import measure
from tests.support.serving import serving, wait_for


def run(folder: Path, *, messages: int = 2000, connections: int = 4) -> dict[str, Any]:
    """Measure; print; return the figures."""
    home = folder / "end-to-end"
    home.mkdir()
    with serving(home) as running:
        os.environ.update(running.environment)
        inbox = open_store(settings.load()).inbox
        begun = time.perf_counter()
        measured = measure(running.mllp_port, connections=connections, count=messages, tag="E")
        answered = time.perf_counter() - begun
        waiting = {MessageState.RECEIVED, MessageState.PROCESSING, MessageState.FAILED}
        wait_for(
            lambda: not any(inbox.counts().get(state) for state in waiting),
            seconds=900,
            what="every message to be processed",
        )
        elapsed = time.perf_counter() - begun
        left = {state.value: count for state, count in inbox.counts().items() if count}
    result = {
        "messages": measured.sent,
        "accepted": measured.accepted,
        "answered_per_second": measured.per_second,
        "processed_per_second": round(measured.sent / elapsed, 1),
        "seconds": round(elapsed, 2),
        "not_processed": left,
    }
    print(
        f"\nEnd to end to the embedded store, all roles: {measured.sent:,} ORU over {connections} connections"
    )
    print(
        f"{result['processed_per_second']:,.0f} processed per second over {elapsed:.1f} s; all answered after "
        f"{answered:.1f} s while the worker ran; left in other states: {left or 'none'}"
    )
    return result
