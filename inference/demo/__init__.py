"""The demonstration checkpoints: tiny models of the real classes, from synthetic speech and drawn pictures.

They show how the road runs from a PACS or a microphone to a draft, on a machine without weights. They are no
medical models. A mark in their configuration says so wherever they are copied; the settings load them only
with `demo = true`, and whatever they say is labelled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

#: Names of models in the settings that have a demonstration checkpoint.
NAMES: Final = ("medasr", "medgemma", "medsiglip")
#: In the configuration of a checkpoint: true of a demonstration.
MARK: Final = "wardwire_demonstration"
_HERE: Final = Path(__file__).parent


def folder(name: str) -> Path | None:
    """The demonstration checkpoint for a model's name in the settings; None where there is none."""
    return _HERE / name if name in NAMES and (_HERE / name / "config.json").is_file() else None


def is_demonstration(model: str) -> bool:
    """Whether a model's id or folder is a demonstration checkpoint; an id on a hub is none."""
    try:
        config = json.loads((Path(model) / "config.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get(MARK) is True


def name_of(model: str) -> str:
    """What a model is called in a draft: demonstrations by a name of ours, not by where they lie here."""
    return f"wardwire-demonstration/{Path(model).name}" if is_demonstration(model) else model
