"""The writer thread, on a database made of a list: who shares a commit, and who pays for whose error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import pytest

from integration.errors import StoreUnavailable
from integration.store.group_commit import MOST_TOGETHER, GroupCommit, Work


class Ledger:
    """A database whose transactions are lists; it can be held, and it can be down."""

    def __init__(self) -> None:
        self.commits: list[list[object]] = []
        self.open = threading.Event()
        self.open.set()
        self.down = False
        self.closed = 0

    @property
    def rows(self) -> list[object]:
        """All that is committed, in its order."""
        return [row for commit in self.commits for row in commit]

    @contextmanager
    def begin(self) -> Iterator[list[object]]:
        assert self.open.wait(30)
        if self.down:
            raise ConnectionError
        rows: list[object] = []
        yield rows
        self.commits.append(rows)

    @contextmanager
    def savepoint(self, connection: list[object]) -> Iterator[None]:
        kept = list(connection)
        try:
            yield
        except BaseException:
            connection[:] = kept
            raise

    def blame(self, error: BaseException) -> BaseException:
        return StoreUnavailable("down") if isinstance(error, ConnectionError) else error

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def writer(ledger):
    writer = GroupCommit(ledger)
    yield writer
    ledger.open.set()
    writer.close()


def note(connection: list[object], arguments: Sequence[object]) -> list[object]:
    """Write each argument; "bad" fails after it wrote."""
    for argument in arguments:
        connection.append(argument)
        if argument == "bad":
            raise KeyError(argument)
        if argument == "gone":
            raise ConnectionError
    return list(arguments)


def also_note(connection: list[object], arguments: Sequence[object]) -> list[object]:
    return note(connection, arguments)


def put(writer, argument: object, apply=note) -> Future[object]:
    future: Future[object] = Future()
    writer.put(Work(apply, argument, future, None))
    return future


def held(ledger, writer, *arguments: object, apply=note) -> list[Future[object]]:
    """Hand in works that meet in one commit: the first one keeps the writer busy meanwhile."""
    ledger.open.clear()
    first = put(writer, "first")
    futures = [put(writer, argument, apply) for argument in arguments]
    ledger.open.set()
    assert first.result(timeout=30) == "first"
    return futures


def test_what_waits_shares_a_commit(ledger, writer):
    """All works that wait while a commit runs are in the next one, in their order."""
    futures = held(ledger, writer, *range(10))

    assert list(range(10)) == [future.result(timeout=30) for future in futures]
    assert ["first", *range(10)] == ledger.rows
    assert len(ledger.commits) <= 2


def test_a_failing_work_fails_alone(ledger, writer):
    """The others of its batch are committed, without anything that it wrote."""
    futures = held(ledger, writer, 1, "bad", 2, "bad", 3)

    assert [1, 2, 3] == [futures[n].result(timeout=30) for n in (0, 2, 4)]
    for n in (1, 3):
        with pytest.raises(KeyError):
            futures[n].result(timeout=30)
    assert [1, 2, 3] == [row for row in ledger.rows if row != "first"]


def test_when_the_store_is_down_all_fail_alike(ledger, writer):
    """Nothing is tried alone then; and when it is back, the next work succeeds."""
    ledger.down = True
    for future in [put(writer, n) for n in range(3)]:
        with pytest.raises(StoreUnavailable):
            future.result(timeout=30)
    assert ledger.closed > 0
    ledger.down = False

    assert put(writer, "back").result(timeout=30) == "back"
    assert [["back"]] == ledger.commits


def test_a_connection_lost_amid_a_batch_commits_nothing(ledger, writer):
    """Also the works before it are not promised: they may be handed in again."""
    futures = held(ledger, writer, 1, "gone", 2)

    for future in futures:
        with pytest.raises(StoreUnavailable):
            future.result(timeout=30)
    assert [] == [row for row in ledger.rows if row != "first"]


def test_a_connection_lost_while_trying_alone(ledger, writer):
    """The second attempt is one transaction too: all of it or nothing."""
    futures = held(ledger, writer, 1, "bad", "gone")

    for future in futures:
        with pytest.raises(StoreUnavailable):
            future.result(timeout=30)
    assert [["first"]] == ledger.commits


def test_neighbours_of_one_kind_are_applied_together(ledger, writer):
    """`apply` gets all consecutive works of its kind at once, never across another kind."""
    calls: list[tuple[str, int]] = []

    def one(connection: list[object], arguments: Sequence[object]) -> list[object]:
        calls.append(("one", len(arguments)))
        return note(connection, arguments)

    def other(connection: list[object], arguments: Sequence[object]) -> list[object]:
        calls.append(("other", len(arguments)))
        return note(connection, arguments)

    ledger.open.clear()
    put(writer, "first")
    futures = [put(writer, n, apply) for n, apply in enumerate([one, one, other, one, one, one])]
    ledger.open.set()
    for future in futures:
        future.result(timeout=30)

    assert [("one", 2), ("other", 1), ("one", 3)] == calls[-3:]


def test_a_work_that_miscounts_is_an_error(ledger, writer):
    """Results are matched with works; a missing one must not shift the others."""
    future = put(writer, 1, lambda connection, arguments: [])
    with pytest.raises(ValueError, match="one result"):
        future.result(timeout=30)
    assert put(writer, 2).result(timeout=30) == 2


def test_a_batch_has_an_end(ledger, writer):
    """Under load the first of a batch does not wait for thousands."""
    futures = held(ledger, writer, *range(2 * MOST_TOGETHER))
    for future in futures:
        future.result(timeout=30)

    assert max(len(commit) for commit in ledger.commits) <= MOST_TOGETHER
    assert list(range(2 * MOST_TOGETHER)) == ledger.rows[1:]


def test_too_many_waiting_is_unavailable(ledger):
    """The queue is bounded: who comes too much is told at once."""
    writer = GroupCommit(ledger, limit=5)
    ledger.open.clear()
    waiting: list[Future[object]] = []
    with pytest.raises(StoreUnavailable, match="too many"):
        waiting += [put(writer, n) for n in range(20)]
    ledger.open.set()
    writer.close()


def test_close_finishes_what_was_handed_in(ledger):
    """Draining: every work is committed, later ones are refused."""
    writer = GroupCommit(ledger)
    ledger.open.clear()
    futures = [put(writer, n) for n in range(20)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    ledger.open.set()
    closing.join(30)

    assert list(range(20)) == [future.result(timeout=0) for future in futures]
    with pytest.raises(StoreUnavailable, match="closed"):
        put(writer, "late")
    assert ledger.closed > 0


def test_close_without_any_work(ledger):
    """A writer that never started closes too."""
    GroupCommit(ledger).close()
    assert ledger.closed == 1


def test_a_cancelled_work_is_not_done(ledger, writer):
    """Who cancels before the commit began finds nothing written."""
    ledger.open.clear()
    first, second, third = put(writer, 1), put(writer, 2), put(writer, 3)
    assert second.cancel() or second.done()
    ledger.open.set()
    assert (1, 3) == (first.result(timeout=30), third.result(timeout=30))

    assert [1, 3] == ledger.rows


def test_coroutines_are_woken_once_for_each_commit(ledger, writer):
    """One `call_soon_threadsafe` for all futures of a loop that a commit settles."""
    wakes: list[object] = []

    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        real = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *a, **k: wakes.append(a) or real(*a, **k)  # type: ignore[method-assign]
        ledger.open.clear()
        futures = []
        for n in range(50):
            future = loop.create_future()
            writer.put(Work(note, n, future, loop))
            futures.append(future)
        ledger.open.set()
        return await asyncio.gather(*futures)

    assert list(range(50)) == asyncio.run(main())
    assert len(ledger.commits) == len(wakes)
    assert len(ledger.commits) <= 2


def test_a_loop_that_is_gone_disturbs_nobody(ledger, writer):
    """A closed loop has nobody who waits; the commit stands and the writer lives on."""
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    ledger.open.clear()
    writer.put(Work(note, "orphan", future, loop))
    loop.close()
    ledger.open.set()

    assert put(writer, "next").result(timeout=30) == "next"
    assert "orphan" in ledger.rows
