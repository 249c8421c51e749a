"""A thread that does one thing again and again until it is told to stop.

Owns pauses and back-off. Must not know what it repeats.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from integration.errors import StoreUnavailable
from integration.telemetry import logger

_LOG = logger(__name__)
#: Longest pause while a database does not answer, seconds.
_LONGEST_PAUSE_S = 30.0


class Loop:
    """Calls `tick` in a thread of its own; each call returns the seconds until the next.

    A store that does not answer is waited for. Any other exception is a bug and ends the thread: then
    `on_death` is called, so that the process can end and be started afresh instead of doing half its work.
    """

    def __init__(self, name: str, tick: Callable[[], float], on_death: Callable[[], None]) -> None:
        self._name = name
        self._tick = tick
        self._on_death = on_death
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End after the call that is under way; waits for it up to `timeout_s` seconds."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            pause = 0.0
            while not self._stop.wait(pause):
                pause = self._once(pause)
        finally:
            if not self._stop.is_set():
                self._on_death()

    def _once(self, last_pause: float) -> float:
        try:
            return self._tick()
        except StoreUnavailable:
            pause = min(_LONGEST_PAUSE_S, max(0.5, 2 * last_pause))
            _LOG.warning(
                "loop.waits", reason="store-unavailable", code=self._name, delay_ms=round(1000 * pause)
            )
            return pause
