"""What the flows ask of the world, as protocols that belong to them; `wiring` hands in the real ones.

Owns the words for durable work. Must not know which engine, database or network answers to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

T = TypeVar("T", bound="str | int | bool | None")

#: Largest priority; the engine's column has 32 bits.
MAX_PRIORITY = 2**31 - 1
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def _require_id(name: str, value: str) -> None:
    """Refuse what is no id, without repeating it: whatever is queued is kept in the clear."""
    if not _ID.fullmatch(value):
        raise ValueError(f"{name} must be an id: up to 128 letters, digits, dots, dashes, underscores")


@dataclass(frozen=True, slots=True)
class Queue:
    """A line of waiting jobs and how wide its counter is.

    Attributes:
        concurrency: jobs of this queue that one worker runs at a time.
        ordered: jobs of one partition run one at a time over all workers, lowest priority number first.
        prefetch: jobs that one worker takes from the database at a time, running and waiting; None means
            `concurrency`. More lets short jobs pass faster than `concurrency` per look at the queue; too
            much keeps long jobs from idle workers.
    """

    name: str
    concurrency: int
    ordered: bool = True
    prefetch: int | None = None

    def __post_init__(self) -> None:
        _require_id("a queue's name", self.name)
        if self.concurrency < 1 or (self.prefetch is not None and self.prefetch < self.concurrency):
            raise ValueError("a queue needs concurrency >= 1 and prefetch >= concurrency")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request to run a workflow once. Everything in it is kept in the clear: ids and numbers only.

    Attributes:
        queue: name of a queue that the engine was built with.
        workflow: name under which the workflow was given to `Engine.workflow`.
        subject_id: what it is about, e.g. the id of a message; the workflow's only argument.
        partition: jobs of one partition of an ordered queue never run side by side; None means alone in
            its own. An identifier of a person comes here only as a keyed digest.
        priority: 1 to MAX_PRIORITY, lowest first; within a partition it is the order.
        delay_s: seconds to wait before it may run.
        round: 0 at first; a new round lets a subject that ran before run again.
    """

    queue: str
    workflow: str
    subject_id: str
    partition: str | None = None
    priority: int = 1
    delay_s: float = 0.0
    round: int = 0

    def __post_init__(self) -> None:
        _require_id("a workflow's name", self.workflow)
        _require_id("a subject", self.subject_id)
        if self.partition is not None:
            _require_id("a partition", self.partition)
        if not 1 <= self.priority <= MAX_PRIORITY:
            raise ValueError("a priority is 1 to 2147483647")
        if self.delay_s < 0 or self.round < 0:
            raise ValueError("neither a delay nor a round is negative")

    @property
    def run_id(self) -> str:
        """The id of its first run; the same job again is the same run."""
        return f"{self.workflow}:{self.subject_id}:{self.round}"


@dataclass(frozen=True, slots=True)
class Later:
    """What a workflow returns in order to be run again after a pause, without holding a slot meanwhile.

    Attributes:
        delay_s: seconds.
        in_order: the jobs behind it in its partition wait for it; False lets them pass.
    """

    delay_s: float
    in_order: bool = True


class RunState(StrEnum):
    """Where a run is.

    WAITING for a slot or for the job before it. DELAYED until a moment. RUNNING. DONE: it returned.
    FAILED: it raised. PARKED: it took its worker down too often, or was cancelled.
    """

    WAITING = "waiting"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PARKED = "parked"


#: States that a run leaves by itself.
UNFINISHED = frozenset({RunState.WAITING, RunState.DELAYED, RunState.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job, as the engine has it.

    Attributes:
        id: `Job.run_id`; with `+n` for the n-th time that it asked to run later, `~n` for the n-th replay.
        queued_at: UTC.
        error: type name of the exception that ended it, never its text; None in states that have none.
    """

    id: str
    queue: str | None
    workflow: str
    subject_id: str
    round: int
    state: RunState
    priority: int
    queued_at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep mended.

    Attributes:
        resumed: runs taken over from workers that died.
        parked: runs that took their workers down too often, each told once.
        deleted: finished runs forgotten.
    """

    resumed: int = 0
    parked: tuple[Run, ...] = field(default=())
    deleted: int = 0


class Engine(Protocol):
    """Durable work in six calls. Runs are at least once; a finished step of a run is never repeated.

    The engine decides nothing about failures: a workflow that raises is FAILED and stays so, one that
    wants another attempt returns `Later`. Only a crash of the worker is mended by the engine itself.
    """

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Take jobs, all or none, on disk when it returns. A job that was taken before changes nothing.

        Raises:
            StoreUnavailable: the engine's database does not take writes now.
            ValueError: a job names a queue or workflow that this engine does not know.
        """

    def workflow(self, name: str, fn: Callable[[str], Later | None]) -> None:
        """Name a function of a subject id, before the engine starts. Every process names the same ones."""

    def step(self, name: str, fn: Callable[[], T]) -> T:
        """Run `fn` and keep its result, inside a workflow: after a crash the kept result is returned.

        The result is an id, a number, a flag or nothing. Steps are counted from 1 and their order must
        not change between two runs of the same workflow. Most workflows need none.

        Raises:
            TypeError: the result is something else.
        """

    def list(
        self,
        *,
        states: Collection[RunState] = (),
        queue: str | None = None,
        run_ids: Collection[str] = (),
        limit: int = 100,
    ) -> tuple[Run, ...]:
        """Runs, oldest first. What is empty or None does not restrict.

        Raises:
            StoreUnavailable: the engine's database does not answer.
        """

    def replay(self, run_id: str, from_step: int = 1) -> str:
        """Run a finished run once more and return the new run's id; steps before `from_step` keep results.

        Raises:
            NotFound: no such run.
            Conflict: it has not finished yet.
            StoreUnavailable: the engine's database does not take writes now.
        """

    def sweep(self) -> Swept:
        """Take over from dead workers, forget old finished runs. Call it at start and on a timer.

        Raises:
            StoreUnavailable: the engine's database does not take writes now.
        """


class EngineLifecycle(Protocol):
    """The engine as the process that runs it sees it; flows never do."""

    def start(self) -> None:
        """Begin to run jobs; runs that a crash interrupted come first.

        Raises:
            SettingsInvalid: another live worker has this worker's name.
            StoreUnavailable: the engine's database does not answer.
        """

    def stop(self, drain_s: float) -> None:
        """Begin no more jobs, wait up to `drain_s` seconds for those that run, let go of everything."""


class Courier(Protocol):
    """Carries bytes to one destination. Used by as many threads as its queue is wide."""

    def carry(self, content: bytes, *, name: str) -> str | None:
        """Bring the bytes there; when it returns, the destination has taken them.

        Args:
            content: the exact bytes.
            name: the same at every attempt, without patient data; a file's name.

        Returns:
            the codes that it answered with, "AA"; None where it answers with none.

        Raises:
            NotDelivered: the type says whether it may have arrived and whether to try again.
        """


class Fetched(Protocol):
    """A version of a resource as a FHIR server gave it."""

    @property
    def kind(self) -> str:
        """Its type."""

    @property
    def version(self) -> str:
        """Its version; "" where the server says none."""

    @property
    def raw(self) -> bytes:
        """The bytes."""

    @property
    def resource(self) -> Mapping[str, Any]:
        """What they say, digits kept."""

    @property
    def reference(self) -> str:
        """`Type/id`."""


class FhirSource(Protocol):
    """The FHIR server of a channel, as far as it is read."""

    @property
    def base(self) -> str:
        """Its base URL, without a slash at the end."""

    def read(self, kind: str, resource_id: str) -> Fetched:
        """The current version.

        Raises:
            RemoteError: RemoteMissing where it is not there, or no longer; see `integration.errors`.
        """

    def content(self, address: str) -> tuple[bytes, str]:
        """Bytes below the base, with their media type: of a Binary, or of any other path.

        Raises:
            AddressRefused: the address is not below the base; nothing was asked.
            RemoteError: see `integration.errors`.
        """

    def search(self, kind: str, params: Sequence[tuple[str, str]]) -> Iterator[Fetched]:
        """All matches, over all pages.

        Raises:
            AddressRefused: a page leads elsewhere.
            RemoteError: see `integration.errors`.
        """
