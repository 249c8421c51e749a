"""What a peer sees of the listener, and what no peer can do to it."""

import asyncio
import select
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.transports.mllp.framing import HEAD_BYTES
from integration.transports.mllp.listener import Listener
from integration.transports.mllp.terms import Limits, Peer, Refusal
from tests.integration.transports.mllp.conftest import staged, until
from tests.support.mllp_peer import (
    connect,
    framed,
    half_close,
    play,
    receive,
    reset,
    send,
    to_end,
    trickle,
)


def test_a_message_is_answered_on_its_connection(run):
    """Bytes in a frame reach the door verbatim with their peer; the answer comes back framed."""

    async def story():
        async with staged() as stage:
            wire = await stage.play(send(framed(b"MSH|1\xe9\r")), receive(1), send(framed(b"2")), receive(2))
            assert wire.received == framed(b"ACK MSH|1\xe9\r") + framed(b"ACK 2")
            (first, peer), (second, _) = stage.door.seen
            assert (first, second) == (b"MSH|1\xe9\r", b"2")
            assert Peer("127.0.0.1", peer.port) == peer
            assert peer.port > 0
            await until(lambda: stage.door.events() == ["connected", "disconnected"])

    run(story)


def test_a_message_may_come_byte_by_byte(run):
    """TCP keeps no boundaries: one byte in each segment is one message."""

    async def story():
        async with staged() as stage:
            wire = await stage.play(trickle(framed(b"MSH|a\r") + framed(b"MSH|b\r")), receive(2))
            assert wire.answers == [b"ACK MSH|a\r", b"ACK MSH|b\r"]

    run(story)


def test_pipelined_answers_keep_their_order(run):
    """Messages in hand together may be finished in any order; the peer sees theirs."""

    async def story():
        futures = {}

        def answer(payload, _):
            futures[payload] = asyncio.get_running_loop().create_future()
            return futures[payload]

        async with staged(answer=answer) as stage:
            playing = stage.playing(send(b"".join(framed(b"%d" % n) for n in range(9))), receive(9))
            await until(lambda: len(futures) == 9)
            for n in (3, 8, 1, 0, 7, 2, 6, 5, 4):
                futures[b"%d" % n].set_result(b"ACK %d" % n)
                await asyncio.sleep(0)
            wire = await playing
            assert wire.answers == [b"ACK %d" % n for n in range(9)]

    run(story)


def test_no_more_than_the_depth_is_in_hand(run):
    """A peer that sends a thousand messages at once has four of them in hand, and all answered."""

    async def story():
        async with staged(pipeline_depth=4) as stage:
            stage.door.opened.clear()
            burst = b"".join(framed(b"%04d" % n) for n in range(1000))
            playing = stage.playing(send(burst), receive(1000))
            await until(lambda: stage.door.in_hand == 4)
            stage.door.opened.set()
            wire = await playing
            assert wire.answers == [b"ACK %04d" % n for n in range(1000)]
            assert [payload for payload, _ in stage.door.seen] == [b"%04d" % n for n in range(1000)]
            assert stage.door.most == 4

    run(story)


def test_many_peers_are_served_at_once(run):
    """A message that takes its time keeps only its own connection waiting."""

    async def story():
        held = asyncio.Event()

        async def answer(payload, _):
            if payload == b"slow":
                await held.wait()
            return b"ACK " + payload

        async with staged(answer=answer) as stage:
            slow = stage.playing(send(framed(b"slow") + framed(b"behind it")), receive(2))
            wires = await asyncio.gather(*[stage.play(send(framed(b"quick")), receive(1)) for _ in range(20)])
            assert [wire.answers for wire in wires] == [[b"ACK quick"]] * 20
            held.set()
            assert (await slow).answers == [b"ACK slow", b"ACK behind it"]

    run(story)


def test_what_is_not_stored_is_not_answered(run):
    """None from the door closes the connection; what was answered before it arrives, what came after does not."""

    async def story():
        async def answer(payload, _):
            return None if payload == b"2" else b"ACK " + payload

        async with staged(answer=answer) as stage:
            wire = await stage.play(send(framed(b"1") + framed(b"2") + framed(b"3")), to_end())
            assert (wire.received, wire.ended) == (framed(b"ACK 1"), "closed")
            assert (stage.counters.answered, stage.counters.unanswered) == (1, 2)

    run(story)


@pytest.mark.parametrize("answer", [b"a\x0bb", b"\x1c"])
def test_an_answer_that_cannot_be_framed_is_none(run, answer):
    """An answer never breaks the peer's stream."""

    async def story():
        async def bad(payload, _):
            return answer

        async with staged(answer=bad) as stage:
            wire = await stage.play(send(framed(b"1")), to_end())
            assert wire.received == b""
            await until(lambda: "answer_failed" in stage.door.events())

    run(story)


def test_a_door_that_fails_costs_one_connection(run):
    """An error in the door closes the connection without an answer; only its type is told."""

    async def story():
        async def answer(payload, _):
            if payload == b"bad":
                raise RuntimeError("SECRET")
            return b"ACK"

        async with staged(answer=answer) as stage:
            wire = await stage.play(send(framed(b"bad")), to_end())
            assert wire.received == b""
            assert (await stage.play(send(framed(b"good")), receive(1))).answers == [b"ACK"]
            failures = [fields for event, fields in stage.door.told if event == "answer_failed"]
            assert [failure["error"] for failure in failures] == ["RuntimeError"]
            assert "SECRET" not in str(stage.door.told)

    run(story)


def test_a_cancelled_answer_is_none(run):
    """A door that gives up a message has not promised anything for it."""

    async def story():
        def answer(payload, _):
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            return future

        async with staged(answer=answer) as stage:
            wire = await stage.play(send(framed(b"1")), to_end())
            assert (wire.received, wire.ended) == (b"", "closed")

    run(story)


def test_a_notified_handler_cannot_break_the_protocol(run):
    """Handlers run on their own turn: their errors end there."""

    async def story():
        def notify(event, **fields):
            raise RuntimeError

        async with staged(notify=notify) as stage:
            wire = await stage.play(send(framed(b"1")), receive(1))
            assert wire.answers == [b"ACK 1"]
            await until(lambda: stage.counters.connections == 0)

    run(story, errors=[RuntimeError, RuntimeError])


def test_junk_and_cut_frames_are_counted_and_survived(run):
    """The stream gets back in step by itself."""

    async def story():
        async with staged() as stage:
            stream = b"hello\x0bcut off\x0b1\x1c\x0b2\x1c\r\n\x0b3\x1c\r"
            wire = await stage.play(send(stream), receive(3), send(b"\x0bnever ends"), half_close(), to_end())
            assert wire.answers == [b"ACK 1", b"ACK 2", b"ACK 3"]
            counters = stage.counters
            assert (counters.junk_bytes, counters.truncated, counters.bare_ends) == (6, 2, 1)

    run(story)


def test_an_oversize_frame_is_refused_in_its_turn(run):
    """60 MB are refused from their head, in order, and the connection goes on."""

    async def story():
        async with staged(max_message_bytes=100_000) as stage:
            head = b"MSH|^~\\&|" + b"x" * HEAD_BYTES
            huge = [send(b"z" * 2**20)] * 60
            wire = await stage.play(
                send(framed(b"1") + b"\x0b" + head), *huge, send(b"\x1c\r" + framed(b"2")), receive(3)
            )
            assert wire.answers == [b"ACK 1", b"NACK oversize", b"ACK 2"]
            assert stage.door.refused == [(head[:HEAD_BYTES], Refusal.OVERSIZE)]
            assert stage.counters.refused_oversize == 1
            told = [fields for event, fields in stage.door.told if event == "refused"]
            assert [(each["reason"], each["bytes"]) for each in told] == [
                ("oversize", len(head) + 60 * 2**20)
            ]

    run(story)


def test_an_oversize_frame_without_words_closes_the_connection(run):
    """Where nobody says what to answer, silence and a closed connection are the answer."""

    async def story():
        async with staged(max_message_bytes=10, refuse=lambda _head, _reason, _limit: None) as stage:
            wire = await stage.play(send(framed(b"x" * 11)), to_end())
            assert (wire.received, wire.ended) == (b"", "closed")

    run(story)


def test_a_half_closed_peer_gets_its_answers(run):
    """`printf … | nc` closes its sending side at once; what it sent is answered all the same."""

    async def story():
        async with staged() as stage:
            stage.door.opened.clear()
            playing = stage.playing(send(framed(b"1") + framed(b"2")), half_close(), to_end())
            await until(lambda: stage.door.in_hand == 2)
            stage.door.opened.set()
            wire = await playing
            assert (wire.answers, wire.ended) == ([b"ACK 1", b"ACK 2"], "closed")

    run(story)


def test_a_peer_that_vanishes_leaves_nothing_behind(run):
    """A reset while its message is in hand: the door finishes, the memory is free, nobody is answered."""

    async def story():
        async with staged() as stage:
            stage.door.opened.clear()
            await stage.play(send(framed(b"1") + b"\x0bhalf of"), reset())
            await until(lambda: stage.door.in_hand == 1)
            assert stage.counters.connections == 1
            stage.door.opened.set()
            await until(lambda: stage.counters.connections == 0)
            counters = stage.counters
            assert (counters.answered + counters.unanswered, counters.held_bytes) == (1, 0)

    run(story)


def test_drain_answers_what_is_in_hand(run):
    """Nobody new comes in, nothing in hand is dropped, idle peers are let go."""

    async def story():
        async with staged() as stage:
            stage.door.opened.clear()
            busy = stage.playing(send(framed(b"1") + framed(b"2") + b"\x0bhalf"), to_end())
            idle = stage.playing(to_end())
            await until(lambda: stage.door.in_hand == 2 and stage.counters.connections == 2)
            draining = asyncio.create_task(stage.listener.drain(within=20))
            assert (await idle).ended == "closed"
            with pytest.raises(ConnectionRefusedError):
                await stage.play()
            assert not draining.done()
            stage.door.opened.set()
            wire = await busy
            assert (wire.answers, wire.ended) == ([b"ACK 1", b"ACK 2"], "closed")
            assert await draining is True

    run(story)


def test_drain_does_not_wait_for_ever(run):
    """What is not answered within the bound is not answered; its sender will send it again."""

    async def story():
        async with staged() as stage:
            stage.door.opened.clear()
            playing = stage.playing(send(framed(b"1")), to_end())
            await until(lambda: stage.door.in_hand == 1)
            assert await stage.listener.drain(within=0.05) is False
            assert (await playing).received == b""

    run(story)


def test_drain_loses_no_answer_to_unread_bytes(run):
    """A peer that keeps sending while the listener leaves still reads every answer it was given."""

    async def story():
        async with staged() as stage:
            wire = await asyncio.to_thread(connect, stage.address)
            wire.socket.sendall(framed(b"1"))
            await until(lambda: stage.counters.answered == 1)
            draining = asyncio.create_task(stage.listener.drain(within=20))
            watch = select.poll()
            watch.register(wire.socket, select.POLLRDHUP)
            await until(lambda: watch.poll(0))  # it said goodbye; nothing of it is read yet
            wire.socket.sendall(framed(b"late") * 1000)
            await asyncio.to_thread(to_end(), wire)
            wire.socket.close()
            assert (wire.received, wire.ended) == (framed(b"ACK 1"), "closed")
            assert await draining is True
            assert [payload for payload, _ in stage.door.seen] == [b"1"]

    run(story)


def test_one_listener_serves_several_addresses(run):
    """The limits are the listener's, whatever the door a peer came in by."""

    async def story():
        async with staged(max_connections=1) as stage:
            ((host, port),) = await stage.listener.listen("127.0.0.1", 0)
            assert port != stage.address[1]
            playing = stage.playing(send(framed(b"1")), receive(1), to_end())
            await until(lambda: stage.counters.answered == 1)
            assert (await asyncio.to_thread(play, (host, port), to_end())).ended is not None
            assert stage.counters.connections_refused == 1
            await stage.listener.drain(within=20)
            await playing

    run(story)


def test_an_address_in_use_is_an_error_that_leaves_nothing_open(run):
    """Binding fails loudly, before any peer is let in."""

    async def story():
        async with staged() as stage:
            other = Listener(stage.door.answer)
            with pytest.raises(OSError, match="in use"):
                await other.listen(*stage.address)
            await other.drain(within=1)

    run(story)


@pytest.fixture(scope="module")
def background():
    """A listener in a thread of its own, for tests that throw bytes at it."""
    ready, stop = threading.Event(), threading.Event()
    address = []

    async def serve():
        async def answer(payload, _):
            return b"ACK"

        listener = Listener(answer, limits=Limits(max_message_bytes=64, pipeline_depth=3))
        address.extend(await listener.listen("127.0.0.1", 0))
        ready.set()
        await asyncio.to_thread(stop.wait)
        await listener.drain(within=5)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield tuple(address[0])
    stop.set()
    thread.join(20)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\x1c\r", b"MSH|^~\\&|", b"x" * 70])
        | st.binary(max_size=40)
    ),
    st.booleans(),
)
def test_no_bytes_kill_or_hang_it(background, chunks, rudely):
    """Whatever came before, by whoever, the next peer is served."""
    ending = [reset()] if rudely else [half_close(), to_end()]
    play(background, *[send(chunk) for chunk in chunks], *ending)
    assert play(background, send(framed(b"1")), receive(1)).received == framed(b"ACK")
