"""kill -9 of each role at each commit point: nothing acknowledged is lost, each result is there once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from integration.clients.mllp import MllpError, Receiver, Sender
from tests.support.serving import Serving, wait_for

pytestmark = pytest.mark.system
MESSAGE = (Path(__file__).parents[2] / "fixtures" / "demo" / "2-final.hl7").read_bytes()


class Roles:
    """The roles of one installation, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = Serving(folder)
        self.running: list[subprocess.Popen[bytes]] = []
        self.command("migrate")

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "integration.cli", *arguments],
            env=self.template.environment,
            cwd=self.folder,
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout

    def start(
        self, role: str, *, dying_at: str | None = None, listening: bool = True
    ) -> subprocess.Popen[bytes]:
        module = ["integration.cli"] if dying_at is None else ["tests.support.dying", dying_at]
        with (self.folder / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *module, role],
                env={**self.template.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self.running.append(process)
        if role == "mllp" and listening:
            port = self.template.mllp_port
            wait_for(lambda: self.template._listens(port), seconds=120, what="the listener")
        return process

    def send(self) -> str:
        receiver = Receiver(host="127.0.0.1", port=self.template.mllp_port, answer_seconds=20)
        with Sender(receiver) as sender:
            return sender.send(MESSAGE).code

    def states(self) -> list[tuple[str, int]]:
        lines = self.command("messages", "list", "--json").splitlines()
        return [(told["state"], told["attempts"]) for told in map(json.loads, lines)]

    def written(self) -> list[str]:
        """References with versions of all that the only message wrote."""
        message_id = json.loads(self.command("messages", "list", "--json").splitlines()[0])["id"]
        ledger = json.loads(self.command("messages", "show", message_id, "--json"))["ledger"]
        return [each["reference"] for each in ledger["written"]]


@pytest.fixture
def roles(tmp_path: Path):
    """An installation whose processes end with the test."""
    installation = Roles(tmp_path)
    yield installation
    for process in installation.running:
        process.kill()
        process.wait()


def _ends_processed_once(roles: Roles) -> None:
    wait_for(lambda: [state for state, _ in roles.states()] == ["processed"], seconds=60, what="processing")
    written = roles.written()
    assert 14 < len(written)
    assert [] == [reference for reference in written if not reference.endswith("/_history/1")]
    assert '"whole": true' in roles.command("audit", "verify", "--json")


def test_killed_between_commit_and_ack(roles: Roles) -> None:
    """The sender has no answer and sends again: one message, one answer, one result."""
    dying = roles.start("mllp", dying_at="before-ack")
    with pytest.raises(MllpError):
        roles.send()
    assert -9 == dying.wait(timeout=30)
    assert [("received", 0)] == roles.states()

    roles.start("mllp")
    assert "AA" == roles.send()
    roles.start("work")
    _ends_processed_once(roles)


def test_killed_between_ack_and_dispatch(roles: Roles) -> None:
    """An acknowledged message that no worker knew of is processed by the next one."""
    listener = roles.start("mllp")
    assert "AA" == roles.send()
    listener.kill()
    listener.wait()

    dying = roles.start("work", dying_at="before-mark")
    assert -9 == dying.wait(timeout=60)
    roles.start("work")
    _ends_processed_once(roles)


@pytest.mark.parametrize("point", ["before-store", "after-store"])
def test_killed_in_a_step(roles: Roles, point: str) -> None:
    """A step that its worker did not survive is done by the next one, and what it had committed stays one."""
    roles.start("mllp")
    assert "AA" == roles.send()
    dying = roles.start("work", dying_at=point)
    assert -9 == dying.wait(timeout=60)

    roles.start("work")
    _ends_processed_once(roles)


def test_killed_under_load(roles: Roles) -> None:
    """A listener killed again and again while messages come in: all that was acknowledged is processed."""
    acknowledged = 0
    for turn in range(3):
        listener = roles.start("mllp")
        for number in range(15):
            message = MESSAGE.replace(b"DEMO-0002", f"K{turn}-{number}".encode())
            with Sender(
                Receiver(host="127.0.0.1", port=roles.template.mllp_port, answer_seconds=20)
            ) as sender:
                acknowledged += sender.send(message).accepted
        listener.kill()
        listener.wait()
    roles.start("work")

    assert 45 == acknowledged
    wait_for(
        lambda: [state for state, _ in roles.states()] == ["processed"] * 45, seconds=60, what="processing"
    )
