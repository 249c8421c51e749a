"""Pages of lab reports a second, and memory, beside plain pdfplumber on the same files in the same run.

Two loads: reports of a page or three, where a process for each file is most of the price, and one report of twenty
pages. pdfplumber gives the cells of each page's largest table; Wardwire gives results with codes and places, and has
looked whether every word can be seen.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.lab_pdfs import Paper, Sheet, _grid, draw, sheet

LAYOUTS = ("ruled", "tight_cells", "column_lines", "with_previous", "several_pages")
LONG = 20

#: Each reader in a process of its own, so that its memory is its own; `self` and its largest child.
READER = """
import json, resource, sys, time
from pathlib import Path
start = time.perf_counter()
pages = found = 0
{body}
usage = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({{"seconds": time.perf_counter() - start, "pages": pages, "found": found, "mib": sum(usage)}}))
"""
BODIES = {
    "pdfplumber": """
import pdfplumber
for name in sys.argv[1:]:
    with pdfplumber.open(name) as document:
        for page in document.pages:
            pages += 1
            found += sum(len(row) for row in page.extract_table() or [])
""",
    "wardwire": """
from functools import partial
from inference.tasks import lab_report
from mappers.domain.channels import Channel
from mappers.hl7v2.units import ucum_code
terms = lab_report.Terms(ucum=partial(ucum_code, channel=Channel("bench")))
for name in sys.argv[1:]:
    report = lab_report.read(lab_report.document_of(Path(name).read_bytes()), terms=terms)
    pages += report.pages_total
    found += len(report.rows)
""",
}


def run(folder: Path, *, rounds: int) -> dict[str, Any]:
    """Both readers over the same files, in turn."""
    loads = {"short reports": _short(folder), f"one report of {LONG} pages": [_long(folder)]}
    figures: dict[str, Any] = {}
    for load, files in loads.items():
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in BODIES}
        for _ in range(rounds):
            for name in BODIES:
                runs[name].append(_read(name, files))
        figures[load] = {name: _middle(some) for name, some in runs.items()}
        print(f"labs, {load} ({len(files)} files)")
        for name, one in figures[load].items():
            print(f"  {name:12} {one['pages_per_second']:6.1f} pages/s {one['mib']:6.0f} MiB")
    return figures


def _short(folder: Path) -> list[Path]:
    files = []
    for layout in LAYOUTS:
        for seed in range(4):
            files.append(folder / f"{layout}-{seed}.pdf")
            files[-1].write_bytes(sheet(layout, seed).content)
    return files


def _long(folder: Path) -> Path:
    paper, rng = Paper(), random.Random("long")
    for number in range(LONG):
        if number:
            paper.next()
        paper.letterhead(rng)
        rows = [["Test", "Result", "Flag", "Units", "Reference Range"]]
        rows += [[d.test.name, d.value, d.flag, d.test.unit, d.range] for d in draw(rng, 20)]
        _grid(paper, [50, 200, 270, 320, 400, 520], 130, rows)
    file = folder / "long.pdf"
    file.write_bytes(paper.done(Sheet("long", 0)).content)
    return file


def _read(name: str, files: list[Path]) -> dict[str, float]:
    code = READER.format(body=BODIES[name])
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, files)], capture_output=True, text=True, check=True
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _middle(runs: list[dict[str, float]]) -> dict[str, float]:
    middle = {key: statistics.median(one[key] for one in runs) for key in runs[0]}
    return {**middle, "pages_per_second": middle["pages"] / middle["seconds"]}
