"""Several machines over one PostgreSQL: two workers, two listeners, each result once and in order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.clients.mllp import Receiver, Sender
from tests.support import postgres
from tests.support.serving import Serving, wait_for

pytestmark = pytest.mark.system
DEMO = Path(__file__).parents[2] / "fixtures" / "demo"


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Serving]]:
    """Two listeners, two workers and a web server that share a database, a blob folder and a key file."""
    with postgres.any_server() as server, postgres.empty_database(server) as url:
        shared = {
            "WARDWIRE_STORE__URL": url,
            "WARDWIRE_STORE__BLOBS": str(tmp_path / "blobs"),
            "WARDWIRE_SECURITY__KEY_FILE": str(tmp_path / "keys.json"),
        }
        roles = ("mllp", "mllp", "work", "work", "web")
        started = []
        for number, role in enumerate(roles):
            folder = tmp_path / f"machine-{number}"
            folder.mkdir()
            own = {"WARDWIRE_ENGINE__EXECUTOR": f"machine-{number}"}
            started.append(Serving(folder, role=role, environment={**shared, **own}))
        _run(started[0], "migrate")
        try:
            for each in started:
                each.start()
            yield started
        finally:
            for each in started:
                if each.process is not None:
                    each.stop(kill=True)


def _run(machine: Serving, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "integration.cli", *arguments],
        env=machine.environment,
        cwd=machine.folder,
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


def _listed(machine: Serving) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _run(machine, "messages", "list", "--json").splitlines()]


def test_two_of_each_role_work_as_one(machines: list[Serving]) -> None:
    """Messages of one patient through both listeners end processed, in versions, whichever worker had them."""
    names = ("1-preliminary.hl7", "2-final.hl7", "3-correction.hl7", "4-late-preliminary.hl7")
    for number, name in enumerate(names):
        receiver = Receiver(host="127.0.0.1", port=machines[number % 2].mllp_port)
        with Sender(receiver) as sender:
            assert "AA" == sender.send((DEMO / name).read_bytes()).code

    web = machines[-1]
    wait_for(
        lambda: [each["state"] for each in _listed(web)] == ["processed"] * 4, seconds=60, what="processing"
    )
    written = json.loads(_run(web, "messages", "show", _listed(web)[1]["id"], "--json"))["ledger"]["written"]
    observations = {
        each["reference"].rsplit("/", 1)[1] for each in written if each["reference"].startswith("Observation")
    }
    assert {"3"} == observations
    assert '"whole": true' in _run(web, "audit", "verify", "--json")


def test_a_worker_that_dies_leaves_its_messages_to_the_other(machines: list[Serving]) -> None:
    """With one of two workers killed, what is acknowledged is still processed."""
    machines[2].stop(kill=True)
    receiver = Receiver(host="127.0.0.1", port=machines[0].mllp_port)
    message = (DEMO / "2-final.hl7").read_bytes()
    with Sender(receiver) as sender:
        for number in range(20):
            assert sender.send(message.replace(b"DEMO-0002", b"PG-%d" % number)).accepted

    wait_for(
        lambda: {each["state"] for each in _listed(machines[-1])} == {"processed"},
        seconds=90,
        what="all of them",
    )
    assert 20 == len(_listed(machines[-1]))
