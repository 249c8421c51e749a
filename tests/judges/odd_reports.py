"""Transactions of a plain report and of reports as odd as the domain allows, the same at every run."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings

from mappers.domain.results import LabReport
from mappers.fhir import r4, result_bundle
from tests.mappers.fhir import samples, strategies

_COUNT = 60


def write_odd_reports(folder: Path) -> None:
    """Write one Bundle a file into `folder`."""
    written: list[bytes] = []

    def keep(report: LabReport) -> None:
        bundle = result_bundle.write(report, software=samples.SOFTWARE, recorded=samples.RECORDED)
        written.append(r4.encode(bundle.bundle()))

    generated = settings(
        max_examples=_COUNT,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(given(strategies.lab_reports)(keep))
    keep(samples.LAB_REPORT)
    generated()
    for number, raw in enumerate(written):
        (folder / f"odd-{number:03}.json").write_bytes(raw)
