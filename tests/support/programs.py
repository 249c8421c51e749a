"""Programs that are not ours, each in an environment of its own; run as processes, never imported.

Environments are made on demand below the folder that WARDWIRE_TEST_VENVS names; without it the tests that
need them are skipped, and say how they are run.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import venv
from pathlib import Path

import pytest

SKIP = pytest.mark.skipif(
    not os.environ.get("WARDWIRE_TEST_VENVS"),
    reason="other people's programs: WARDWIRE_TEST_VENVS=~/.cache/wardwire-venvs make test",
)


def program(requirement: str, command: str, *, also: tuple[str, ...] = ()) -> Path:
    """A command of a package, installed when first asked for, with others; one process at a time installs."""
    folder = Path(os.environ["WARDWIRE_TEST_VENVS"]).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / requirement.replace("==", "-")
    with (folder / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "installed").exists():
            venv.create(home, with_pip=True, clear=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "-qq", "--disable-pip-version-check"]
            subprocess.run([*pip, "install", requirement, *also], check=True)
            (home / "installed").touch()
    return home / "bin" / command
