"""What a model judged: invariants that keep kinds of facts apart."""

from __future__ import annotations

import pytest

from mappers.domain.coding import Concept
from mappers.domain.findings import (
    AudioInterval,
    Finding,
    ImageRegion,
    JudgedReport,
    Presence,
    Section,
    Sentence,
    TextQuote,
)

IMAGING = Concept(text="imaging")


@pytest.mark.parametrize("box", [(5, 0, 5, 9), (0, 9, 9, 3), (-1, 0, 5, 5), (0, 0, 11, 5)])
def test_a_region_lies_inside_its_picture(box) -> None:
    """A box that is empty, upside down or outside is no region."""
    with pytest.raises(ValueError, match="inside its picture"):
        ImageRegion(sha256="ab", box=box, columns=10, rows=10)


def test_a_quote_is_as_long_as_its_range() -> None:
    """A range that cannot hold the words is refused."""
    with pytest.raises(ValueError, match="as long as its range"):
        TextQuote(sha256="ab", start=3, end=5, quote="three")


def test_an_interval_begins_before_it_ends() -> None:
    """Time runs forward."""
    with pytest.raises(ValueError, match="begins before"):
        AudioInterval(sha256="ab", start=2.0, end=1.0, quote="no")


def test_what_was_not_read_says_nothing() -> None:
    """A reason why nothing was read stands alone."""
    section = Section(key="findings", title="Findings", sentences=(Sentence(text="Clear."),))
    with pytest.raises(ValueError, match="says nothing"):
        JudgedReport(
            task="radiograph@1", title="t", code=IMAGING, category=(), sources=(), coverage="",
            sections=(section,), not_read="no model",
        )  # fmt: skip


def test_a_finding_needs_a_run() -> None:
    """Nobody but a model makes a finding."""
    finding = Finding(name="effusion", presence=Presence.ABSENT, code=Concept(text="effusion"))
    with pytest.raises(ValueError, match="judged by a model"):
        JudgedReport(
            task="radiograph@1", title="t", code=IMAGING, category=(), sources=(), coverage="",
            findings=(finding,),
        )  # fmt: skip
