"""/healthz says that the process lives, /readyz whether it can work and why not."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from integration.errors import StoreUnavailable
from integration.store import heartbeats
from integration.store.ids import utc_text
from integration.web import health
from tests.support.web import CLOCK, ScriptedInbox, failing, passing, waiting_delivery, waiting_since

MINUTE = timedelta(minutes=1)


def clock():
    return CLOCK


def done(result=None, error=None) -> Future:
    future: Future = Future()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
    return future


def test_the_process_lives(web):
    """Nothing but the process is asked."""
    web.services = replace(web.services, probes=(failing("store"),))
    assert (200, {"status": "alive"}) == (web.get("/healthz").status_code, web.get("/healthz").json)


@pytest.mark.parametrize(
    ("code", "status", "probes"),
    [
        (200, "ready", (passing("store"), passing("worker", required=False))),
        (200, "degraded", (passing("store"), failing("worker", required=False))),
        (503, "not ready", (failing("store"), passing("worker", required=False))),
    ],
)
def test_readiness(web, code, status, probes):
    """Only what this process needs for its work makes it not ready; every check is told."""
    web.services = replace(web.services, probes=probes)
    answer = web.get("/readyz")
    assert (code, status) == (answer.status_code, answer.json["status"])
    assert ["store", "worker"] == [check["name"] for check in answer.json["checks"]]
    assert {"name", "passed", "required", "reason"} == set(answer.json["checks"][0])


def test_the_store_probe_commits_something(web):
    """A write that fails, or does not come back, fails the check with its reason."""
    beaten = health.store_takes_writes(lambda: web.store.database.write(partial(heartbeats.touch, now=CLOCK)))
    assert beaten().passed
    (check,) = health.run(
        (health.store_takes_writes(lambda: done(error=StoreUnavailable("the disk is full"))),)
    )
    assert (False, True, "the disk is full") == (check.passed, check.required, check.reason)
    (check,) = health.run((health.store_takes_writes(lambda: done(error=TimeoutError())),))
    assert (False, "no answer in time") == (check.passed, check.reason)


def test_the_schema_probe_names_the_command():
    """Migrations that are missing make it not ready."""
    assert health.schema_is_current(lambda: ())().passed
    check = health.schema_is_current(lambda: ("0002",))()
    assert (False, True) == (check.passed, check.required)
    assert "wardwire migrate" in check.reason


@pytest.mark.parametrize(
    ("passed", "reason", "age"),
    [
        (True, "none has reported yet", None),
        (True, "last seen 59 s ago", 59),
        (False, "last seen 2 min ago", 150),
    ],
)
def test_the_worker_probe(passed, reason, age):
    """A silent worker degrades; one that never was there may run elsewhere."""
    seen = None if age is None else CLOCK - timedelta(seconds=age)
    check = health.worker_is_alive(lambda: seen, clock=clock, patience=MINUTE)()
    assert (passed, False) == (check.passed, check.required)
    assert check.reason.startswith(reason)


@pytest.mark.parametrize(("passed", "age"), [(True, None), (True, 30), (False, 7300)])
def test_the_backlog_probe(passed, age):
    """The age of the oldest message comes from its id."""
    inbox = ScriptedInbox(waiting=[] if age is None else [waiting_since(CLOCK - timedelta(seconds=age))])
    check = health.backlog_is_short(inbox, clock=clock, patience=MINUTE)()
    assert (passed, False) == (check.passed, check.required)
    if age == 7300:
        assert "the oldest message waits for 2 h" == check.reason


def test_the_disk_probe(tmp_path):
    """Too little room, or no folder, makes it not ready."""
    assert health.disk_has_room(tmp_path, at_least=1)().passed
    full = health.disk_has_room(tmp_path, at_least=10**18)()
    assert (False, True) == (full.passed, full.required)
    assert full.reason.endswith("GiB wanted")
    gone = health.disk_has_room(tmp_path / "gone", at_least=1)()
    assert not gone.passed
    assert str(tmp_path) not in gone.reason


def test_a_probe_that_cannot_ask_has_failed():
    """The check keeps its own name."""

    def down():
        raise StoreUnavailable("the database does not answer")

    checks = health.run(
        (
            health.worker_is_alive(down, clock=clock, patience=MINUTE),
            health.schema_is_current(down),
        )
    )
    assert [("worker", False), ("schema", False)] == [(check.name, check.passed) for check in checks]


@pytest.mark.parametrize(
    ("waits", "passed", "reason"),
    [
        (None, True, "nothing waits"),
        (timedelta(minutes=5), True, "ehr is waited for since 5 min: unreachable"),
        (timedelta(minutes=16), False, "ehr is waited for since 16 min: unreachable"),
    ],
)
def test_results_that_wait_for_their_destination(waits, passed, reason):
    """Its age and reason; the process stays ready."""
    oldest = None if waits is None else waiting_delivery(queued_at=utc_text(CLOCK - waits))
    check = health.deliveries_arrive(lambda: oldest, clock=clock, patience=15 * MINUTE)()

    assert (passed, reason, False) == (check.passed, check.reason, check.required)
