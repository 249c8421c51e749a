"""A folder of recordings and a manifest, `manifest.csv` or `.jsonl`, with `audio` and `text` of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inference.errors import InputRefused, Refusal

_NAMES: Final = ("manifest.csv", "manifest.jsonl")


@dataclass(frozen=True, slots=True)
class SpokenCase:
    """A recording and what was said.

    Attributes:
        name: of its file, as the manifest has it.
    """

    name: str
    audio: Path
    text: str


def spoken(folder: Path) -> tuple[SpokenCase, ...]:
    """The cases of a folder, in the order of its manifest.

    Raises:
        InputRefused: no manifest, a row without `audio` or `text`, or a file that is not inside the folder.
    """
    path = next((folder / name for name in _NAMES if (folder / name).is_file()), None)
    if path is None:
        raise InputRefused(Refusal.UNSUPPORTED, f"the dataset has neither {' nor '.join(_NAMES)}")
    try:
        cases = tuple(_case(folder, row, at) for at, row in enumerate(_rows(path), 1))
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error):
        raise InputRefused(Refusal.CORRUPT, f"{path.name} cannot be read") from None
    if not cases:
        raise InputRefused(Refusal.UNSUPPORTED, f"{path.name} names no case")
    return cases


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            yield from csv.DictReader(file)
            return
        for line in file:
            if line.strip():
                row = json.loads(line)
                yield row if isinstance(row, dict) else {}


def _case(folder: Path, row: Mapping[str, Any], at: int) -> SpokenCase:
    name, text = row.get("audio"), row.get("text")
    if not isinstance(name, str) or not name or not isinstance(text, str):
        raise InputRefused(Refusal.UNSUPPORTED, f"row {at} of the manifest needs audio and text")
    audio = (folder / name).resolve()
    if not audio.is_relative_to(folder.resolve()) or not audio.is_file():
        raise InputRefused(Refusal.UNSUPPORTED, f"row {at} of the manifest names no file of the dataset")
    return SpokenCase(name, audio, text)
