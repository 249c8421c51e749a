"""Foreign bytes whose reading is too long to hold: the child's answer is taken piece by piece.

The child is bound as `inference.media.sandbox` says, and gets its input as a file that it may read twice.
It waits while its reader is slow, so that wall time says nothing: what is bounded is its processor time, and
how long it may be silent. Knows nothing of what is parsed.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from inference.errors import InputRefused, ReaderMissing, Refusal
from inference.media.sandbox import ENVIRONMENT, Limits, exceeded

#: Bytes, or a file that is too large to be loaded.
Source = bytes | Path

_HEAD = 5
_READ = 1 << 16


def head(source: Source, size: int) -> bytes:
    """The first bytes."""
    if isinstance(source, bytes):
        return source[:size]
    with source.open("rb") as file:
        return file.read(size)


def size(source: Source) -> int:
    """How many bytes there are."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def call(
    job: str, source: Source, *, arguments: Mapping[str, Any], limits: Limits
) -> Iterator[bytes | dict[str, Any]]:
    """What one of the child's streaming jobs yields over `source`.

    Args:
        job: a name in `inference.media.child.STREAMS`.
        source: the foreign bytes.
        arguments: keyword arguments of the job; JSON values.
        limits: what the child may use; `seconds` bound its processor time and its silence.

    Raises:
        InputRefused: the job refused the bytes, or a limit was reached.
        ReaderMissing: the job's library is not installed.
    """
    header = json.dumps({"job": job, "arguments": dict(arguments), "limits": asdict(limits)})
    with _child(["stream", header], source) as (process, stdout):
        while True:
            start = _exactly(stdout, _HEAD, limits)
            if len(start) < _HEAD:
                raise exceeded(process.wait())
            length = int.from_bytes(start[1:], "little")
            if length > limits.output_bytes:
                raise InputRefused(Refusal.TOO_COSTLY, "reading gave more than its limit of output")
            payload = _exactly(stdout, length, limits)
            if len(payload) < length:
                raise exceeded(process.wait())
            if start[:1] == b"P":
                yield payload
                continue
            answer = json.loads(payload)
            if start[:1] == b"E":
                _ended(answer)
                return
            yield answer


def program(command: Sequence[str], source: Source, *, limits: Limits) -> Iterator[bytes]:
    """What a program prints over `source`, as it prints it.

    Raises:
        InputRefused: it failed or reached a limit; what it had printed before was handed out.
    """
    with _child(["exec", json.dumps(asdict(limits)), *command], source) as (process, stdout):
        while piece := _read(stdout, _READ, limits):
            yield piece
        code = process.wait()
        if code != 0:
            raise exceeded(code)


def _ended(answer: Mapping[str, Any]) -> None:
    if "missing" in answer:
        raise ReaderMissing(answer["missing"])
    if "refused" in answer:
        raise InputRefused(Refusal(answer["refused"]), answer["text"])


@contextmanager
def _child(arguments: Sequence[str], source: Source) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with _file(source) as file:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-m", "inference.media.child", *arguments],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        yield process, process.stdout.fileno()
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


@contextmanager
def _file(source: Source) -> Iterator[IO[bytes]]:
    """A file to read from the start. Bytes stay in memory: what patients said is on no disk unencrypted."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
        return
    with os.fdopen(os.memfd_create("input"), "w+b") as file:
        file.write(source)
        file.flush()
        file.seek(0)
        yield file


def _exactly(stdout: int, length: int, limits: Limits) -> bytes:
    pieces = bytearray()
    while len(pieces) < length and (piece := _read(stdout, length - len(pieces), limits)):
        pieces += piece
    return bytes(pieces)


def _read(stdout: int, most: int, limits: Limits) -> bytes:
    ready, _, _ = select.select([stdout], [], [], limits.seconds)
    if not ready:
        raise InputRefused(Refusal.TOO_COSTLY, "reading took longer than its time limit")
    return os.read(stdout, most)
