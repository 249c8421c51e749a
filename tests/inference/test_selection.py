"""Which task reads what: the whole table."""

from __future__ import annotations

import pytest

from inference.selection import Evidence, task_for


@pytest.mark.parametrize(
    ("evidence", "task"),
    [
        (Evidence("application/pdf"), "lab_report"),
        (Evidence("application/pdf", report="LAB"), "lab_report"),
        (Evidence("application/pdf", report="RAD"), None),
        (Evidence("image/png", report="CH"), "lab_report"),
        (Evidence("image/png"), None),
        (Evidence("text/plain", report="HM"), "lab_report"),
        (Evidence("application/pdf", report="LAB", modality="CR"), None),
        (Evidence("application/octet-stream", report="LAB"), None),
    ],
)
def test_the_task_follows_from_the_evidence(evidence: Evidence, task: str | None) -> None:
    """A laboratory's document is a lab report; a picture of anything is not."""
    assert task == task_for(evidence)
