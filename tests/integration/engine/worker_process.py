"""A worker in a process of its own, to be killed: `python -m tests.integration.engine.worker_process`.

Subjects say what is to happen: `poison-*` kills the process whenever it runs, `once-*` the first time.
Every begin and end of a step is a line in the log, written at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from integration.flows.ports import Queue
from tests.integration.engine.engines import build


def main(kind: str, place: str, executor: str, folder: str) -> None:
    log = os.open(Path(folder, "log"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def note(*words: str) -> None:
        os.write(log, (" ".join(words) + "\n").encode())

    def step(subject: str, number: int) -> None:
        note("begin", subject, str(number))
        if subject.startswith("poison"):
            os.kill(os.getpid(), signal.SIGKILL)
        if subject.startswith("once") and not Path(folder, subject).exists():
            Path(folder, subject).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        while Path(folder, "hold").exists():
            time.sleep(0.01)
        time.sleep(0.02)
        note("end", subject, str(number))

    def work(subject: str) -> None:
        for number in (1, 2, 3):
            engine.step(f"step-{number}", lambda number=number: step(subject, number))  # type: ignore[misc]
        note("done", subject)

    engine = build(
        kind, place, {"work": work}, queues=[Queue("messages", 4)], executor=executor, dead_after_s=3.0
    )
    engine.start()
    note("ready", executor)
    swept = engine.sweep()
    for run in swept.parked:
        note("parked", run.subject_id)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
