"""`wardwire serve`'s supervisor with dummy roles: start, watch, restart, give up, drain in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from integration.supervisor import wardwire
from tests.house.tree import ROOT
from tests.support.serving import wait_for

pytestmark = pytest.mark.system
ROLE = Path(__file__).parent / "dummy_role.py"


class House:
    """A supervisor in a process of its own, and what its roles said."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.stderr = folder / "stderr"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *roles: tuple[str, str, int], **settings: float) -> None:
        told = [
            {"name": name, "command": [str(ROLE), name, str(self.log), behaviour], "stage": stage}
            for name, behaviour, stage in roles
        ]
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.system.supervised", json.dumps({"roles": told, **settings})],
                cwd=ROOT,
                stderr=stderr,
                start_new_session=True,
            )

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def said(self) -> list[str]:
        """Names and words in order, without process ids."""
        return [f"{name} {word}" for name, word, _ in self.lines()]

    def pids(self, name: str) -> list[int]:
        return [int(pid) for who, word, pid in self.lines() if who == name and word == "started"]

    def wait_started(self, *names: str) -> None:
        wait_for(lambda: all(self.pids(name) for name in names), what="the roles")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(30)

    def events(self) -> list[dict[str, object]]:
        lines = self.stderr.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    assert house.process is not None
    if house.process.poll() is None:
        os.killpg(house.process.pid, signal.SIGKILL)
        house.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_doors_close_before_the_worker(house: House, number: signal.Signals) -> None:
    """A stop reaches the doors first; the worker is told when they have ended. Exit code 0."""
    house.start(("work", "calm", 1), ("mllp", "slow", 0), ("web", "calm", 0))
    house.wait_started("work", "mllp", "web")

    house.signal(number)

    assert 0 == house.wait()
    said = house.said()[3:]
    assert {"mllp SIGTERM", "web SIGTERM", "mllp ended", "web ended"} == set(said[:4])
    assert ["work SIGTERM", "work ended"] == said[4:]


def test_ctrl_c_in_a_terminal_drains_in_order(house: House) -> None:
    """SIGINT to the whole group, as a terminal sends it, reaches no role but through the supervisor."""
    house.start(("work", "calm", 1), ("mllp", "slow", 0))
    house.wait_started("work", "mllp")

    assert house.process is not None
    os.killpg(house.process.pid, signal.SIGINT)

    assert 0 == house.wait()
    assert ["mllp SIGTERM", "mllp ended", "work SIGTERM", "work ended"] == house.said()[2:]


def test_a_killed_role_starts_again(house: House) -> None:
    """A role that dies is replaced; the others go on."""
    house.start(("work", "calm", 1), ("mllp", "calm", 0))
    house.wait_started("work", "mllp")

    os.kill(house.pids("work")[0], signal.SIGKILL)

    wait_for(lambda: len(house.pids("work")) == 2)
    assert 1 == len(house.pids("mllp"))
    house.signal(signal.SIGTERM)
    assert 0 == house.wait()
    (ended,) = [event for event in house.events() if event["event"] == "role.ended"]
    assert ("work", -9) == (ended["role"], ended["exit_code"])


def test_a_role_that_keeps_dying_ends_all(house: House) -> None:
    """After so many crashes the supervisor says which role, drains the others and exits with 1."""
    house.start(("work", "exit-1", 1), ("mllp", "calm", 0), crashes=3)

    assert 1 == house.wait()
    assert 3 == len(house.pids("work"))
    assert "mllp ended" == house.said()[-1]
    (given_up,) = [event for event in house.events() if event["event"] == "role.given_up"]
    assert ("work", 1, 3) == (given_up["role"], given_up["exit_code"], given_up["count"])


def test_a_role_that_cannot_run_is_not_tried_again(house: House) -> None:
    """Exit code 2 says that the settings cannot run: one attempt is enough."""
    house.start(("mllp", "exit-2", 0), ("work", "calm", 1))

    assert 1 == house.wait()
    assert 1 == len(house.pids("mllp"))


def test_a_role_that_does_not_drain_is_killed(house: House) -> None:
    """After its time it is killed, the next stage is drained all the same, and the exit code says so."""
    house.start(("mllp", "stubborn", 0), ("work", "calm", 1), drain_s=0.3)
    house.wait_started("mllp", "work")

    house.signal(signal.SIGTERM)

    assert 1 == house.wait()
    assert ["mllp SIGTERM", "work SIGTERM", "work ended"] == house.said()[2:]


def test_a_second_signal_kills(house: House) -> None:
    """Who asks twice does not wait."""
    house.start(("mllp", "stubborn", 0), drain_s=3600)
    house.wait_started("mllp")
    house.signal(signal.SIGTERM)
    wait_for(lambda: "mllp SIGTERM" in house.said())

    house.signal(signal.SIGTERM)

    assert 1 == house.wait()


def test_roles_end_with_a_killed_supervisor(house: House) -> None:
    """kill -9 of the supervisor alone leaves nothing behind."""
    house.start(("work", "calm", 1), ("mllp", "calm", 0))
    house.wait_started("work", "mllp")
    pids = house.pids("work") + house.pids("mllp")

    house.signal(signal.SIGKILL)
    house.wait()

    wait_for(lambda: not any(_alive(pid) for pid in pids))
    assert {"work ended", "mllp ended"} <= set(house.said())


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_closed_terminal_changes_nothing(house: House) -> None:
    """SIGHUP to the supervisor and its roles is ignored."""
    house.start(("mllp", "calm", 0))
    house.wait_started("mllp")
    assert house.process is not None

    os.killpg(house.process.pid, signal.SIGHUP)
    house.signal(signal.SIGTERM)

    assert 0 == house.wait()
    assert ["mllp started", "mllp SIGTERM", "mllp ended"] == house.said()


def test_what_roles_say_passes_untouched(house: House) -> None:
    """A role's stderr is the supervisor's."""
    house.start(("mllp", "calm", 0))
    house.wait_started("mllp")
    house.signal(signal.SIGTERM)
    house.wait()

    assert "words of mllp on stderr" in house.stderr.read_text().splitlines()


def test_a_role_is_this_installation_s_command() -> None:
    """The command line of a role names this Python and the settings file."""
    assert (sys.executable, "-m", "integration.cli", "work") == wardwire("work")
    assert (sys.executable, "-m", "integration.cli", "--config", "w.toml", "web") == wardwire(
        "web", config="w.toml"
    )
