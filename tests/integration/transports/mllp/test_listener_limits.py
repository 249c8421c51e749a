"""What the listener bears, and what it does with more than that."""

import asyncio
import contextlib
import re
import socket
import subprocess
import sys
import textwrap

import pytest

from integration.transports.mllp import listener as listener_module
from integration.transports.mllp.framing import HEAD_BYTES
from integration.transports.mllp.terms import Limits, Refusal
from tests.integration.transports.mllp.conftest import staged, until
from tests.support.mllp_peer import connect, framed, play, receive, send, to_end

BRIEF = 0.05


def test_over_the_connection_limit_peers_are_turned_away(run):
    """The third of two is closed at once; when one leaves, there is room again; a flood is told once."""

    async def story():
        async with staged(max_connections=2, linger_seconds=BRIEF) as stage:
            wires = [connect(stage.address) for _ in range(2)]
            await until(lambda: stage.counters.connections == 2)
            turned_away = await asyncio.gather(*[stage.play(to_end()) for _ in range(10)])
            assert [bytes(wire.received) for wire in turned_away] == [b""] * 10
            assert stage.counters.connections_refused == 10
            await until(lambda: sum(_told(stage, "turned_away", "connections")) == 10)
            assert len(_told(stage, "turned_away", "connections")) < 10
            wires[0].socket.close()
            await until(lambda: stage.counters.connections == 1)
            assert (await stage.play(send(framed(b"1")), receive(1))).answers == [b"ACK 1"]
            wires[1].socket.close()
            await until(lambda: stage.counters.connections == 0)
            assert stage.counters.connections_accepted == 3

    run(story)


def test_ten_thousand_connections_are_survived(run):
    """Whoever is inside is served throughout; whoever is turned away learns it at once; nothing stays behind."""

    async def story():
        async with staged(max_connections=5, linger_seconds=BRIEF) as stage:
            inside = [await asyncio.to_thread(connect, stage.address) for _ in range(5)]
            await until(lambda: stage.counters.connections == 5)
            flood = asyncio.create_task(asyncio.to_thread(_flood, stage.address, 10_000))
            served = 0
            while not flood.done():
                served += 1
                await asyncio.to_thread(_exchange, inside[served % 5])
            assert await flood == 10_000
            assert stage.counters.connections_refused == 10_000
            assert served > 0
            for wire in inside:
                wire.socket.close()
            await until(lambda: stage.counters.connections == 0)

    run(story)


def _flood(address, count):
    return sum(_is_closed(connect(address)) for _ in range(count))


def _exchange(wire):
    send(framed(b"1"))(wire)
    receive(len(wire.answers) + 1)(wire)
    assert wire.ended is None


def _told(stage, event, field):
    return [fields[field] for told, fields in stage.door.told if told == event]


def test_one_host_cannot_take_all_connections(run):
    """The limit per address leaves room for others."""

    async def story():
        async with staged(max_connections_per_host=1) as stage:
            first = connect(stage.address)
            await until(lambda: stage.counters.connections == 1)
            assert (await stage.play(to_end())).received == b""
            other = socket.create_connection(stage.address, source_address=("127.0.0.2", 0))
            await until(lambda: stage.counters.connections == 2)
            assert stage.counters.connections_refused == 1
            first.socket.close()
            other.close()

    run(story)


STARVED = """
    import asyncio, resource, sys
    if sys.argv[1] == "uvloop":
        import uvloop
        new_loop = uvloop.new_event_loop
    else:
        new_loop = asyncio.new_event_loop
    from integration.transports.mllp.listener import Listener

    async def answer(payload, peer):
        return b"ACK"

    async def main():
        listener = Listener(answer)
        ((host, port),) = await listener.listen("127.0.0.1", 0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        print(port, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(listener.counters().connections_refused, await listener.drain(within=5), flush=True)

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_no_file_descriptor_left_is_survived(loop):
    """A flood beyond what the process may open is turned away, and afterwards peers are served again."""
    command = [sys.executable, "-c", textwrap.dedent(STARVED), loop]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        address = ("127.0.0.1", int(process.stdout.readline()))
        flood = [connect(address) for _ in range(100)]
        assert sum(_is_closed(wire) for wire in flood[60:]) == 40
        for wire in flood[:60]:
            wire.socket.close()
        assert _served_at_last(address)
        process.stdin.write("\n")
        process.stdin.flush()
        refused, answered_all = process.stdout.readline().split()
        assert (int(refused) >= 40, answered_all) == (True, "True")


def _is_closed(wire):
    with wire.socket:
        to_end()(wire)
    return wire.ended is not None


def _served_at_last(address):
    """Descriptors of the flood come free one by one; a peer that is turned away meanwhile tries again."""
    return any(play(address, send(framed(b"1")), receive(1)).received == framed(b"ACK") for _ in range(1000))


def test_a_frame_that_does_not_end_is_cut_off(run):
    """Slow-loris: the first byte starts the clock, and trickling does not stop it."""

    async def story():
        async with staged(message_seconds=BRIEF) as stage:
            wire = await asyncio.to_thread(connect, stage.address)
            wire.socket.sendall(b"\x0b")
            with contextlib.suppress(ConnectionError):
                while "timed_out" not in stage.door.events():
                    wire.socket.sendall(b"x")
                    await asyncio.sleep(0.001)
            await asyncio.to_thread(to_end(), wire)
            wire.socket.close()
            assert (wire.received, stage.counters.timeouts, stage.counters.truncated) == (b"", 1, 1)
            assert _told(stage, "timed_out", "reason") == ["frame not ended"]

    run(story)


def test_starting_frames_anew_without_content_does_not_stop_the_clock(run):
    """A peer that repeats VT for ever is one that sends nothing."""

    async def story():
        async with staged(message_seconds=BRIEF) as stage:
            wire = await asyncio.to_thread(connect, stage.address)
            with contextlib.suppress(ConnectionError):
                while not stage.counters.timeouts:
                    wire.socket.sendall(b"\x0b")
                    await asyncio.sleep(0.001)
            wire.socket.close()

    run(story)


def test_waiting_for_the_door_is_not_the_peers_fault(run):
    """The clocks stand still while a message is in hand, however long the door takes."""

    async def story():
        async with staged(message_seconds=BRIEF, idle_seconds=BRIEF, pipeline_depth=1) as stage:
            stage.door.opened.clear()
            playing = stage.playing(send(framed(b"1") + framed(b"2") + b"\x0b3"), send(b"\x1c\r"), receive(3))
            await until(lambda: stage.door.in_hand == 1)
            await asyncio.sleep(4 * BRIEF)  # not a wait for anything: the time that must not matter
            stage.door.opened.set()
            assert (await playing).answers == [b"ACK 1", b"ACK 2", b"ACK 3"]
            assert stage.counters.truncated == 0

    run(story)


@pytest.mark.parametrize("story_so_far", [b"", b"junk\n", framed(b"1"), framed(b"1") + b"\r\n"])
def test_an_idle_connection_is_closed(run, story_so_far):
    """Nothing, or nothing more, or nothing but junk for too long ends a connection."""

    async def script():
        async with staged(idle_seconds=BRIEF) as stage:
            wire = await stage.play(send(story_so_far), to_end())
            assert wire.ended == "closed"
            assert stage.counters.timeouts == 1
            assert wire.received == (framed(b"ACK 1") if b"1" in story_so_far else b"")

    run(script)


def test_a_peer_that_does_not_read_is_not_served_for_ever(run):
    """Answers that nobody reads stop the reading first, then end the connection."""

    async def story():
        async def answer(payload, _):
            return b"A" * 100_000

        async with staged(answer=answer, message_seconds=10 * BRIEF) as stage:
            wire = await asyncio.to_thread(connect, stage.address)
            wire.socket.settimeout(0.01)
            with contextlib.suppress(ConnectionError):
                while not stage.counters.timeouts:
                    with contextlib.suppress(TimeoutError):
                        wire.socket.sendall(framed(b"x") * 100)
                    await asyncio.sleep(0)
            # What was answered fits the kernel's buffers; without flow control it would be all of it.
            assert stage.counters.answered < 2000
            wire.socket.close()

    run(story)


def test_reading_stops_when_memory_is_taken_and_starts_when_it_is_free(run):
    """Eight peers with 100 kB each are all answered by a listener that holds 250 kB."""

    async def story():
        async with staged(max_message_bytes=120_000, max_held_bytes=250_000) as stage:
            stage.door.opened.clear()
            payload = b"m" * 100_000
            first = stage.playing(send(framed(payload)), receive(1))
            await until(lambda: stage.door.in_hand == 1)
            others = [stage.playing(send(framed(payload)), receive(1)) for _ in range(7)]
            await until(lambda: stage.counters.stalls == 1)
            assert stage.counters.held_bytes <= 250_000 + 256 * 1024  # the limit and one read
            stage.door.opened.set()
            wires = await asyncio.gather(first, *others)
            assert [[b"ACK " + payload]] * 8 == [wire.answers for wire in wires]
            assert stage.counters.refused_budget == 0

    run(story)


def test_frames_that_wait_for_each_other_give_way(run):
    """When all memory belongs to frames still being sent, the largest are refused, and none waits for ever."""

    async def story():
        async with staged(max_message_bytes=100_000, max_held_bytes=100_000) as stage:
            wires = [await asyncio.to_thread(connect, stage.address) for _ in range(4)]
            for number, wire in enumerate(wires):
                wire.socket.sendall(b"\x0b" + b"%d" % number * (10_000, 20_000, 30_000, 60_000)[number])
            await until(lambda: stage.counters.stalls)
            for wire in wires:
                wire.socket.sendall(b"end\x1c\r")
            for wire in wires:
                await asyncio.to_thread(receive(1), wire)
                wire.socket.close()
            refused = [wire.answers == [b"NACK budget"] for wire in wires]
            assert refused == [False, False, False, True]
            assert stage.door.refused == [(b"3" * HEAD_BYTES, Refusal.BUDGET)]
            assert stage.counters.refused_budget == 1

    run(story)


def test_a_peer_that_leaves_gives_its_memory_back(run):
    """Others read on when the one that held all memory is gone."""

    async def story():
        async with staged(max_message_bytes=100_000, max_held_bytes=100_000) as stage:
            stage.door.opened.clear()
            holder = stage.playing(send(framed(b"a" * 90_000)))
            await until(lambda: stage.door.in_hand == 1)
            await holder
            other = stage.playing(send(framed(b"b" * 50_000)), receive(1))
            await until(lambda: stage.counters.stalls == 1)
            stage.door.opened.set()
            assert (await other).answers == [b"ACK " + b"b" * 50_000]

    run(story)


def test_sockets_answer_at_once_and_notice_the_dead():
    """No Nagle delay on answers; keepalive and user time-out find a peer that vanished without a word."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            assert listener_module._tune(accepted, 60)
            read = accepted.getsockopt
            assert read(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            assert read(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert read(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            assert read(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 120_000
        assert not listener_module._tune(accepted, 60)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_connections": 0}, "every limit must be above zero"),
        ({"idle_seconds": -1.0}, "every limit must be above zero"),
        ({"max_message_bytes": 11, "max_held_bytes": 10}, "max_held_bytes must hold at least one message"),
    ],
)
def test_limits_that_cannot_work_are_refused(changes, message):
    """A listener that could never take a message is a mistake in the settings."""
    with pytest.raises(ValueError, match=re.escape(message)):
        Limits(**changes)


def test_a_peer_that_reads_late_gets_all_answers(run):
    """The door rests while answers wait to be read, and goes on when they are."""

    async def story():
        async def answer(payload, _):
            return b"A" * 300_000

        async with staged(answer=answer, pipeline_depth=4) as stage:
            wire = await asyncio.to_thread(connect, stage.address)
            wire.socket.sendall(framed(b"1") * 100)
            await until(lambda: stage.counters.answered > 0)
            await asyncio.sleep(BRIEF)  # not a wait for anything: time in which it could run ahead
            assert stage.counters.answered < 100
            await asyncio.to_thread(receive(100), wire)
            assert (len(wire.answers), set(wire.answers)) == (100, {b"A" * 300_000})
            wire.socket.close()

    run(story)


def test_a_peer_that_stays_after_goodbye_is_cut_off(run):
    """Our side said that it is over; the peer has a moment to agree."""

    async def story():
        async with staged(idle_seconds=BRIEF, linger_seconds=BRIEF) as stage:
            wire = await asyncio.to_thread(connect, stage.address)
            await until(lambda: "disconnected" in stage.door.events())
            assert stage.counters.connections == 0
            wire.socket.close()

    run(story)
