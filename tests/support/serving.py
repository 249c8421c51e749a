"""A real Wardwire on loopback, in processes of its own, on a folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(
    condition: Callable[[], object], *, seconds: float = 30.0, what: str = "the condition"
) -> object:
    """The first true answer of `condition`, asked until the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {seconds:.0f} s")
        time.sleep(0.05)


#: Three processes import all they need: on a machine that is busy with other things that takes minutes.
_START_SECONDS = 240.0


class Serving:
    """A running `wardwire` role, its ports and its folder."""

    def __init__(
        self, folder: Path, *, role: str = "serve", environment: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.role = role
        self.mllp_port = free_port()
        self.web_port = free_port()
        self.log = folder / f"{role}.log"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("WARDWIRE_")},
            "WARDWIRE_STORE__URL": f"sqlite:///{folder / 'wardwire.sqlite'}",
            "WARDWIRE_MLLP__DEFAULT__PORT": str(self.mllp_port),
            "WARDWIRE_WEB__PORT": str(self.web_port),
            "WARDWIRE_WEB__WORKERS": "1",
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """URL of the web server."""
        return f"http://127.0.0.1:{self.web_port}"

    def start(self) -> Serving:
        """Start the processes; return when they answer."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "integration.cli", self.role],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if self.role in {"serve", "web"}:
            wait_for(self._ready, seconds=_START_SECONDS, what=f"{self.role} to be ready (see {self.log})")
        if self.role in {"serve", "mllp"}:
            listens = f"{self.role} to listen (see {self.log})"
            wait_for(lambda: self._listens(self.mllp_port), seconds=_START_SECONDS, what=listens)
        return self

    def stop(self, *, kill: bool = False) -> int:
        """End all of it; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            if kill:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.terminate()
        return self.process.wait(timeout=60)

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(
                f"{self.role} ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}"
            )
        try:
            with urllib.request.urlopen(f"{self.base}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @staticmethod
    def _listens(port: int) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(
    folder: Path, *, role: str = "serve", environment: dict[str, str] | None = None
) -> Iterator[Serving]:
    """A running role that is ended with the block."""
    running = Serving(folder, role=role, environment=environment).start()
    try:
        yield running
    finally:
        running.stop(kill=True)
