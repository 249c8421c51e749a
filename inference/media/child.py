"""The process that parses foreign bytes: `python -I -m inference.media.child parse|exec|stream`.

It binds itself before it looks at them, so that nothing that a parser can be led to do outlasts it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from inference.errors import InputRefused, Refusal

#: Job -> module and function, called as function(content, **arguments).
JOBS: Mapping[str, str] = {
    "pdf": "inference.media.pdf_parser:parse",
    "pdf-render": "inference.media.pdf_render:render",
    "overlay": "inference.media.pdf_render:overlay",
    "image": "inference.media.image_parser:parse",
    "dicom": "inference.media.dicom.parser:parse",
}
#: Extra of the distribution that brings the libraries of a job, where it is another than `documents`.
_EXTRAS: Mapping[str, str] = {"dicom": "imaging"}
#: Job -> module and function, called as function(file, **arguments): it yields facts (dict) and bytes.
STREAMS: Mapping[str, str] = {"audio": "inference.media.audio_parser:parse"}

#: Events of sys.addaudithook that no parser has a reason to cause. Loading code of libraries is not among
#: them.
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.system",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.kill",
    "shutil.",
    "ftplib.",
    "urllib.",
    "http.",
    "webbrowser.",
    "winreg.",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    """The command line; written for `inference.media.sandbox` alone."""
    if sys.argv[1] == "exec":
        _bind(json.loads(sys.argv[2]))
        os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606
    if sys.argv[1] == "stream":
        header = json.loads(sys.argv[2])
        _bind(header["limits"])
        _stream(header["job"], sys.stdin.buffer, header["arguments"])
        return
    source = sys.stdin.buffer
    header = json.loads(source.readline())
    _bind(header["limits"])
    answer = _answer(header["job"], source, header["arguments"])
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _answer(job: str, source: BinaryIO, arguments: Mapping[str, Any]) -> dict[str, Any]:
    def whole(function: Callable[..., Any]) -> Any:
        return function(source.read(), **arguments)

    return _guarded(JOBS[job], whole, extra=_EXTRAS.get(job, "documents"))


def _stream(job: str, source: BinaryIO, arguments: Mapping[str, Any]) -> None:
    """Write what a job yields, each piece with its kind and length; the last one says how it ended."""

    def pieces(function: Callable[..., Any]) -> None:
        for piece in function(source, **arguments):
            if isinstance(piece, bytes):
                _write(b"P", piece)
            else:
                _write(b"J", json.dumps(piece).encode())

    _write(b"E", json.dumps(_guarded(STREAMS[job], pieces, extra="audio")).encode())


def _write(kind: bytes, payload: bytes) -> None:
    sys.stdout.buffer.write(kind + len(payload).to_bytes(4, "little") + payload)
    sys.stdout.buffer.flush()


def _guarded(
    where: str, work: Callable[[Callable[..., Any]], Any], *, extra: str = "documents"
) -> dict[str, Any]:
    module, _, name = where.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        return {"missing": f"the library {error.name} is not installed: pip install 'wardwire[{extra}]'"}
    sys.addaudithook(_forbid)
    try:
        return {"result": work(function)}
    except InputRefused as refusal:
        return {"refused": refusal.reason.value, "text": str(refusal)}
    except MemoryError:
        return {"refused": Refusal.TOO_COSTLY.value, "text": "reading needs more memory than its limit"}
    except RecursionError:
        return {"refused": Refusal.CORRUPT.value, "text": "the structure is nested without end"}


def _bind(limits: Mapping[str, Any]) -> None:
    seconds = max(1, int(limits["seconds"]))
    for kind, value in (
        (resource.RLIMIT_AS, int(limits["memory_bytes"])),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),  # pipes are not files: the answer passes
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(kind, (value, value))
    sys.dont_write_bytecode = True


def _forbid(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise PermissionError("a parser of foreign bytes may not do that")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise PermissionError("a parser of foreign bytes writes no file")


if __name__ == "__main__":
    main()
