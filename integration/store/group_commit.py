"""One writer thread and many works in one commit. Owns the queue, the batches and the waking of who waits.

Knows no SQL: what a transaction is, and which errors mean that the store is down, is handed in. A work may be
run twice (once more alone, when another one of its batch failed), so its only effect is on its connection.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from integration.errors import StoreUnavailable

C = TypeVar("C")

#: More works than this never share one commit: the first of them would wait for the last.
MOST_TOGETHER = 512


class Transactions(Protocol[C]):
    """What a database lends to the writer thread."""

    def begin(self) -> AbstractContextManager[C]:
        """A transaction: committed, synced to disk, at its end; rolled back on an exception."""
        ...

    def savepoint(self, connection: C) -> AbstractContextManager[object]:
        """A part of a transaction that is rolled back alone."""
        ...

    def blame(self, error: BaseException) -> BaseException:
        """The error to hand to who waits; StoreUnavailable when no work is to blame."""
        ...

    def close(self) -> None:
        """Let go of everything; another `begin` starts anew."""
        ...


class Work(NamedTuple):
    """Something to be done in a transaction and who waits for it.

    Attributes:
        apply: takes a connection and the arguments of consecutive works that name the same `apply`, and
            returns a result for each.
        loop: of `done` when that is an asyncio future.
    """

    apply: Callable[[Any, Sequence[Any]], Iterable[Any]]
    argument: Any
    done: Future[Any] | asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A work's end when it has no result."""

    error: BaseException


class GroupCommit(Generic[C]):
    """The writer thread of one process; it starts with the first work.

    Args:
        transactions: of the database.
        limit: works that may wait; beyond it the store counts as unavailable.
        name: of the thread.
    """

    def __init__(self, transactions: Transactions[C], *, limit: int = 10_000, name: str = "store") -> None:
        self._transactions = transactions
        self._limit = limit
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._name = name

    def put(self, work: Work) -> None:
        """Hand in a work; its future is resolved after the commit that holds it.

        Raises:
            StoreUnavailable: closed, or too many works wait already.
        """
        if self._queue.qsize() >= self._limit:
            raise StoreUnavailable("the store cannot keep up: too many writes wait")
        if self._closed.is_set():
            raise StoreUnavailable("the store is closed")
        self._queue.put(work)
        if self._thread is None:
            self._start()
        if self._closed.is_set():
            # Closed since the check above: the thread may have drained the queue already.
            self._refuse_the_rest()

    def close(self) -> None:
        """Finish what was handed in, then end the thread."""
        with self._starting:
            self._closed.set()
            thread = self._thread
        self._queue.put(None)
        if thread is None:
            self._refuse_the_rest()
            self._transactions.close()
        else:
            thread.join()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed.is_set():
                # A daemon: a process that ends without close() has promised nothing that is still queued.
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            if batch:
                self._commit(batch)
        self._transactions.close()
        self._refuse_the_rest()

    def _next_batch(self) -> list[Work] | None:
        """All that waits now, at least one; None when it is time to end."""
        work = self._queue.get()
        if work is None:
            return None
        batch = [work]
        for _ in range(min(self._queue.qsize(), MOST_TOGETHER - 1)):
            work = self._queue.get_nowait()
            if work is None:
                self._queue.put(None)
                break
            batch.append(work)
        # False for a work whose caller gave up before it began.
        return [w for w in batch if w.loop is not None or w.done.set_running_or_notify_cancel()]  # type: ignore[union-attr]

    def _commit(self, batch: list[Work]) -> None:
        with _Caught() as caught, self._transactions.begin() as connection:
            results = _apply(connection, batch)
        if caught.error is None:
            _resolve(batch, results)
            return
        error = self._transactions.blame(caught.error)
        if isinstance(error, StoreUnavailable) or len(batch) == 1:
            self._fail(batch, error)
        else:
            self._commit_each_apart(batch)

    def _commit_each_apart(self, batch: list[Work]) -> None:
        """Once more, each behind a savepoint, so that only the work that failed fails."""
        results: list[Any] = []
        with _Caught() as caught, self._transactions.begin() as connection:
            for work in batch:
                with _Caught() as own, self._transactions.savepoint(connection):
                    results += _apply(connection, [work])
                if own.error is not None:
                    error = self._transactions.blame(own.error)
                    if isinstance(error, StoreUnavailable):
                        raise error
                    results.append(Failed(error))
        if caught.error is None:
            _resolve(batch, results)
        else:
            self._fail(batch, self._transactions.blame(caught.error))

    def _fail(self, batch: list[Work], error: BaseException) -> None:
        if isinstance(error, StoreUnavailable):
            # What failed once is not used again: the next batch looks for the database anew.
            self._transactions.close()
        _resolve(batch, [Failed(error)] * len(batch))

    def _refuse_the_rest(self) -> None:
        rest = []
        while not self._queue.empty():
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                break
            if work is not None:
                rest.append(work)
        _resolve(rest, [Failed(StoreUnavailable("the store is closed"))] * len(rest))


class _Caught:
    """Holds what a block raised: it belongs to whoever waits for the work, not to the writer thread."""

    error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True


def _apply(connection: Any, batch: Sequence[Work]) -> list[Any]:
    results: list[Any] = []
    start, count = 0, len(batch)
    while start < count:
        apply = batch[start].apply
        end = start + 1
        while end < count and batch[end].apply is apply:
            end += 1
        results += apply(connection, [work.argument for work in batch[start:end]])
        if len(results) != end:
            raise ValueError("a work must return one result for each argument")
        start = end
    return results


def _resolve(batch: Sequence[Work], results: Sequence[Any]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Any, Any]]] = {}
    for work, result in zip(batch, results, strict=True):
        if work.loop is not None:
            by_loop.setdefault(work.loop, []).append((work.done, result))
        else:
            _settle(work.done, result)
    for loop, settled in by_loop.items():
        # RuntimeError: the loop is closed, so nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_all, settled)


def _settle_all(settled: list[tuple[Any, Any]]) -> None:
    for future, result in settled:
        _settle(future, result)


def _settle(future: Any, result: Any) -> None:
    if future.done():
        return
    if type(result) is Failed:
        future.set_exception(result.error)
    else:
        future.set_result(result)
