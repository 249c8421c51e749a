"""Orthanc, a PACS that is not ours, in a network namespace of its own: it cannot bind to loopback alone.

`story` runs a script of this project inside such a namespace; the script starts Orthanc with `running`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import wait_for

PROGRAM = Path(shutil.which("Orthanc") or "/usr/sbin/Orthanc")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
HTTP, DICOM = 8042, 4242
#: Of processes too: whatever a story started ends with it.
OWN = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
DICOMWEB = f"http://127.0.0.1:{HTTP}/dicom-web"


def _missing() -> str:
    if not (PROGRAM.exists() and PLUGIN.exists()):
        return "Orthanc: apt-get install -y --no-install-recommends orthanc orthanc-dicomweb"
    own = subprocess.run([*OWN, "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    return "" if own.returncode == 0 else "a network namespace of its own: run as root, with iproute2"


REASON = _missing()
SKIP = pytest.mark.skipif(bool(REASON), reason=f"needs {REASON}")


def story(module: str, folder: Path) -> Any:
    """What a script prints as JSON, run as `python -m module folder` where only loopback is there."""
    inside = f"ip link set lo up && exec {sys.executable} -m {module} {folder}"
    done = subprocess.run(
        [*OWN, "sh", "-c", inside],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise AssertionError(f"{module} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Orthanc with DICOMweb and DIMSE, empty."""
    settings = {
        "Name": "TestPACS",
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "Plugins": [str(PLUGIN)],
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "HttpPort": HTTP,
        "DicomPort": DICOM,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "StableAge": 1,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Host": "127.0.0.1", "Ssl": False},
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("ab") as log:
        process = subprocess.Popen([str(PROGRAM), str(file)], stdout=log, stderr=log)
    try:
        wait_for(_answers, what=f"Orthanc (see {folder / 'orthanc.log'})")
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/system", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
