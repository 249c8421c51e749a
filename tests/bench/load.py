"""The load client as a process of its own: `python -m tests.bench.load PORT CONNECTIONS COUNT TAG`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

import uvloop

from integration.clients.mllp import Receiver
from integration.clients.mllp_load import Load
from tests.bench.messages import orus

_DIFFERENT = 2000


@dataclass(frozen=True, slots=True)
class Measured:
    """What a load client saw.

    Attributes:
        per_second: answers.
        accepted: answers that said AA.
        sent: messages.
        client_cpu: share of one core that the client itself used; near 1 it is the client that was measured.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    accepted: int
    sent: int
    client_cpu: float


def measure(port: int, *, connections: int, count: int, tag: str) -> Measured:
    """Send so many messages from another process."""
    command = [sys.executable, "-m", "tests.bench.load", str(port), str(connections), str(count), tag]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=900)
    report = json.loads(done.stdout)
    return Measured(
        per_second=report["per_second"],
        p50_ms=report["p50_ms"] or 0.0,
        p99_ms=report["p99_ms"] or 0.0,
        accepted=report["AA"],
        sent=report["sent"],
        client_cpu=report["client_cpu"],
    )


def main(port: int, connections: int, count: int, tag: str) -> None:
    """Put the load on; print the report as JSON."""
    messages = orus(min(count, _DIFFERENT))
    load = Load(
        receiver=Receiver(host="127.0.0.1", port=port),
        messages=messages,
        repeat=-(-count // len(messages)),
        connections=connections,
        tag=tag,
    )
    begun = time.process_time()
    report = uvloop.run(load.run())
    used = (time.process_time() - begun) / report.seconds
    print(json.dumps({**report.as_dict(), "client_cpu": round(used, 2)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
