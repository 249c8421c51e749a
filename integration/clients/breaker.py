"""A circuit breaker: an endpoint that keeps failing is left alone for a while. Knows no network."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: Failures in a row that open it; the first pause, and the longest, in seconds.
FAILURES = 5
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 300.0


class Breaker:
    """For one endpoint in one process, from any thread.

    | state     | a call                  | it fails                     | it succeeds |
    |-----------|-------------------------|------------------------------|-------------|
    | closed    | goes                    | counts; the fifth in a row opens | counts from 0 |
    | open      | waits for the pause     |                              |             |
    | half open | one goes, others wait   | open again, twice as long    | closed      |

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._pause = FIRST_PAUSE_S
        self._open_until = 0.0
        self._on_trial = False

    def wait(self) -> float:
        """Seconds that a call has to wait; 0 lets this one go, and it must report how it ended."""
        with self._lock:
            now = self._clock()
            if self._failures < FAILURES:
                return 0.0
            if now < self._open_until:
                return self._open_until - now
            # Half open: this one goes, and the others wait for what becomes of it.
            self._open_until = now + self._pause
            self._on_trial = True
            return 0.0

    def failed(self) -> None:
        """The endpoint did not answer as a working one does."""
        with self._lock:
            self._failures += 1
            if self._on_trial:
                self._pause = min(2 * self._pause, LONGEST_PAUSE_S)
            elif self._failures != FAILURES:
                return  # not enough yet, or one that was under way when it opened
            self._on_trial = False
            self._open_until = self._clock() + self._pause

    def succeeded(self) -> None:
        """The endpoint answered; what it said does not matter here."""
        with self._lock:
            self._failures = 0
            self._on_trial = False
            self._pause = FIRST_PAUSE_S
