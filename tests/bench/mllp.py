"""How fast a durable answer is: the `mllp` role beside bare listeners and beside an interface engine.

Closed loop: each connection sends its next message when the last is answered. All programs are started first
and sleep (SIGSTOP) while another is measured; in each round every one is measured at every number of
connections, and ratios are taken within a round. The report gives medians over the rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import targets
from tests.bench.load import Measured, measure
from tests.bench.tables import table
from tests.bench.targets import Target

CONNECTIONS = (1, 8, 64)
_WARM_UP = 300
_GOAL_OF_BARE = 0.60
_GOAL_OF_ENGINE = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One program at one number of connections in one round."""

    seen: Measured
    cpu_us: float


def run(folder: Path, *, rounds: int, seconds: float) -> dict[str, Any]:
    """Measure; print the table; return the figures."""
    starts: list[tuple[str, Callable[[Path], Target | None]]] = [
        ("wardwire", targets.wardwire),
        ("plain", lambda home: targets.bare(home, "plain")),
        ("tuned", lambda home: targets.bare(home, "tuned")),
        ("alone", targets.listener_alone),
        ("engine", targets.messagefoundry),
    ]
    with ExitStack() as stack:
        programs: list[Target] = []
        for name, start in starts:
            program = start(folder / name)
            if program is not None:
                stack.callback(program.stop)
                programs.append(program)
                program.sleep()
        found = _measure_all(programs, rounds=rounds, seconds=seconds)
    result = {"rows": _rows(programs, found), "rounds": rounds, "seconds_each": seconds}
    _show(result, engine=len(programs) == len(starts))
    return result


def _measure_all(
    programs: Sequence[Target], *, rounds: int, seconds: float
) -> dict[tuple[str, int], list[Sample]]:
    counts: dict[tuple[str, int], int] = {}
    found: dict[tuple[str, int], list[Sample]] = {}
    for number in range(rounds + 1):  # the first warms up and finds how many messages fill the time
        for connections in CONNECTIONS:
            for at in range(len(programs)):
                program = programs[(at + number) % len(programs)]
                key = (program.name, connections)
                with program.awake():
                    cpu = program.cpu_seconds()
                    measured = measure(
                        program.port,
                        connections=connections,
                        count=counts.get(key, _WARM_UP),
                        tag=f"R{number}C{connections}N",
                    )
                    cpu = program.cpu_seconds() - cpu
                if number:
                    found.setdefault(key, []).append(Sample(measured, cpu / measured.sent * 1e6))
                else:
                    counts[key] = max(_WARM_UP, int(measured.per_second * seconds))
    return found


def _rows(programs: Sequence[Target], found: dict[tuple[str, int], list[Sample]]) -> list[dict[str, Any]]:
    ours = programs[0].name
    rows = []
    for connections in CONNECTIONS:
        for program in programs:
            each = found[program.name, connections]
            pairs = zip(found[ours, connections], each, strict=True)
            rows.append(
                {
                    "connections": connections,
                    "program": program.name,
                    "per_second": statistics.median(one.seen.per_second for one in each),
                    "p50_ms": statistics.median(one.seen.p50_ms for one in each),
                    "p99_ms": statistics.median(one.seen.p99_ms for one in each),
                    "ours_to_it": statistics.median(
                        our.seen.per_second / its.seen.per_second for our, its in pairs
                    ),
                    "cpu_us": round(statistics.median(one.cpu_us for one in each)),
                    "not_accepted": sum(one.seen.sent - one.seen.accepted for one in each),
                    "client_cpu": max(one.seen.client_cpu for one in each),
                }
            )
    return rows


def _show(result: dict[str, Any], *, engine: bool) -> None:
    rows = result["rows"]
    print(f"\nDurable commit, then ACK; ORU of nine segments; medians of {result['rounds']} rounds")
    head = ("connections", "program", "msg/s", "p50 ms", "p99 ms", "wardwire / it", "CPU us/msg")
    head += ("not AA", "client CPU")
    print(table(head, [tuple(row.values()) for row in rows]))
    ratios = {(row["program"], row["connections"]): row["ours_to_it"] for row in rows}
    for name, goal in (("bare listener, plain", _GOAL_OF_BARE), ("messagefoundry 0.2.1", _GOAL_OF_ENGINE)):
        reached = [f"{ratios[name, c]:.2f}" for c in CONNECTIONS if (name, c) in ratios]
        if reached:
            print(f"goal: at least {goal:g} of {name}; reached {', '.join(reached)} at {CONNECTIONS}")
    if not engine:
        print("the interface engine could not be installed here; it was left out")
