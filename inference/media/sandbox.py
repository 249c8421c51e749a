"""Foreign bytes are parsed in a process of their own, with limits and without network.

A parser that is led astray costs one child process: its memory, processor time and wall time are bounded,
it may not write files, open sockets or start programs, and what it returns is JSON. Knows nothing of what
is parsed.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inference.errors import InputRefused, ReaderMissing, Refusal

#: The child has no reason to see the parent's environment, which holds secrets.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    # Threads of numeric libraries take address space for each core of the machine.
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use.

    Attributes:
        seconds: wall time; processor time is bounded by the same number.
        memory_bytes: address space of the child.
        output_bytes: longest answer that is taken from it.
    """

    seconds: float = 60.0
    memory_bytes: int = 1536 * 2**20
    output_bytes: int = 192 * 2**20


def call(job: str, content: bytes, *, arguments: Mapping[str, Any], limits: Limits) -> Any:
    """Run one of the child's jobs over `content`.

    Args:
        job: a name in `inference.media.child.JOBS`.
        content: the foreign bytes.
        arguments: keyword arguments of the job; JSON values.
        limits: what the child may use.

    Raises:
        InputRefused: the job refused the bytes, or a limit was reached.
        ReaderMissing: the job's library is not installed.
    """
    header = json.dumps({"job": job, "arguments": dict(arguments), "limits": asdict(limits)}).encode()
    done = _run(["parse"], header + b"\n" + content, limits)
    if done.returncode != 0 or len(done.stdout) > limits.output_bytes:
        raise exceeded(done.returncode)
    answer = json.loads(done.stdout)
    if "missing" in answer:
        raise ReaderMissing(answer["missing"])
    if "refused" in answer:
        raise InputRefused(Refusal(answer["refused"]), answer["text"])
    return answer["result"]


def program(command: Sequence[str], content: bytes, *, limits: Limits) -> bytes:
    """Run a program over `content` under the same limits, and return what it prints.

    Raises:
        InputRefused: it failed or reached a limit.
    """
    header = json.dumps(asdict(limits))
    done = _run(["exec", header, *command], content, limits)
    if done.returncode != 0 or len(done.stdout) > limits.output_bytes:
        raise exceeded(done.returncode)
    return done.stdout


def _run(arguments: Sequence[str], content: bytes, limits: Limits) -> subprocess.CompletedProcess[bytes]:
    # -I: neither the working directory nor PYTHON* variables decide what is imported.
    command = [sys.executable, "-I", "-m", "inference.media.child", *arguments]
    try:
        return subprocess.run(  # noqa: S603
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            timeout=limits.seconds,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise InputRefused(Refusal.TOO_COSTLY, "reading took longer than its time limit") from None


def exceeded(code: int) -> InputRefused:
    """What a child that gave no answer is taken for, by its exit code."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return InputRefused(Refusal.TOO_COSTLY, "reading used up its processor time")
    if code == 0:
        return InputRefused(Refusal.TOO_COSTLY, "reading gave more than its limit of output")
    return InputRefused(Refusal.CORRUPT, "the reader ended without an answer")
