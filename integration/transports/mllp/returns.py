"""Application acknowledgements on their way back, over the connection that their message came by.

One for each process: remembers which message waits for which connection, looks what has become of them while
any does, and sends. A connection that is gone is not replaced by another one, whose peer may take the answer
for that to its next message; the acknowledgement stays due, and who sends the message again gets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from integration import telemetry
from integration.errors import StoreUnavailable
from integration.flows.acknowledge import ApplicationAcks, write
from integration.store.acknowledgements import Decided, State

#: Seconds between two looks while anybody waits.
LOOK_SECONDS = 0.05
#: Seconds until the next look after the store did not answer.
_PATIENCE_SECONDS = 2.0
#: Messages that may wait; beyond it the oldest is given up here and stays due.
MOST_WAITING = 50_000
_LOG = telemetry.logger(__name__)

#: Sends a payload over the connection that a message came by; False when it is gone.
Post = Callable[[bytes], bool]


class Returns:
    """The messages that wait in this process. Lives on its event loop.

    Args:
        acks: what was decided.
    """

    def __init__(self, acks: ApplicationAcks) -> None:
        self._acks = acks
        self._waiting: dict[str, Post] = {}
        self._fresh: list[str] = []
        self._since: int | None = None
        self._wanted = asyncio.Event()

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def expect(self, message_ids: Sequence[str], post: Post) -> None:
        """Send what becomes of these messages by `post`, in place of an earlier one."""
        for message_id in message_ids:
            self._waiting[message_id] = post
            self._fresh.append(message_id)
        while len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._wanted.set()

    async def run(self) -> None:
        """Look and send until cancelled."""
        while True:
            if not self._waiting:
                # Whoever waits next is asked for by name, so nothing decided meanwhile is missed.
                self._since = None
                self._wanted.clear()
                await self._wanted.wait()
            try:
                more = await self.look()
            except StoreUnavailable as error:
                _LOG.warning("acknowledgements wait", reason=str(error))
                await asyncio.sleep(_PATIENCE_SECONDS)
                continue
            if not more:
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> bool:
        """Send what was decided; whether there may be more already.

        Raises:
            StoreUnavailable: it does not answer; nothing is lost.
        """
        fresh, self._fresh = self._fresh, []
        since, loop = self._since, asyncio.get_running_loop()
        try:
            news = await loop.run_in_executor(None, lambda: self._acks.news(fresh, since=since))
        except StoreUnavailable:
            self._fresh = fresh + self._fresh
            raise
        self._since = news.seq
        for message_id in news.unknown:
            self._waiting.pop(message_id, None)
        sent = [each for each in news.decided if self._send(each)]
        if sent:
            await asyncio.wrap_future(self._acks.mark_sent(sent))
        return bool(news.decided)

    def _send(self, decided: Decided) -> bool:
        post = self._waiting.pop(decided.message_id, None)
        return post is not None and decided.state is not State.WAIVED and post(write(decided))
