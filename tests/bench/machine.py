"""What the figures were measured on: without it they mean nothing."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import psutil


def stamp(folder: Path) -> dict[str, object]:
    """The machine, its software and how long its disk takes to sync."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": _cpu(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "uvloop": version("uvloop"),
        "file_system": _file_system(folder),
        "fsync_ms": _fsync_ms(folder),
        "load_before": round(os.getloadavg()[0], 2),
    }


def sentence(found: dict[str, object]) -> str:
    """The stamp in words."""
    return (
        f"{found['cores']} cores of {found['cpu']}, {found['memory_gib']} GiB, {found['system']}, "
        f"{found['file_system']} (fsync {found['fsync_ms']} ms), Python {found['python']}, "
        f"SQLite {found['sqlite']}, uvloop {found['uvloop']}; load before {found['load_before']}; {found['at']}"
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    mounts = [each for each in psutil.disk_partitions(all=True) if folder.is_relative_to(each.mountpoint)]
    return max(mounts, key=lambda each: len(each.mountpoint)).fstype if mounts else "unknown"


def _fsync_ms(folder: Path, samples: int = 200) -> float:
    """Median time to append 4 KiB and have them on the disk."""
    file = folder / "fsync-probe"
    times = []
    with file.open("wb", buffering=0) as probe:
        for _ in range(samples):
            begun = time.perf_counter()
            probe.write(b"\0" * 4096)
            os.fsync(probe.fileno())
            times.append(time.perf_counter() - begun)
    file.unlink()
    return round(statistics.median(times) * 1e3, 3)
