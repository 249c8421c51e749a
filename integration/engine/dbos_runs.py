"""Jobs and runs as DBOS keeps them: ids, options, states.

Owns the form of a run id. Must not know threads or recovery.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import MappingProxyType

import sqlalchemy as sa
from dbos import DBOSClient, EnqueueOptions, WorkflowStatus

from integration.flows.ports import Job, Run, RunState

#: Owner of the rows, should the database be shared with another application of DBOS.
APPLICATION = "wardwire"
#: DBOS resumes only work of its own version. By default that is a digest of the source, and every release
#: would strand what the one before it left. To be changed only together with a migration of waiting runs.
APPLICATION_VERSION = "wf-1"

#: workflow : subject : round ~ replay + again
_RUN_ID = re.compile(
    r"(?P<workflow>[^:]+):(?P<subject>[^:]+):(?P<round>\d+)(?P<replay>~\d+)?(?:\+(?P<again>\d+))?"
)
_STATES = MappingProxyType(
    {
        "ENQUEUED": RunState.WAITING,
        "DELAYED": RunState.DELAYED,
        "PENDING": RunState.RUNNING,
        "SUCCESS": RunState.DONE,
        "ERROR": RunState.FAILED,
        "CANCELLED": RunState.PARKED,
        "MAX_RECOVERY_ATTEMPTS_EXCEEDED": RunState.PARKED,
    }
)


def statuses(states: frozenset[RunState]) -> list[str]:
    """DBOS's words for our states."""
    return [word for word, state in _STATES.items() if state in states]


def first_of(run_id: str) -> str:
    """The run id without the count of its attempts."""
    return run_id.partition("+")[0]


def was_postponed(run_id: str) -> bool:
    """Whether the run follows one that asked to run later."""
    return "+" in run_id


def after(run_id: str) -> str:
    """The id of the run that follows when this one asks to run later."""
    first, _, again = run_id.partition("+")
    return f"{first}+{int(again or 0) + 1}"


def replay_of(run_id: str, number: int) -> str:
    """The id of the n-th replay of a run."""
    return f"{first_of(run_id).partition('~')[0]}~{number}"


def insert(  # noqa: PLR0913 - one row's worth
    client: DBOSClient,
    connection: sa.Connection,
    job: Job,
    *,
    run_id: str,
    partition: str | None,
    delay_s: float,
) -> None:
    """Put a run on its queue, within the caller's transaction; a run that is there already stays as it is.

    `partition` is the key within the queue, None on a queue that is not ordered; `delay_s` is in seconds.
    """
    options = EnqueueOptions(
        queue_name=job.queue,
        workflow_name=job.workflow,
        workflow_id=run_id,
        app_version=APPLICATION_VERSION,
        priority=job.priority,
    )
    if partition is not None:
        options["queue_partition_key"] = partition
    if delay_s > 0:
        options["delay_seconds"] = delay_s
    # The arguments say again what the row says: a workflow is not shown its own row.
    client.enqueue_in_transaction(connection, options, job.subject_id, job.queue, partition, job.priority)


def read(status: WorkflowStatus) -> Run | None:
    """A run as the port knows it; None for a row that is not ours."""
    named = _RUN_ID.fullmatch(status.workflow_id)
    if named is None:
        return None
    state = _STATES[status.status]
    return Run(
        id=status.workflow_id,
        queue=status.queue_name,
        workflow=named["workflow"],
        subject_id=named["subject"],
        round=int(named["round"]),
        state=state,
        priority=status.priority or 0,
        queued_at=datetime.fromtimestamp((status.created_at or 0) / 1000, UTC),
        error=str(status.error) if state is RunState.FAILED and status.error else None,
    )
