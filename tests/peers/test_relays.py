"""Other people's engines in front of ours: one that stores and forwards, one that turns MLLP into HTTP."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.clients.mllp import Receiver, Sender
from tests.support.programs import SKIP, program
from tests.support.serving import Serving, free_port, wait_for
from tests.system.test_kills import MESSAGE, Roles

pytestmark = [pytest.mark.peers, pytest.mark.system, SKIP]
MESSAGE_FOUNDRY = "messagefoundry==0.2.1"
MLLP_HTTP = "mllp-http==1.1.4"
ROUTE = """
import os
from messagefoundry import MLLP, Send, handler, inbound, outbound, router

inbound("IB_LIS_ORU", MLLP(port=int(os.environ["RELAY_IN"])), router="oru_router")
outbound("OB_WARD_ORU", MLLP(host="127.0.0.1", port=int(os.environ["RELAY_OUT"])))


@router("oru_router")
def route(message):
    return ["forward"]


@handler("forward")
def forward(message):
    return Send("OB_WARD_ORU", message)
"""


@pytest.fixture
def roles(tmp_path: Path):
    """An installation whose processes end with the test."""
    installation = Roles(tmp_path)
    yield installation
    for process in installation.running:
        process.kill()
        process.wait()


@contextmanager
def running(folder: Path, *command: str, listens: int, **environment: str) -> Iterator[None]:
    with (folder / "peer.log").open("ab") as log:
        peer = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log
        )
    try:
        wait_for(lambda: Serving._listens(listens), seconds=120, what=f"{command[0]} to listen")
        yield
    finally:
        peer.kill()
        peer.wait()


def forward(port: int, *names: str) -> list[str]:
    """What the engine in front says to each message."""
    with Sender(Receiver(host="127.0.0.1", port=port, answer_seconds=60)) as sender:
        return [sender.send(MESSAGE.replace(b"DEMO-0002", name.encode())).code for name in names]


def kept(roles: Roles) -> list[str]:
    lines = roles.command("messages", "list", "--json", "--limit", "1000").splitlines()
    return sorted(json.loads(line)["control_id"] for line in lines)


def test_an_engine_that_stores_and_forwards(roles: Roles) -> None:
    """While our listener is away and while it is killed again and again: each message once, none lost."""
    relay, api = free_port(), free_port()
    (roles.folder / "relay").mkdir()
    (roles.folder / "relay" / "IB_LIS_ORU.py").write_text(ROUTE, encoding="utf-8")
    command = (
        str(program(MESSAGE_FOUNDRY, "messagefoundry")), "serve", "--config", str(roles.folder / "relay"),
        "--db", str(roles.folder / "relay.db"), "--env", "dev", "--port", str(api),
    )  # fmt: skip
    ports = {"RELAY_IN": str(relay), "RELAY_OUT": str(roles.template.mllp_port)}
    names = [f"RELAY-{number:02d}" for number in range(40)]
    with running(roles.folder, *command, listens=relay, **ports):
        assert {"AA"} == set(forward(relay, *names[:5]))
        for start in range(5, 40, 7):
            listener = roles.start("mllp")
            assert {"AA"} == set(forward(relay, *names[start : start + 7]))
            listener.kill()
            listener.wait()
        roles.start("mllp")
        # Its pauses between attempts grow with each kill, and a busy machine makes all of it slow.
        wait_for(lambda: len(set(kept(roles))) == 40, seconds=420, what="all of them")

    assert names == kept(roles)
    assert '"whole": true' in roles.command("audit", "verify", "--json")


def test_mllp_to_http(roles: Roles) -> None:
    """Its POST is HL7 over HTTP, and our acknowledgement is what its sender gets."""
    relay = free_port()
    roles.start("web")
    wait_for(lambda: roles.template._listens(roles.template.web_port), what="the web role")
    target = f"{roles.template.base}/hl7/default"
    command = (str(program(MLLP_HTTP, "mllp2http")), "-H", "127.0.0.1", "-p", str(relay), target)
    with running(roles.folder, *command, listens=relay):
        assert ["AA", "AA", "AA"] == forward(relay, "HTTP-1", "HTTP-2", "HTTP-1")

    assert ["HTTP-1", "HTTP-2"] == kept(roles)
