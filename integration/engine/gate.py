"""Who may run now inside one worker: so many of a queue side by side, and a suspect only alone.

Owns turns within this process. Must not know databases or DBOS.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Mapping


class Closed(BaseException):
    """The worker stops and this run has not begun; another worker, or the next start, takes it.

    Not an Exception: no handler of a flow may take it for a failure of the run.
    """


class Gate:
    """Turns of the runs of one worker, from its start to its stop."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        """Args: limits: queue name -> runs side by side."""
        self._limits = dict(limits)
        self._changed = threading.Condition()
        self._running: Counter[str] = Counter()
        self._suspects = 0
        self._closed = False

    @contextlib.contextmanager
    def turn(self, queue: str, *, alone: bool) -> Iterator[None]:
        """Wait for a turn; `alone` waits until nothing else runs and keeps everything else waiting.

        Raises:
            Closed: the gate closed first.
        """
        with self._changed:
            self._suspects += alone
            self._changed.wait_for(lambda: self._closed or self._free(queue, alone=alone))
            if self._closed:
                raise Closed
            self._running[queue] += 1
        try:
            yield
        finally:
            with self._changed:
                self._running[queue] -= 1
                self._suspects -= alone
                self._changed.notify_all()

    def _free(self, queue: str, *, alone: bool) -> bool:
        if alone:
            return self._running.total() == 0
        return self._suspects == 0 and self._running[queue] < self._limits[queue]

    def close(self) -> None:
        """Let nobody in from now on; those inside go on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
