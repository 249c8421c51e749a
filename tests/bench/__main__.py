"""`python -m tests.bench [mllp] [convert] [memory] [document] [end-to-end] [labs] [frames] [dictation] [generation]`: measure, print, and keep the figures as JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import (
    convert,
    dictation,
    document,
    end_to_end,
    frames,
    generation,
    labs,
    machine,
    memory,
    mllp,
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = (
        "mllp",
        "convert",
        "memory",
        "document",
        "end-to-end",
        "labs",
        "frames",
        "dictation",
        "generation",
    )
    parser.add_argument("what", nargs="*", metavar="|".join(names), help="all of them where none is named")
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where databases are made: it must be on a real disk")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = parser.parse_args()
    unknown = set(chosen.what) - set(names)
    if unknown:
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="wardwire-bench-", dir=chosen.folder) as temporary:
        folder = Path(temporary)
        measurements: dict[str, Callable[[], dict[str, Any]]] = {
            "mllp": lambda: mllp.run(folder, rounds=chosen.rounds, seconds=chosen.seconds),
            "convert": lambda: convert.run(folder, rounds=chosen.rounds),
            "memory": lambda: memory.run(folder),
            "document": lambda: document.run(folder),
            "end-to-end": lambda: end_to_end.run(folder),
            "labs": lambda: labs.run(folder, rounds=chosen.rounds),
            "frames": lambda: frames.run(folder, rounds=chosen.rounds),
            "dictation": lambda: dictation.run(folder),
            "generation": lambda: generation.run(folder, rounds=chosen.rounds),
        }
        found: dict[str, Any] = {"machine": machine.stamp(folder)}
        print(machine.sentence(found["machine"]))
        for name in chosen.what or names:
            found[name] = measurements[name]()
            if chosen.json:  # each at once: what follows may take long
                chosen.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
