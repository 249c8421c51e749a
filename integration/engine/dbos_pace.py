"""How often a worker looks at its ordered queues: often while they have work, seldom while they have none.

The next job of a partition is claimed at a look, so the pause between two looks is what one partition waits
for between its jobs. Looking often costs a processor all the time; so the pause is short only while runs end.
Uses what DBOS offers for it: the interval in a queue's row, which its threads read before each look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from dbos import DBOSClient

from integration.engine.tables import answering

#: Pause between two looks while there is work, seconds.
BUSY_S: Final = 0.004
#: Seconds without an end of a run after which a queue counts as idle.
_IDLE_AFTER_S: Final = 1.0
#: Pause between two decisions, seconds.
_TICK_S: Final = 0.1
#: A busy worker says so again after so many seconds: another one may have said that it is idle.
_AGAIN_S: Final = 2.0


class Pace:
    """Decides, for each ordered queue, which of two pauses its threads take.

    Args:
        queues: names of the ordered queues.
        client: opens the client of DBOS.
        idle_s: pause while there is no work.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        queues: Collection[str],
        client: Callable[[], DBOSClient],
        *,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._idle_s = idle_s
        self._client = client
        self._clock = clock
        self._ended = dict.fromkeys(queues, -_IDLE_AFTER_S)
        self._said: dict[str, tuple[float, float]] = {}

    def ended(self, queue: str) -> None:
        """A run of this queue ended here."""
        if queue in self._ended:
            self._ended[queue] = self._clock()

    def tick(self) -> float:
        """Set what has to change; seconds until the next look at it."""
        now = self._clock()
        for queue, ended in self._ended.items():
            busy = now - ended < _IDLE_AFTER_S
            pause = min(BUSY_S, self._idle_s) if busy else self._idle_s
            said, at = self._said.get(queue, (self._idle_s, now))
            if pause != said or (busy and now - at > _AGAIN_S):
                self._set_pause(queue, pause)
                self._said[queue] = (pause, now)
        return _TICK_S

    def _set_pause(self, queue: str, seconds: float) -> None:
        with answering():
            row = self._client().retrieve_queue(queue)
            if row is not None:
                row.set_polling_interval_sec(seconds)

    @property
    def pauses(self) -> Mapping[str, float]:
        """What was set last, by queue."""
        return {queue: pause for queue, (pause, _) in self._said.items()}
