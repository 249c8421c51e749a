"""Memory and time of a message that carries a document of 20 MB: what a conversion holds at its peak."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).parent / "converters" / "with_wardwire.py"
_MEBIBYTE = 2**20
_HEAD = (
    b"MSH|^~\\&|RIS|HOSP|W|X|20261122083000+0100||ORU^R01|D1|P|2.5.1\r"
    b"PID|1||B1^^^HOSP^MR||Bench^Patient\rOBR|1|P1|F1|18748-4^Report^LN" + b"|" * 18
    + b"20261122082500+0100||RAD|F\rOBX|1|ED|PDF^Report^L||^Application^PDF^Base64^"
)  # fmt: skip


def message(size: int) -> bytes:
    """A result with a PDF of so many bytes, which no compressor of memory could shorten."""
    return _HEAD + base64.b64encode(b"%PDF-1.7\n" + os.urandom(size)) + b"||||||F\r"


def run(folder: Path, *, mebibytes: int = 20) -> dict[str, Any]:
    """Measure; print; return the figures."""
    empty, full = folder / "small", folder / "large"
    # The first twenty messages of a file are for warming up.
    empty.write_bytes(b"\x1c".join([message(100)] * 21))
    full.write_bytes(b"\x1c".join([*[message(100)] * 20, message(mebibytes * _MEBIBYTE)]))
    base, _ = _peak(empty)
    peak, seconds = _peak(full)
    result = {
        "document_mib": mebibytes,
        "message_mib": round(full.stat().st_size / _MEBIBYTE, 1),
        "without_mib": round(base, 1),
        "peak_mib": round(peak, 1),
        "seconds": round(seconds, 2),
    }
    print(
        f"\nConversion of a message with a document of {mebibytes} MiB ({result['message_mib']} MiB as sent)"
    )
    print(
        f"peak {peak:.0f} MiB, of which {base:.0f} without it: {(peak - base) / mebibytes:.1f} times the document; "
        f"{seconds:.2f} s"
    )
    return result


def _peak(file: Path) -> tuple[float, float]:
    """Peak RSS of a process that converts, and what its last message took."""
    program = "import resource, runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__');"
    program += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    path = os.pathsep.join([str(Path.cwd()), str(_SCRIPT.parent)])
    done = subprocess.run(
        [sys.executable, "-c", program, str(_SCRIPT), str(file)],
        check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    report, peak = done.stdout.splitlines()[-2:]
    return int(peak) / 1024, json.loads(report)["seconds"][-1]
