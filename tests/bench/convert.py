"""How long a nine-segment ORU takes to become a validated FHIR Bundle, beside other converters from PyPI.

Each converter runs in its own process and environment; the rounds take turns. Times are of one message after
the other in a warm process, from bytes to JSON text.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench import peers
from tests.bench.messages import orus
from tests.bench.tables import table

_SCRIPTS = Path(__file__).parent / "converters"
_GOAL_MEDIAN_MS, _GOAL_P95_MS = 3.0, 8.0


def run(folder: Path, *, rounds: int, messages: int = 300) -> dict[str, Any]:
    """Measure; print the table; return the figures."""
    found = {"nine segments": _measure(folder, orus(messages + 20), "an ORU of nine segments", rounds)}
    if os.environ.get("WARDWIRE_CORPORA"):
        from tests.corpus.test_oru import messages as real  # only where the corpora are

        raws = [raw for _, raw in real()]
        # The warm-up of the first takes nothing away: the messages go through twice.
        found["corpora"] = _measure(folder, [*raws[:20], *raws], f"{len(raws)} real-world messages", rounds)
    return {**found["nine segments"], **({"corpora": found["corpora"]} if "corpora" in found else {})}


def _measure(folder: Path, messages: list[bytes], what: str, rounds: int) -> dict[str, Any]:
    file = folder / "messages"
    file.write_bytes(b"\x1c".join(messages))
    converters = {
        "wardwire": (Path(sys.executable), "with_wardwire.py", "R4, validated"),
        peers.V2FHIR: (peers.interpreter(peers.V2FHIR), "with_v2fhir.py", "R4, validated"),
        peers.BRIGHTOHIR: (peers.interpreter(peers.BRIGHTOHIR), "with_brightohir.py", "R5, not validated"),
    }
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in converters}
    for _ in range(rounds):
        for name, (python, script, _what) in converters.items():
            if python is not None:
                found[name].append(_one(python, script, file))
    rows = [
        {"converter": name, "output": converters[name][2], **_summary(found["wardwire"], each)}
        for name, each in found.items()
    ]
    print(f"\nConversion of {what}, bytes to JSON; medians of {rounds} rounds")
    head = (
        "converter",
        "output",
        "median ms",
        "p95 ms",
        "wardwire / it",
        "not converted",
        "resources of the last",
    )
    print(table(head, [tuple(row.values()) for row in rows]))
    print(f"goal: wardwire's median at most {_GOAL_MEDIAN_MS:g} ms, p95 at most {_GOAL_P95_MS:g} ms")
    return {"rows": rows, "rounds": rounds, "messages": len(messages) - 20}


def _one(python: Path, script: str, file: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())} if script == "with_wardwire.py" else None
    command = [str(python), str(_SCRIPTS / script), str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        return {"failed": last[0] if last else f"exit {done.returncode}"}
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    times = sorted(report["seconds"])
    if not times:
        return {"failed": "converted nothing"}
    return {
        "median": statistics.median(times),
        "p95": times[int(len(times) * 0.95)],
        "refused": report["refused"],
        "resources": report["resources"],
    }


def _summary(ours: list[dict[str, Any]], its: list[dict[str, Any]]) -> dict[str, Any]:
    failed = next((each["failed"] for each in its if "failed" in each), None)
    if not its or failed:
        return {
            "median_ms": None,
            "p95_ms": None,
            "ours_to_it": None,
            "refused": None,
            "resources": failed or "not installed",
        }
    pairs = [(our, it) for our, it in zip(ours, its, strict=True) if "median" in our]
    return {
        "median_ms": statistics.median(each["median"] for each in its) * 1e3,
        "p95_ms": statistics.median(each["p95"] for each in its) * 1e3,
        "ours_to_it": statistics.median(our["median"] / it["median"] for our, it in pairs) if pairs else None,
        "refused": its[-1].get("refused"),
        "resources": " ".join(f"{kind}:{count}" for kind, count in its[-1]["resources"].items()),
    }
