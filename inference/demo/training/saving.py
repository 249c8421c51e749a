"""How a checkpoint is kept small: half the digits on disk, the full ones in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.demo import MARK


def save(model: Any, processor: Any, folder: Path) -> None:
    """Save weights as 16-bit floats that load as 32-bit ones, and the processor beside them.

    The configuration names float32, which is what transformers loads into, and marks a demonstration.
    """
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**_in_float32(config), MARK: True}, indent=2) + "\n", encoding="utf-8")


def _in_float32(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration, and those within it, with float32 as the type to load."""
    return {
        key: "float32"
        if key in {"dtype", "torch_dtype"}
        else _in_float32(value)
        if isinstance(value, dict)
        else value
        for key, value in config.items()
    }


def size(folder: Path) -> int:
    """Bytes of a checkpoint."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
