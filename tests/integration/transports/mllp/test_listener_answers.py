"""What a connection carries beside answers: silence, payloads of our own, commit blocks of release 2."""

import threading

import pytest

from integration.transports.mllp.framing import COMMITTED, NOT_COMMITTED
from integration.transports.mllp.terms import Release, Silence
from tests.integration.transports.mllp.conftest import staged, until
from tests.support.mllp_peer import framed, half_close, receive, send, to_end, trickle
from tests.support.mllp_peer import until as wait


async def hush(payload, _peer):
    """Wants no answer for payloads that begin with `-`, has none for those that begin with `!`."""
    return {b"-": Silence.KEPT, b"!": None}.get(payload[:1], b"ACK " + payload)


def test_silence_leaves_the_connection_open(run):
    """A message that wants no answer gets none, and the next one is answered."""

    async def story():
        async with staged(answer=hush) as stage:
            wire = await stage.play(
                send(framed(b"-1") + framed(b"2") + framed(b"-3") + framed(b"4")), receive(2)
            )
            assert [b"ACK 2", b"ACK 4"] == wire.answers
            assert (2, 2, 0) == (stage.counters.silent, stage.counters.answered, stage.counters.unanswered)

    run(story)


def test_silence_is_not_no_answer(run):
    """What could not be kept closes the connection; nothing after it is answered."""

    async def story():
        async with staged(answer=hush) as stage:
            wire = await stage.play(send(framed(b"-1") + framed(b"!2") + framed(b"3")), to_end())
            assert ([], "closed") == (wire.answers, wire.ended)

    run(story)


def test_a_silent_last_message_still_closes_well(run):
    """A peer that half-closes behind it is let go at once, not at the idle limit."""

    async def story():
        async with staged(answer=hush, linger_seconds=60.0) as stage:
            wire = await stage.play(send(framed(b"-1")), half_close(), to_end())
            assert (b"", "closed") == (bytes(wire.received), wire.ended)

    run(story)


def test_a_payload_of_our_own_goes_to_its_peer(run):
    """Posted to one connection, it does not reach the other one from the same address."""

    async def story():
        done = threading.Event()
        async with staged() as stage:
            first = stage.playing(send(framed(b"1")), receive(2), wait(done))
            await until(lambda: len(stage.door.seen) == 1)
            second = stage.playing(send(framed(b"2")), receive(1), wait(done))
            await until(lambda: len(stage.door.seen) == 2)
            assert stage.listener.post(stage.door.seen[0][1], b"LATER")
            await until(lambda: stage.counters.posted == 1)
            done.set()
            assert [b"ACK 1", b"LATER"] == (await first).answers
            assert [b"ACK 2"] == (await second).answers

    run(story)


def test_a_payload_of_our_own_waits_for_the_answers_before_it(run):
    """An application acknowledgement never overtakes the accept acknowledgement of the same message."""

    async def story():
        async with staged() as stage:
            stage.door.opened.clear()
            playing = stage.playing(send(framed(b"1") + framed(b"2")), receive(3))
            await until(lambda: len(stage.door.seen) == 2)
            assert stage.listener.post(stage.door.seen[0][1], b"LATER")
            stage.door.opened.set()
            assert [b"ACK 1", b"ACK 2", b"LATER"] == (await playing).answers

    run(story)


def test_nothing_is_posted_to_who_is_gone(run):
    """Not to a connection that ended, nor to a new one that has its place."""

    async def story():
        async with staged() as stage:
            await stage.play(send(framed(b"1")), receive(1))
            peer = stage.door.seen[0][1]
            await until(lambda: stage.counters.connections == 0)
            assert not stage.listener.post(peer, b"LATER")
            wire = await stage.play(send(framed(b"2")), receive(1), half_close(), to_end())
            assert [b"ACK 2"] == wire.answers

    run(story)


def test_a_payload_that_cannot_be_framed_is_not_sent(run):
    """It is told, and the connection goes on."""

    async def story():
        async with staged() as stage:
            done = threading.Event()
            playing = stage.playing(
                send(framed(b"1")), receive(1), wait(done), send(framed(b"2")), receive(2)
            )
            await until(lambda: stage.counters.answered == 1)
            stage.listener.post(stage.door.seen[0][1], b"\x1c")
            await until(lambda: "answer_failed" in stage.door.events())
            done.set()
            assert [b"ACK 1", b"ACK 2"] == (await playing).answers

    run(story)


@pytest.mark.parametrize("size", [1, 1000])
def test_release_2_commits_before_it_answers(run, size):
    """0B 06 1C 0D, then the answer; the peer's own commit blocks are no messages."""

    async def story():
        async with staged(answer=hush, release=Release.TWO) as stage:
            sent = framed(b"1") + COMMITTED + framed(b"-2") + framed(b"3") + NOT_COMMITTED
            wire = await stage.play(trickle(sent, size), receive(5))
            assert COMMITTED + framed(b"ACK 1") + COMMITTED + COMMITTED + framed(b"ACK 3") == wire.received
            assert (3, 2) == (stage.counters.frames, stage.counters.commits)

    run(story)


def test_release_2_says_that_nothing_was_kept(run):
    """0B 15 1C 0D in place of an answer, and the connection stays for the next attempt."""

    async def story():
        async with staged(answer=hush, release=Release.TWO, max_message_bytes=10) as stage:
            wire = await stage.play(send(framed(b"!1") + framed(b"2") + framed(b"x" * 11)), receive(4))
            assert NOT_COMMITTED + COMMITTED + framed(b"ACK 2") + NOT_COMMITTED == wire.received
            assert [] == stage.door.refused

    run(story)


def test_release_2_survives_a_door_that_fails(run):
    """An error of ours is no commit."""

    async def fails(payload, _peer):
        raise ZeroDivisionError

    async def story():
        async with staged(answer=fails, release=Release.TWO) as stage:
            wire = await stage.play(send(framed(b"1") + framed(b"2")), receive(2))
            assert NOT_COMMITTED * 2 == wire.received
            await until(
                lambda: ["answer_failed"] * 2 == [e for e in stage.door.events() if e == "answer_failed"]
            )

    run(story)


def test_release_1_knows_no_commit_blocks(run):
    """One byte is a message like any other, for the door to refuse."""

    async def story():
        async with staged() as stage:
            wire = await stage.play(send(COMMITTED), receive(1))
            assert [b"ACK \x06"] == wire.answers

    run(story)


def test_a_drain_leaves_no_posted_payload_behind(run):
    """What was posted before the end goes out."""

    async def story():
        async with staged() as stage:
            playing = stage.playing(send(framed(b"1")), to_end())
            await until(lambda: stage.counters.answered == 1)
            stage.listener.post(stage.door.seen[0][1], b"LATER")
            assert await stage.listener.drain(within=20)
            assert not stage.listener.post(stage.door.seen[0][1], b"TOO LATE")
            assert [b"ACK 1", b"LATER"] == (await playing).answers

    run(story)
