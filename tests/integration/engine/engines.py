"""Engines for tests: the same call makes an engine in process, on SQLite, or on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from integration.engine.dbos_engine import DbosEngine
from integration.engine.in_process import InProcessEngine
from integration.flows.ports import UNFINISHED, Engine, EngineLifecycle, Job, Later, Queue

DATABASES = ("sqlite", "postgres")
KINDS = ("in-process", *DATABASES)

Workflows = Mapping[str, Callable[[str], Later | None]]


class Both(Engine, EngineLifecycle, Protocol):
    """An engine and its life cycle."""


def job(subject: str, *, queue: str = "messages", workflow: str = "work", **more: object) -> Job:
    return Job(queue=queue, workflow=workflow, subject_id=subject, **more)  # type: ignore[arg-type]


def build(
    kind: str,
    place: str,
    workflows: Workflows,
    *,
    queues: Sequence[Queue] = (Queue("messages", 4),),
    executor: str = "worker-1",
    **more: float,
) -> Both:
    """An engine that has not started."""
    engine: Both
    if kind == "in-process":
        engine = InProcessEngine(queues)
    else:
        engine = durable = DbosEngine(place, executor=executor, queues=queues, polling_s=0.02, **more)  # type: ignore[arg-type]
        durable.migrate()
    for name, fn in workflows.items():
        engine.workflow(name, fn)
    return engine


def unfinished(engine: Engine) -> bool:
    return bool(engine.list(states=UNFINISHED))


class Diary:
    """What workflows did, in order."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self._lock = threading.Lock()

    def note(self, entry: str) -> None:
        with self._lock:
            self.entries.append(entry)
