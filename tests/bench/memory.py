"""Memory of the `mllp` role while 100,000 messages go through it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.bench import targets
from tests.bench.load import measure

_GOAL_MIB = 120


def run(folder: Path, *, messages: int = 100_000, connections: int = 8) -> dict[str, Any]:
    """Measure; print; return the figures."""
    role = targets.wardwire(folder / "memory")
    samples: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            samples.append(role.rss_mib())

    try:
        at_start = role.rss_mib()
        watching = threading.Thread(target=watch)
        watching.start()
        measured = measure(role.port, connections=connections, count=messages, tag="M")
        over.set()
        watching.join()
        at_end = role.rss_mib()
    finally:
        over.set()
        role.stop()
    tenth = samples[len(samples) // 10] if samples else at_start
    result = {
        "messages": measured.sent,
        "accepted": measured.accepted,
        "start_mib": round(at_start, 1),
        "after_a_tenth_mib": round(tenth, 1),
        "end_mib": round(at_end, 1),
        "peak_mib": round(max([*samples, at_end]), 1),
        "per_second": measured.per_second,
    }
    print(f"\nMemory (RSS) of the mllp role over {measured.sent:,} messages, {connections} connections")
    print(
        f"start {at_start:.0f} MiB, after a tenth {tenth:.0f}, end {at_end:.0f}, peak {result['peak_mib']:.0f} "
        f"(goal: under {_GOAL_MIB}); {measured.accepted:,} accepted, {measured.per_second:,.0f}/s"
    )
    return result
