"""Wardwire in real processes, for clients and servers that we did not write."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.system.test_kills import Roles

#: What provides the Node clients; `.ci/run` does.
COMMAND = (
    "npm install --prefix PEERS simple-hl7@3.3.0 node-hl7-client@3.2.0 @medplum/core@4.5.2 @medplum/hl7@4.5.2"
    " && export WARDWIRE_TEST_NODE_MODULES=PEERS/node_modules"
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "peers: talks with clients and servers that we did not write")


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder of the Node clients."""
    folder = Path(os.environ.get("WARDWIRE_TEST_NODE_MODULES", "no such folder"))
    if shutil.which("node") is None:
        pytest.skip("node is not here: apt-get install nodejs npm")
    if not (folder / "simple-hl7").is_dir():
        pytest.skip(f"Node clients are not here: {COMMAND}")
    return folder


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory):
    """A listener and a worker."""
    installation = Roles(tmp_path_factory.mktemp("wardwire"))
    installation.start("mllp")
    installation.start("work")
    yield installation
    for process in installation.running:
        process.kill()
        process.wait()
