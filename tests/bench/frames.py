"""Frames decoded and prepared a second, beside the plain recipe on the same files in the same run.

The plain recipe is the published one in the calling process: pydicom's pixels, the modality LUT, the whole range to 8
bits, Pillow's PNG. Wardwire does the same in a process of its own, with its checks, and hands the PNG over a pipe.
Two loads: one radiograph at a time, where starting that process is most of the price, and a study of several at once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydicom.uid import JPEG2000Lossless

from tests.support import dicom_files as files

#: A chest radiograph's size.
ROWS, COLUMNS = 2000, 1800
STUDY = 8

READER = """
import json, resource, sys, time
from pathlib import Path
contents = [Path(name).read_bytes() for name in sys.argv[1:]]
start = time.perf_counter()
frames = 0
{body}
usage = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({{"seconds": time.perf_counter() - start, "frames": frames, "mib": sum(usage)}}))
"""
PLAIN = """
import io
import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels import apply_modality_lut
for content in contents:
    dataset = pydicom.dcmread(io.BytesIO(content))
    values = apply_modality_lut(dataset.pixel_array, dataset)
    wide = np.interp(values, (values.min(), values.max()), (0, 65535)).astype(np.uint16)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        wide = 65535 - wide
    Image.fromarray((wide / 257).round().astype(np.uint8)).save(io.BytesIO(), "PNG", compress_level=1)
    frames += 1
"""
ONE_BY_ONE = """
from inference.media import dicom
for content in contents:
    frames += len(dicom.read(content).frames)
"""
TOGETHER = """
from inference.media import dicom
frames = sum(len(each.frames) for each in dicom.read_all(contents))
"""


def run(folder: Path, *, rounds: int) -> dict[str, Any]:
    """All readers over the same files, in turn."""
    figures: dict[str, Any] = {}
    for syntax in ("uncompressed", "JPEG 2000"):
        made = _files(folder, syntax)
        readers = {
            "plain recipe": PLAIN,
            "wardwire, one at a time": ONE_BY_ONE,
            "wardwire, a study": TOGETHER,
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in readers}
        for _ in range(rounds):
            for name, body in readers.items():
                runs[name].append(_read(body, made))
        figures[syntax] = {name: _middle(some) for name, some in runs.items()}
        print(f"frames, {len(made)} radiographs of {COLUMNS} x {ROWS}, 12 bits, {syntax}")
        for name, one in figures[syntax].items():
            print(f"  {name:24} {one['frames_per_second']:6.2f} frames/s {one['mib']:6.0f} MiB")
    return figures


def _files(folder: Path, syntax: str) -> list[Path]:
    made = []
    for number in range(STUDY):
        box = (200 + 50 * number, 300, 900, 1200)
        shown = files.dataset(files.phantom(ROWS, COLUMNS, box) + files.ramp(ROWS, COLUMNS, top=200))
        if syntax != "uncompressed":
            shown.compress(JPEG2000Lossless)
        made.append(folder / f"{syntax}-{number}.dcm".replace(" ", ""))
        made[-1].write_bytes(files.encode(shown))
    return made


def _read(body: str, made: list[Path]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", READER.format(body=body), *map(str, made)],
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _middle(runs: list[dict[str, float]]) -> dict[str, float]:
    middle = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
    return {**middle, "frames_per_second": middle["frames"] / middle["seconds"]}
