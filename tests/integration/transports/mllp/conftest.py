"""A listener with a scripted door, on either event loop."""

import asyncio
import contextlib
import time

import pytest
import uvloop

from integration.transports.mllp.listener import Listener
from integration.transports.mllp.terms import Limits
from tests.support.mllp_peer import PATIENCE, play


class Door:
    """Answers each payload with `ACK ` and the payload, once it may.

    Attributes:
        seen: (payload, peer) in the order of arrival.
        most: largest number of payloads in hand at once.
        told: (event, fields) of every notification.
        refused: (head, refusal) of every frame that did not get here.
    """

    def __init__(self):
        self.seen = []
        self.told = []
        self.refused = []
        self.most = self.in_hand = 0
        self.opened = asyncio.Event()
        self.opened.set()

    async def answer(self, payload, peer):
        self.seen.append((payload, peer))
        self.in_hand += 1
        self.most = max(self.most, self.in_hand)
        await self.opened.wait()
        self.in_hand -= 1
        return b"ACK " + payload

    def refuse(self, head, refusal, _limit):
        self.refused.append((head, refusal))
        return b"NACK " + refusal.value.encode()

    def notify(self, event, **fields):
        self.told.append((event, fields))

    def events(self):
        return [event for event, _ in self.told]


class Stage:
    """What a story has: the door, the listener and its address."""

    def __init__(self, door, listener, address):
        self.door = door
        self.listener = listener
        self.address = address

    async def play(self, *script, **options):
        return await asyncio.to_thread(play, self.address, *script, **options)

    def playing(self, *script, **options):
        return asyncio.create_task(self.play(*script, **options))

    @property
    def counters(self):
        return self.listener.counters()


@contextlib.asynccontextmanager
async def staged(*, tls=None, **changes):
    """A listener; keyword arguments are limits, or calls in place of the door's, or terms of the listener."""
    door = Door()
    terms = {name: changes.pop(name) for name in ("admission", "release") if name in changes}
    calls = {name: changes.pop(name, getattr(door, name)) for name in ("answer", "refuse", "notify")}
    listener = Listener(calls.pop("answer"), limits=Limits(**changes), **calls, **terms)
    ((host, port, *_),) = await listener.listen("127.0.0.1", 0, tls=tls)
    try:
        yield Stage(door, listener, (host, port))
    finally:
        door.opened.set()
        await listener.drain(within=PATIENCE)
        assert (listener.counters().in_hand, listener.counters().held_bytes) == (0, 0)


async def until(condition):
    """Wait until a condition is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.002)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a story on one of the two loops; an error that reached the loop fails it."""
    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[request.param]

    def runner(story, *, errors=()):
        caught = []

        async def watched():
            asyncio.get_running_loop().set_exception_handler(
                lambda _, context: caught.append(type(context.get("exception")))
            )
            await asyncio.wait_for(story(), 3 * PATIENCE)

        with asyncio.Runner(loop_factory=factory) as loop:
            loop.run(watched())
        assert list(errors) == caught

    return runner
