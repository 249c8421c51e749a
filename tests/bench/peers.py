"""Other people's programs, each in a virtual environment of its own, installed when first asked for.

They are run as processes and compared with, never imported here: their licences and their dependencies stay
theirs. What cannot be installed is left out of the comparison, and the report says so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

MESSAGEFOUNDRY = "messagefoundry==0.2.1"
V2FHIR = "hl7v2-fhir-bridge==0.1.0"
BRIGHTOHIR = "brightohir==2.1.2"
#: Kept between runs; a new version is a new folder.
FOLDER = Path(tempfile.gettempdir()) / "wardwire-bench-peers"


def interpreter(requirement: str) -> Path | None:
    """The Python of an environment that has the requirement; None where it cannot be installed."""
    home = FOLDER / requirement.replace("==", "-")
    python = home / "bin" / "python"
    if (home / "ready").exists():
        return python
    print(f"installing {requirement} into {home}", file=sys.stderr)
    try:
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement)
    except (OSError, subprocess.SubprocessError):
        print(f"{requirement} cannot be installed here; it is left out", file=sys.stderr)
        return None
    (home / "ready").touch()
    return python


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
