"""Who may import whom: the floors, and one door for each foreign library."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.house.tree import ROOT, imported, sources

#: Foreign package -> the rooms that may import it, beside `integration/wiring`, which hands it from one to another.
DOORS = {
    "hl7apy": ("mappers/hl7v2/er7",),
    "fhir": ("mappers/fhir/r4",),
    "ucumvert": ("mappers",),
    "sqlmodel": ("integration/store",),
    "sqlalchemy": ("integration/store", "integration/engine"),
    "alembic": ("integration/store",),
    "dbos": ("integration/engine",),
    "flask": ("integration/web", "integration/transports", "integration/cli/demo_hospital"),
    "gunicorn": ("integration/web",),
    "httpx2": ("integration/clients", "integration/cli", "inference/backends/local/hub"),
    "pydantic_settings": ("integration/settings",),
    "prometheus_client": ("integration/telemetry", "integration/web"),
    "transformers": ("inference/backends/local", "inference/demo/training"),
    "torch": ("inference/backends/local", "inference/demo/training"),
    "pydicom": ("inference/media/dicom", "inference/media/audio_parser"),
}


LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def test_the_floors_hold() -> None:
    """Every contract of `[tool.importlinter]` is kept."""
    # In a process of its own: the linter rearranges logging and the import path.
    done = subprocess.run([sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library: str) -> None:
    """A foreign library is imported only in the room that hides it from the rest."""
    strangers = [
        source.path
        for source in sources()
        if not source.within(*DOORS[library], "integration/wiring")
        and any(name == library or name.startswith(f"{library}.") for name in imported(source))
    ]

    assert [] == strangers


def test_only_settings_read_the_environment() -> None:
    """`os.environ` and `os.getenv` occur in integration.settings, and where models get an environment of their own."""
    readers = {
        source.path
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv", "environb"}
        # A request's WSGI environment is another thing of the same name.
        and not (isinstance(node.value, ast.Name) and node.value.id == "request")
    }

    # The process of models inherits paths and devices, and is kept from Wardwire's secrets.
    allowed = ("integration/settings/", "inference/backends/local/process.py")

    assert [] == [path for path in sorted(readers) if not path.startswith(allowed)]
