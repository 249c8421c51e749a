"""The listener and the web server stay light: no model library on their import path."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.house.tree import ROOT

# The finder sees every attempt, so that the test can fail where the heavy libraries are not installed
# and where their absence is caught.
PROBE = """
import importlib, json, pkgutil, sys

HEAVY = {"torch", "transformers", "librosa", "numba", "scipy", "sklearn", "pydicom", "pdfplumber"}
wanted = []

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            wanted.append(name)
        return None

sys.meta_path.insert(0, Watch())
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        importlib.import_module(found.name)
print(json.dumps(wanted + sorted(HEAVY.intersection(sys.modules))))
"""


def _heavy(*modules: str) -> list[str]:
    """Heavy libraries that these modules, and all below them, load or ask for."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *modules], cwd=ROOT, capture_output=True, text=True, check=True
    )
    answer: list[str] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_the_listener_loads_no_model_library() -> None:
    """What `wardwire mllp` imports does without torch, librosa and document readers."""
    assert [] == _heavy(
        "integration.cli.roles",
        "integration.wiring.roles",
        "integration.wiring.doors",
        "integration.transports",
    )


def test_the_web_server_loads_no_model_library() -> None:
    """What `wardwire web` imports does without torch, librosa and document readers."""
    assert [] == _heavy(
        "integration.cli.roles", "integration.wiring.roles", "integration.wiring.webs", "integration.web"
    )


def test_the_probe_sees_an_attempt() -> None:
    """The probe notices a heavy library whether or not it is installed."""
    assert "pydicom" in _heavy("tests.house.heavy_import")
