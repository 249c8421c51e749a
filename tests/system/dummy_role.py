"""A role that does nothing but say when it starts and ends: `python dummy_role.py NAME LOG BEHAVIOUR`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

name, log, behaviour = sys.argv[1:]
asked = threading.Event()


def say(word: str) -> None:
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{name} {word} {os.getpid()}\n")


def on_signal(number: int, _frame: object) -> None:
    say(signal.Signals(number).name)
    asked.set()


# As the real roles: they listen to both, and a supervisor's child does not get SIGINT.
if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, on_signal)
signal.signal(signal.SIGTERM, on_signal)
print(f"words of {name} on stderr", file=sys.stderr, flush=True)
say("started")
if behaviour.startswith("exit-"):
    sys.exit(int(behaviour.removeprefix("exit-")))
asked.wait()
if behaviour == "stubborn":
    threading.Event().wait()
if behaviour == "slow":
    time.sleep(0.3)
say("ended")
