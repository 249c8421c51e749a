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

#: Crashes of one role within so many seconds count together; after so many the whole ends with exit code 1.
#: A message that kills its worker is parked after three, and several may come at once: they must not end
#: the doors too.
CRASH_WINDOW_S = 60.0
CRASHES_TO_GIVE_UP = 12
#: Pause before a crashed role starts again: 0.5 s, doubling.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 4.0
#: Exit code of a role that will not run the next time either: its settings cannot.
UNUSABLE = 2
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
    """Runs roles until SIGTERM or SIGINT, then drains them; a second signal kills what is left.

    Children write to this process's own stdout and stderr. They end when it dies, however it dies.

    Args:
        roles: in the order in which they start.
        drain_s: seconds that each stage gets to end by itself before it is killed.
    """

    def __init__(self, roles: Sequence[Role], *, drain_s: float = 30.0) -> None:
        self._children = [_Child(role) for role in roles]
        self._drain_s = drain_s
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._failed = False

    def run(self) -> int:
        """Start, watch, drain; returns 1 when a role could not be kept alive, or had to be killed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        # A terminal that closes is no reason to end.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        while not self._stop.is_set():
            for child in self._children:
                self._look_after(child)
            self._stop.wait(_LOOK_S)
        for stage in sorted({child.role.stage for child in self._children}):
            self._drain([child for child in self._children if child.role.stage == stage])
        return 1 if self._failed else 0

    def _on_signal(self, _number: int, _frame: object) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at and not self._stop.is_set():
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
        if count >= CRASHES_TO_GIVE_UP or exit_code == UNUSABLE:
            _LOG.critical("role.given_up", role=child.role.name, exit_code=exit_code, count=count)
            self._failed = True
            self._stop.set()
        child.start_at = now + min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (count - 1))

    def _drain(self, children: Sequence[_Child]) -> None:
        """Tell a stage to end and wait until it has."""
        living = {child.role.name: child.process for child in children if child.process is not None}
        for process in living.values():
            process.terminate()
        deadline = time.monotonic() + self._drain_s
        while living := {name: process for name, process in living.items() if process.poll() is None}:
            if self._hurry.wait(_LOOK_S) or time.monotonic() > deadline:
                break
        for name, process in living.items():
            _LOG.error("role.killed", role=name, pid=process.pid, reason="it did not drain in time")
            process.kill()
            process.wait()
            self._failed = True


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
