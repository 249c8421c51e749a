"""The process environment beyond the settings themselves: what children inherit, where metrics are shared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_METRICS = "PROMETHEUS_MULTIPROC_DIR"


def as_environment(settings: Mapping[str, Any], prefix: str = "WARDWIRE") -> dict[str, str]:
    """Nested settings as environment variables."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        name = f"{prefix}_{key.upper()}" if prefix == "WARDWIRE" else f"{prefix}__{key.upper()}"
        if isinstance(value, Mapping):
            flat.update(as_environment(value, name))
        else:
            flat[name] = str(value)
    return flat


def environment_of_child(settings: Mapping[str, Any]) -> dict[str, str]:
    """This process's environment with these Wardwire settings in place of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("WARDWIRE_")}
    return {**own, **as_environment(settings)}


def metrics_folder() -> Path | None:
    """Where processes share their metrics, if they do."""
    folder = os.environ.get(_METRICS)
    return Path(folder) if folder else None


def share_metrics(folder: Path) -> None:
    """Let processes count together in an emptied folder, unless a parent named one already.

    To be called before prometheus_client is imported: it looks at the variable then, and never again.
    """
    if metrics_folder() is None:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.db"):
            file.unlink()
        os.environ[_METRICS] = str(folder)
