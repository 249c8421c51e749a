"""Any bytes on the socket, through the whole door: the listener lives, answers who follows, tells no patient."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import tracemalloc
from functools import partial

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.transports.mllp.listener import Listener
from integration.transports.mllp.returns import Returns
from integration.transports.mllp.terms import Limits, Release, Silence
from tests.support.door import codes, door_in, message
from tests.support.mllp_peer import PATIENCE, framed, half_close, play, receive, send, to_end

#: Stands in every field that says something about a person.
MARKER = "ZXCVPATIENT"
LIMIT = 64 * 1024


class Served:
    """A door behind a listener, on a loop in a thread of its own."""

    def __init__(self, door, release):
        self.door = door
        self.release = release
        self.address = ("127.0.0.1", 0)
        self.listener = None
        self.died = []
        self._ready, self._stop = threading.Event(), None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: self.died.append(context.get("exception")))
        self._stop = asyncio.Event()
        intake, returns = self.door.intake, Returns(self.door.acks)

        async def answer(raw, peer):
            reply = await intake.answer(raw, channel="lab", peer="p")
            if reply.awaiting:
                returns.expect(reply.awaiting, partial(self.listener.post, peer))
            return Silence.KEPT if reply.payload is None else reply.payload

        self.listener = Listener(
            answer,
            refuse=lambda head, _, limit: intake.refuse_oversize(head, channel="lab", limit=limit),
            limits=Limits(max_message_bytes=LIMIT, max_held_bytes=4 * LIMIT),
            release=self.release,
            notify=lambda event, **_: self.died.append(event) if event == "answer_failed" else None,
        )
        ((host, port, *_),) = await self.listener.listen("127.0.0.1", 0)
        self.address = (host, port)
        returning = asyncio.create_task(returns.run())
        self._ready.set()
        await self._stop.wait()
        returning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await returning
        await self.listener.drain(within=PATIENCE)


@pytest.fixture(scope="module", params=[Release.ONE, Release.TWO], ids=["release 1", "release 2"])
def served(request, tmp_path_factory):
    with (
        door_in(tmp_path_factory.mktemp("door")) as door,
        Served(door, request.param) as running,
    ):
        yield running


headers = st.builds(
    lambda separator, rest: b"MSH" + separator + rest,
    st.sampled_from([b"|", b"#", b"\\", b"\x00", b"A", b""]) | st.binary(max_size=2),
    st.binary(max_size=60),
)
marked = st.builds(
    lambda kind, version, mode, extra: message(
        "M",
        kind=kind,
        version=version,
        msh15=mode[0],
        msh16=mode[1],
        body=f"PID|1||{MARKER}||{MARKER}\r{extra}",
    ),
    st.sampled_from(["ORU^R01", "ACK", "", "^^^", "ORU^R01^" + "X" * 300]),
    st.sampled_from(["2.5.1", "2.3", "9", "", "2.5.1^USA"]),
    st.tuples(
        st.sampled_from(["", "AL", "NE", "ER", "SU", "?"]), st.sampled_from(["", "AL", "NE", "ER", "SU", "?"])
    ),
    st.sampled_from(["", "MSA|AA|1", "MSH|^~\\&|second", f"OBX|1|TX|||{MARKER}\x00\x07", f"{MARKER}"]),
)
batches = st.lists(marked | headers, max_size=3).map(
    lambda parts: b"BHS|^~\\&|A\r" + b"".join(parts) + b"BTS|2\r"
)
payloads = marked | headers | batches | st.binary(max_size=300)


@st.composite
def mutated(draw):
    """A payload with some of its bytes changed, dropped or doubled."""
    raw = bytearray(draw(payloads))
    for _ in range(draw(st.integers(0, 4))):
        if raw:
            at = draw(st.integers(0, len(raw) - 1))
            raw[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(raw)


streams = st.lists(
    st.one_of(
        mutated().map(framed),
        st.binary(max_size=40),
        st.sampled_from([b"\x0b", b"\x1c", b"\x1c\r", b"\x0b\x06\x1c\r", framed(b"x" * (LIMIT + 1))]),
    ),
    max_size=6,
).map(b"".join)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=streams)
def test_no_bytes_kill_or_hang_the_listener(served, stream):
    """A half-closed connection is always ended by us; the next sender is answered; nothing of a person leaves."""
    wire = play(served.address, send(stream), half_close(), to_end())

    assert wire.ended in {"closed", "reset"}
    assert MARKER.encode() not in wire.received
    after = play(
        served.address, send(framed(message("after"))), receive(1 if served.release is Release.ONE else 2)
    )
    assert ["AA"] == codes(after.answers[-1])
    assert [] == served.died


@settings(deadline=None, max_examples=60)
@given(st.lists(mutated(), min_size=1, max_size=4))
def test_every_frame_has_its_answer_or_its_silence(served, parts):
    """Frames without block characters are kept, all of them, and the connection stays for the next one."""
    parts = [part.replace(b"\x0b", b"").replace(b"\x1c", b"") for part in parts]
    wire = play(
        served.address, send(b"".join(map(framed, parts)) + framed(message("last"))), half_close(), to_end()
    )

    assert "closed" == wire.ended
    assert ["AA"] == codes(wire.answers[-1])
    assert [] == served.died


#: What a broken or hostile sender leaves in hand: frames without end or too long, headers that never end.
HOSTILE = (
    b"\x0b" + b"x" * (LIMIT - 10),
    framed(b"MSH|^~\\&" + b"|" * (LIMIT - 100)),
    framed(b"y" * (LIMIT + 5000)),
    b"z" * LIMIT,
)


def test_hostile_bytes_leave_nothing_in_memory(served):
    """The same ones again and again: what is held after many rounds is what was held after some."""

    def rounds(count):
        for _ in range(count):
            for stream in HOSTILE:
                play(served.address, send(stream), half_close(), to_end())
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    rounds(1)
    tracemalloc.start(1)
    try:
        some = rounds(1)
        many = rounds(5)
    finally:
        tracemalloc.stop()

    # Twenty streams of 64 KB came in between: any that stayed would show.
    assert many - some < 2 * LIMIT
    assert [] == served.died
