"""Whether this process lives (/healthz) and can do its work (/readyz). Shows ages, counts and codes only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify

from integration.errors import WardwireError
from integration.store.delivery_records import StoredDelivery
from integration.store.records import Undispatched
from integration.web.services import Check, Services

#: How long a probe waits for the store before it says that it does not answer.
PROBE_SECONDS = 5.0


class Waiting(Protocol):
    """The messages that the engine has not been handed yet."""

    def undispatched(self, limit: int) -> Sequence[Undispatched]:
        """The oldest of them."""


def blueprint(services: Services) -> Blueprint:
    """/healthz and /readyz. Open to all who can connect: orchestrators have no token."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="alive")

    @routes.get("/readyz")
    def readyz() -> tuple[Response, int]:
        checks = run(services.probes)
        status = summary(checks)
        told = [
            {"name": check.name, "passed": check.passed, "required": check.required, "reason": check.reason}
            for check in checks
        ]
        code = HTTPStatus.SERVICE_UNAVAILABLE if status == "not ready" else HTTPStatus.OK
        return jsonify(status=status, checks=told), code

    return routes


def run(probes: Sequence[Callable[[], Check]]) -> tuple[Check, ...]:
    """Ask every probe; one that fails with a named error has failed its check."""
    return tuple(map(_ask, probes))


def _ask(probe: Callable[[], Check]) -> Check:
    try:
        return probe()
    except (WardwireError, TimeoutError) as error:
        name = getattr(probe, "check_name", "store")
        return Check(name, passed=False, reason=str(error) or "no answer in time")


def summary(checks: Sequence[Check]) -> str:
    """`ready`, `degraded` (it works, something beside it does not), or `not ready`."""
    if any(check.required and not check.passed for check in checks):
        return "not ready"
    return "ready" if all(check.passed for check in checks) else "degraded"


def store_takes_writes(write: Callable[[], Future[Any]]) -> Callable[[], Check]:
    """A probe that commits something: only that shows a full disk or a read-only standby.

    Args:
        write: hands in a small write of its own.
    """

    def probe() -> Check:
        write().result(timeout=PROBE_SECONDS)
        return Check("store", passed=True, reason="takes writes")

    return probe


def schema_is_current(pending: Callable[[], Sequence[str]]) -> Callable[[], Check]:
    """A probe of the schema.

    Args:
        pending: names of the migrations that are still to be made.
    """

    def probe() -> Check:
        count = len(pending())
        reason = (
            f"{count} of its migrations {'is' if count == 1 else 'are'} missing: run `wardwire migrate`"
            if count
            else "current"
        )
        return Check("schema", passed=not count, reason=reason)

    probe.check_name = "schema"  # type: ignore[attr-defined]
    return probe


def worker_is_alive(
    last_seen: Callable[[], datetime | None], *, clock: Callable[[], datetime], patience: timedelta
) -> Callable[[], Check]:
    """A probe of the workers' heartbeat. Not required: results stay readable while no worker works.

    Args:
        last_seen: when any worker last said that it lives.
        clock: the present moment, aware.
        patience: how old that may be.
    """

    def probe() -> Check:
        seen = last_seen()
        if seen is None:
            return Check("worker", passed=True, reason="none has reported yet", required=False)
        age = clock() - seen
        reason = f"last seen {_words(age)} ago" + ("" if age <= patience else ": start `wardwire work`")
        return Check("worker", passed=age <= patience, reason=reason, required=False)

    probe.check_name = "worker"  # type: ignore[attr-defined]
    return probe


def backlog_is_short(
    waiting: Waiting, *, clock: Callable[[], datetime], patience: timedelta
) -> Callable[[], Check]:
    """A probe of the oldest message that was acknowledged and not handed to the engine. Not required.

    Args:
        waiting: the inbox.
        clock: the present moment, aware.
        patience: how long a message may wait.
    """

    def probe() -> Check:
        oldest = waiting.undispatched(1)
        if not oldest:
            return Check("backlog", passed=True, reason="nothing waits", required=False)
        age = clock() - received_at(oldest[0].message_id)
        return Check(
            "backlog",
            passed=age <= patience,
            reason=f"the oldest message waits for {_words(age)}",
            required=False,
        )

    probe.check_name = "backlog"  # type: ignore[attr-defined]
    return probe


def deliveries_arrive(
    oldest: Callable[[], StoredDelivery | None], *, clock: Callable[[], datetime], patience: timedelta
) -> Callable[[], Check]:
    """A probe of the result that waits longest for its destination. Not required.

    Args:
        oldest: the delivery that waits longest.
        clock: the present moment, aware.
        patience: how long one may wait.
    """

    def probe() -> Check:
        found = oldest()
        if found is None:
            return Check("deliveries", passed=True, reason="nothing waits", required=False)
        age = clock() - datetime.fromisoformat(found.queued_at)
        why = f": {found.reason}" if found.reason else ""
        return Check(
            "deliveries",
            passed=age <= patience,
            reason=f"{found.destination} is waited for since {_words(age)}{why}",
            required=False,
        )

    probe.check_name = "deliveries"  # type: ignore[attr-defined]
    return probe


def received_at(message_id: str) -> datetime:
    """The moment in a message id (UUIDv7, RFC 9562 §5.7), to the millisecond."""
    milliseconds = int(message_id[:8] + message_id[9:13], 16)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def disk_has_room(folder: Path, *, at_least: int) -> Callable[[], Check]:
    """A probe of the free space where payloads and the embedded database live.

    Args:
        folder: on the volume.
        at_least: bytes.
    """

    def probe() -> Check:
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            return Check("disk", passed=False, reason=f"the data folder is not there (error {error.errno})")
        reason = f"{_room(free)} free" + ("" if free >= at_least else f", {_room(at_least)} wanted")
        return Check("disk", passed=free >= at_least, reason=reason)

    return probe


def _room(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size // 2**20} MiB"


def _words(age: timedelta) -> str:
    seconds = max(0, round(age.total_seconds()))
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"  # noqa: PLR2004
