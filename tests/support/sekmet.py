"""A real FHIR server that is not ours: sekmet-fhir, in an environment and processes of its own.

Its environment is made on demand below the folder that WARDWIRE_TEST_VENVS names; without it the tests of real
servers are skipped, and say how they are run.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import program
from tests.support.serving import free_port, wait_for

REQUIREMENT = "sekmet-fhir==0.1.1"
SKIP = pytest.mark.skipif(
    not os.environ.get("WARDWIRE_TEST_VENVS"),
    reason="real FHIR servers: WARDWIRE_TEST_VENVS=~/.cache/wardwire-venvs make test",
)


class Sekmet:
    """A running server."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = {
            "base_url": self.base,
            "host": "127.0.0.1",
            "port": self.port,
            "data_dir": str(folder / "data"),
            "own_private_key_path": str(folder / "own.pem"),
            "simulator": {"enabled": False},
            "validation": {"inbound": "off"},
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """Its FHIR base."""
        return f"http://127.0.0.1:{self.port}/fhir"

    def start(self) -> Sekmet:
        """Start it; return when it answers."""
        file = self.folder / "settings.yaml"
        file.write_text(json.dumps(self.settings))  # JSON is YAML
        with (self.folder / "sekmet.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(program(REQUIREMENT, "sekmet")), "serve", "-c", str(file)],
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        what = f"sekmet to answer (see {self.folder / 'sekmet.log'})"
        wait_for(self._answers, seconds=120, what=what)  # a busy machine loads its libraries slowly
        return self

    def stop(self, *, kill: bool = False) -> None:
        """End it."""
        assert self.process is not None
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(timeout=30)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "sekmet.log").read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"{self.base}/metadata", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def sekmet(folder: Path, **settings: Any) -> Iterator[Sekmet]:
    """A running server that is ended with the block."""
    running = Sekmet(folder, **settings)
    try:
        yield running.start()
    finally:
        if running.process is not None:
            running.stop()
