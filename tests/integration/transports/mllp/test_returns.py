"""Application acknowledgements over the return connection: real door, real listener, a worker on cue."""

import asyncio
import contextlib
import threading
from functools import partial

import pytest

from integration.errors import StoreUnavailable
from integration.flows.acknowledge import write
from integration.states import MessageState
from integration.transports.mllp import returns as module
from integration.transports.mllp.returns import Returns
from integration.transports.mllp.terms import Silence
from mappers.domain.issues import Issue, IssueCode, Severity
from tests.integration.transports.mllp.conftest import staged, until
from tests.support.door import codes, door_in, fields, message
from tests.support.mllp_peer import framed, receive, send
from tests.support.mllp_peer import until as wait

LOCATED = Issue(Severity.FATAL, IssueCode.VALUE, "OBX[2]-5", "does not decode", "102")


@pytest.fixture
def door(tmp_path):
    with door_in(tmp_path) as made:
        yield made


class Stage:
    """A listener in front of a door, with what waits between them."""

    def __init__(self, stage, door, returns, ids):
        self.stage, self.door, self.returns, self.ids = stage, door, returns, ids

    async def end(self, index=0, *issues, state=MessageState.PROCESSED):
        await asyncio.to_thread(partial(self.door.end, self.ids[index], *issues, state=state))

    async def taken(self, count):
        await until(lambda: len(self.ids) == count)


@contextlib.asynccontextmanager
async def served(door):
    ids, staging = [], []
    returns = Returns(door.acks)

    async def answer(raw, peer):
        reply = await door.intake.answer(raw, channel="lab", peer="p")
        if reply.awaiting:
            returns.expect(reply.awaiting, partial(staging[0].listener.post, peer))
        ids.extend(receipt.message_id for receipt in reply.receipts)
        return Silence.KEPT if reply.payload is None else reply.payload

    async with staged(answer=answer) as stage:
        staging.append(stage)
        running = asyncio.create_task(returns.run())
        yield Stage(stage, door, returns, ids)
        running.cancel()


def msa(wire):
    return [(code, *fields(payload, "MSA", 2)) for payload in wire.answers for code in codes(payload)]


def kinds(door, message_id):
    return [record.event.kind for record in door.audit.trail(message_id)]


def test_first_the_accept_then_the_application_acknowledgement(run, door):
    """CA at once, AA when the message was processed, each once, on the same connection."""

    async def story():
        async with served(door) as on:
            raw = message("M-1", msh15="AL", msh16="AL")
            playing = on.stage.playing(send(framed(raw)), receive(2))
            await on.taken(1)
            await until(lambda: on.stage.counters.answered == 1)
            await on.end()
            assert [("CA", "M-1"), ("AA", "M-1")] == msa(await playing)
            await until(lambda: ["acknowledgement.sent"] == kinds(door, on.ids[0])[3:])
            assert 0 == len(on.returns)

    run(story)


def test_a_failure_is_told_with_its_place(run, door):
    """AE with the located ERR of the ledger, in the version of the sender."""

    async def story():
        async with served(door) as on:
            raw = message("M-1", msh15="NE", msh16="AL")
            playing = on.stage.playing(send(framed(raw)), receive(1))
            await on.taken(1)
            await on.end(0, LOCATED, state=MessageState.PARKED)
            wire = await playing
            assert [("AE", "M-1")] == msa(wire)
            assert ["OBX^2^5"] == fields(wire.answers[0], "ERR", 2)

    run(story)


def test_decided_in_another_order(run, door):
    """Each acknowledgement names its message; none is mixed up, none is lost."""

    async def story():
        async with served(door) as on:
            sent = b"".join(framed(message(f"M-{n}", msh15="AL", msh16="AL")) for n in range(4))
            playing = on.stage.playing(send(sent), receive(8))
            await on.taken(4)
            for index in (2, 0, 3, 1):
                await on.end(index)
            answers = msa(await playing)
            assert [("CA", f"M-{n}") for n in range(4)] == [each for each in answers if each[0] == "CA"]
            assert [("AA", f"M-{n}") for n in (2, 0, 3, 1)] == [each for each in answers if each[0] == "AA"]

    run(story)


def test_a_connection_that_went_does_not_get_its_place_taken(run, door):
    """The acknowledgement stays due; another message on a new connection sees nothing of it."""

    async def story():
        async with served(door) as on:
            await on.stage.play(send(framed(message("M-1", msh15="AL", msh16="AL"))), receive(1))
            await until(lambda: on.stage.counters.connections == 0)
            done = threading.Event()
            other = on.stage.playing(send(framed(message("M-2"))), receive(1), wait(done))
            await on.taken(2)
            await on.end(0)
            await until(lambda: not len(on.returns))
            done.set()
            assert [("AA", "M-2")] == msa(await other)
            (left,) = door.acks.news(on.ids[:1], since=None).decided
            assert "due" == left.state.value

    run(story)


def test_who_sends_again_gets_what_was_decided(run, door):
    """On a new connection, the same bytes as the first time, after the accept acknowledgement."""

    async def story():
        async with served(door) as on:
            raw = message("M-1", msh15="AL", msh16="AL")
            first = on.stage.playing(send(framed(raw)), receive(2))
            await on.taken(1)
            await on.end()
            answers = (await first).answers
            assert answers == (await on.stage.play(send(framed(raw)), receive(2))).answers
            assert [door.stored()[0].id] == [each.id for each in door.stored()]
            assert answers[1] == write(door.acks.news(on.ids[:1], since=None).decided[0])

    run(story)


def test_who_sends_again_while_it_is_undecided_waits_anew(run, door):
    """The last connection that asked gets it, once."""

    async def story():
        async with served(door) as on:
            raw = message("M-1", msh15="AL", msh16="AL")
            await on.stage.play(send(framed(raw)), receive(1))
            again = on.stage.playing(send(framed(raw)), receive(2))
            await on.taken(2)
            await on.end()
            assert [("CA", "M-1"), ("AA", "M-1")] == msa(await again)
            assert 1 == on.stage.counters.posted

    run(story)


@pytest.mark.parametrize(
    ("condition", "state"), [("SU", MessageState.PARKED), ("ER", MessageState.PROCESSED)]
)
def test_what_is_not_wanted_is_not_sent(run, door, condition, state):
    """The other outcome ends the waiting in silence."""

    async def story():
        async with served(door) as on:
            done = threading.Event()
            raw = message("M-1", msh15="AL", msh16=condition)
            playing = on.stage.playing(send(framed(raw)), receive(1), wait(done))
            await on.taken(1)
            await on.end(state=state)
            await until(lambda: not len(on.returns))
            done.set()
            assert [("CA", "M-1")] == msa(await playing)
            assert 0 == on.stage.counters.posted

    run(story)


def test_a_store_that_is_away_for_a_while(run, door, monkeypatch):
    """Nothing is lost: it is asked again."""

    async def story():
        monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.01)
        news, failures = type(door.acks).news, []

        def flaky(self, fresh, *, since):
            if len(failures) < 3:
                failures.append(fresh)
                raise StoreUnavailable("away")
            return news(self, fresh, since=since)

        monkeypatch.setattr(type(door.acks), "news", flaky)
        async with served(door) as on:
            playing = on.stage.playing(send(framed(message("M-1", msh15="AL", msh16="AL"))), receive(2))
            await on.taken(1)
            await on.end()
            assert [("CA", "M-1"), ("AA", "M-1")] == msa(await playing)
            assert 3 == len(failures)

    run(story)


def test_what_nothing_will_be_decided_about_is_not_waited_for(run, door):
    """A message that came in original mode, or by a way without return, owes nothing."""

    async def story():
        returns = Returns(door.acks)
        returns.expect(["unknown"], lambda payload: True)
        await returns.look()
        assert 0 == len(returns)

    run(story)


def test_waiting_is_bounded(run, door, monkeypatch):
    """The oldest gives way; its acknowledgement stays due."""

    async def story():
        monkeypatch.setattr(module, "MOST_WAITING", 3)
        returns = Returns(door.acks)
        returns.expect([f"{n}" for n in range(5)], lambda payload: True)
        assert 3 == len(returns)

    run(story)
