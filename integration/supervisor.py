"""`wardwire serve`: one process that starts the roles, watches them and drains them in order.

Owns the life of its children. Must not know what a role does: a role is a command line.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from integration import telemetry

#: Crashes of one role within this many seconds count together; after so many the whole ends with exit code 1.
CRASH_WINDOW_S = 60.0
CRASHES_TO_GIVE_UP = 6
#: Pause before a crashed role starts again: 0.5 s, doubling.
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
_LOOK_S = 0.1
_PR_SET_PDEATHSIG = 1
_LOG = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True)
class Role:
    """A child to run.

    Attributes:
        name: in log lines.
        command: its argument vector.
        stage: roles drain by stage, lowest first: doors close before the worker that empties the queue.
    """

    name: str
    command: tuple[str, ...]
    stage: int = 0


@dataclass(slots=True)
class _Child:
    role: Role
    process: subprocess.Popen[bytes] | None = None
    crashes: deque[float] = field(default_factory=deque)
    start_at: float = 0.0


class Supervisor:
    """Runs roles until SIGTERM or SIGINT, then drains them.

    Args:
        roles: in the order in which they start.
        drain_s: seconds that each stage gets to end by itself before it is killed.
    """

    def __init__(self, roles: Sequence[Role], *, drain_s: float = 30.0) -> None:
        self._children = [_Child(role) for role in roles]
        self._drain_s = drain_s
        self._stop = threading.Event()
        self._gave_up = False

    def run(self) -> int:
        """Start, watch, drain; returns the exit code: 1 when a role could not be kept alive."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        while not self._stop.wait(_LOOK_S):
            for child in self._children:
                self._look_after(child)
        self._drain()
        return 1 if self._gave_up else 0

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                child.process = _spawn(child.role.command)
                _LOG.info("role.started", role=child.role.name, pid=child.process.pid)
            return
        exit_code = child.process.poll()
        if exit_code is None:
            return
        child.process = None
        child.crashes.append(now)
        while child.crashes[0] < now - CRASH_WINDOW_S:
            child.crashes.popleft()
        count = len(child.crashes)
        _LOG.error("role.ended", role=child.role.name, exit_code=exit_code, count=count)
        # Settings that cannot run (exit code 2) will not run the next time either.
        if count >= CRASHES_TO_GIVE_UP or exit_code == 2:  # noqa: PLR2004
            _LOG.critical("role.given_up", role=child.role.name, exit_code=exit_code)
            self._gave_up = True
            self._stop.set()
        child.start_at = now + min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (count - 1))

    def _drain(self) -> None:
        for stage in sorted({child.role.stage for child in self._children}):
            living = [
                child.process
                for child in self._children
                if child.role.stage == stage and child.process is not None
            ]
            for process in living:
                process.terminate()
            deadline = time.monotonic() + self._drain_s
            for process in living:
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    _LOG.error("role.killed", pid=process.pid, reason="it did not drain in time")
                    process.kill()
                    process.wait()


def wardwire(role: str, *, config: str | None = None) -> tuple[str, ...]:
    """The command line of a role of this installation."""
    option = ("--config", config) if config else ()
    return (sys.executable, "-m", "integration.cli", *option, role)


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a child that is told to end when this process dies, however it dies."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_end_with_parent)  # noqa: S603, PLW1509


def _end_with_parent() -> None:
    # The parent has no threads, so running Python between fork and exec is safe.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # A terminal's Ctrl-C reaches the whole group; only the parent decides about the order of ending.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
