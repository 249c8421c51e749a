"""The programs that are put under load, each as a process that rests while another is measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench import peers
from tests.support.serving import Serving, free_port, wait_for

#: Everything is stored, nothing is routed on: the least that this engine can be asked to do.
_MESSAGEFOUNDRY_ROUTE = """
from messagefoundry import MLLP, inbound, router

inbound("IB_BENCH_ORU", MLLP(port={port}), router="bench_router")


@router("bench_router")
def route(message):
    return []
"""


@dataclass
class Target:
    """A running program.

    Attributes:
        name: in the report.
        port: of its MLLP listener.
        process: of it.
    """

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def sleep(self) -> None:
        """Take no time from what is measured."""
        self._signal(signal.SIGSTOP)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Run for the time of the block; asleep before and after."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.sleep()

    def cpu_seconds(self) -> float:
        """Time on a core since the start, of the process and its children."""
        whole = psutil.Process(self.process.pid)
        times = [each.cpu_times() for each in (whole, *whole.children(recursive=True))]
        return sum(each.user + each.system for each in times)

    def rss_mib(self) -> float:
        """Memory of the process and its children."""
        whole = psutil.Process(self.process.pid)
        return sum(each.memory_info().rss for each in (whole, *whole.children(recursive=True))) / 2**20

    def stop(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)
        self.process.wait(30)

    def _signal(self, number: int) -> None:
        os.killpg(self.process.pid, number)


def wardwire(folder: Path) -> Target:
    """The `mllp` role on an embedded store."""
    folder.mkdir()
    role = Serving(folder, role="mllp")
    migrate = [sys.executable, "-m", "integration.cli", "migrate"]
    subprocess.run(migrate, env=role.environment, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    role.start()
    assert role.process is not None
    return Target("wardwire mllp", role.mllp_port, role.process)


def bare(folder: Path, kind: str) -> Target:
    """A listener, one SQLite writer with group commit, and nothing else: plain or tuned."""
    folder.mkdir()
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "tests.bench.bare_listener",
        kind,
        str(port),
        str(folder / "bare.sqlite"),
    ]
    return _started(f"bare listener, {kind}", command, port, folder, cwd=Path.cwd())


def listener_alone(folder: Path) -> Target:
    """Our listener with nothing behind it."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.listener_alone", str(port)]
    return _started("our listener, no store", command, port, folder, cwd=Path.cwd())


def messagefoundry(folder: Path) -> Target | None:
    """An interface engine from PyPI on its own embedded store; None where it cannot be installed."""
    python = peers.interpreter(peers.MESSAGEFOUNDRY)
    if python is None:
        return None
    (folder / "config").mkdir(parents=True)
    port = free_port()
    (folder / "config" / "bench.py").write_text(_MESSAGEFOUNDRY_ROUTE.format(port=port))
    command = [str(python.with_name("messagefoundry")), "serve", "--config", "config", "--env", "dev"]
    command += ["--db", "bench.db", "--port", str(free_port()), "--log-level", "WARNING"]
    return _started(peers.MESSAGEFOUNDRY.replace("==", " "), command, port, folder, cwd=folder)


def _started(name: str, command: list[str], port: int, folder: Path, *, cwd: Path) -> Target:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log, start_new_session=True)
    with ExitStack() as undo:
        undo.callback(process.kill)
        wait_for(lambda: process.poll() is not None or _listens(process.pid, port), what=f"{name} to listen")
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended at its start: see {folder / 'log'}")
        undo.pop_all()
    return Target(name, port, process)


def _listens(pid: int, port: int) -> bool:
    found = psutil.Process(pid).net_connections(kind="tcp")
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)
