"""When each worker process was last alive: written by workers, read by /readyz."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select
from sqlmodel import SQLModel

from integration.store import tables  # noqa: F401  # defines the table
from integration.store.ids import utc_text

#: The row of readiness probes; no worker can have this name.
_PROBE = "(probe)"
_BEATS = SQLModel.metadata.tables["worker_heartbeat"]


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process: its stable name, and where and since when it runs."""

    executor: str
    host: str
    pid: int
    started: datetime


def beat(connection: Connection, worker: Worker, *, now: datetime) -> None:
    """Say that a worker lives, in the caller's transaction."""
    connection.execute(delete(_BEATS).where(_BEATS.c.executor_id == worker.executor))
    row = {
        "executor_id": worker.executor, "role": "work", "host": worker.host, "pid": worker.pid,
        "started_at": utc_text(worker.started), "seen_at": utc_text(now),
    }  # fmt: skip
    connection.execute(insert(_BEATS).values(row))


def last_seen(connection: Connection) -> datetime | None:
    """When any worker was last alive; None when none ever was."""
    seen = connection.execute(select(func.max(_BEATS.c.seen_at)).where(_BEATS.c.role == "work")).scalar()
    return datetime.fromisoformat(seen) if seen else None


def touch(connection: Connection, *, now: datetime) -> None:
    """Write something small, to see whether the store takes writes."""
    connection.execute(delete(_BEATS).where(_BEATS.c.executor_id == _PROBE))
    row = {
        "executor_id": _PROBE, "role": "probe", "host": "", "pid": 0,
        "started_at": utc_text(now), "seen_at": utc_text(now),
    }  # fmt: skip
    connection.execute(insert(_BEATS).values(row))
