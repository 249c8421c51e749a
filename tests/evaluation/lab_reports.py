"""`python -m tests.evaluation.lab_reports`: precision and recall of lab extraction by layout, against the truth.

A value is right when name, digits, comparator, unit, page and date are those that were drawn. Precision counts all
values that were written; recall all results that were drawn, cancelled ones with their missing value included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from inference.media import ocr, pdf
from inference.tasks import lab_report
from mappers.domain.channels import Channel
from mappers.domain.coding import LOINC
from mappers.domain.extraction import Extracted
from mappers.domain.results import Quantity
from mappers.hl7v2.units import ucum_code
from tests.support.lab_pdfs import HELD_APART, LAYOUTS, Sheet, Truth, sheet

TERMS = lab_report.Terms(ucum=partial(ucum_code, channel=Channel("evaluation")))


@dataclass
class Score:
    """Counts of one layout."""

    layout: str
    drawn: int = 0
    written: int = 0
    right: int = 0
    coded: int = 0
    codes_right: int = 0
    flags: int = 0
    flags_right: int = 0
    unread: int = 0
    pages: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right / self.written if self.written else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.drawn if self.drawn else 1.0

    def line(self) -> str:
        return (
            f"{self.layout:24} {self.drawn:6} {self.written:7} {self.right:6} {self.precision:9.2%} {self.recall:8.2%}"
            f" {self.codes_right:5}/{self.coded:<5} {self.flags_right:4}/{self.flags:<4} {self.unread:6}"
        )


HEAD = f"{'layout':24} {'drawn':>6} {'written':>7} {'right':>6} {'precision':>9} {'recall':>8} {'codes':>8} {'flags':>9} {'unread':>6}"


def _fact(row: Extracted, *, dated: bool) -> tuple[object, ...]:
    value = row.value
    number = value.value if isinstance(value, Quantity) else (row.printed if value is not None else None)
    comparator = value.comparator if isinstance(value, Quantity) else None
    date = row.effective_printed if dated else None
    return (row.name, number, comparator, row.unit if number is not None else None, row.spans[0].page, date)


def _expected(truth: Truth) -> tuple[object, ...]:
    return (truth.name, truth.value, truth.comparator, truth.unit, truth.page, truth.date)


def score(drawn: Sheet, rows: Iterable[Extracted], into: Score, *, unread: int = 0) -> None:
    """Count one report."""
    left = list(drawn.truth)
    dated = any(truth.date for truth in left)
    into.drawn += len(left)
    into.unread += unread
    into.pages += drawn.pages
    for row in rows:
        if not row.confirmed:
            continue
        into.written += 1
        fact = _fact(row, dated=dated)
        match = next((truth for truth in left if _expected(truth) == fact), None)
        if match is None:
            into.wrong.append(f"{drawn.layout}/{drawn.seed}: written and not drawn so: {fact}")
            continue
        left.remove(match)
        into.right += 1
        _count_code(match, row, into, drawn)
        if match.flag:
            into.flags += 1
            into.flags_right += (row.flag or "").strip("()") == match.flag
    into.wrong += [
        f"{drawn.layout}/{drawn.seed}: drawn and not written: {_expected(truth)}" for truth in left
    ]


def _count_code(match: Truth, row: Extracted, into: Score, drawn: Sheet) -> None:
    if match.loinc is None:
        return
    into.coded += 1
    found = row.code.code_in(LOINC) or ""
    into.codes_right += found == match.loinc
    if found != match.loinc:
        into.wrong.append(f"{drawn.layout}/{drawn.seed}: {match.name}: code {found!r}, not {match.loinc!r}")


def evaluate(layout: str, seeds: Iterable[int], *, scanned: bool = False) -> Score:
    """Draw and read reports of one layout; scanned ones are pictures without a text layer."""
    total = Score(layout)
    for seed in seeds:
        drawn = sheet(layout, seed)
        content = drawn.content
        if scanned:
            content = pdf.render(content, [1], dpi=ocr.DPI, grey=True)[0].png
            drawn.truth = [truth for truth in drawn.truth if truth.page == 1]
        report = lab_report.read(lab_report.document_of(content), terms=TERMS)
        score(drawn, report.rows, total, unread=len(report.unread))
    return total


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.evaluation.lab_reports", description=__doc__)
    parser.add_argument("layouts", nargs="*", help="all but those held apart where none is named")
    parser.add_argument("--seeds", type=int, default=10, help="reports of each layout (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="the layouts held apart as well")
    parser.add_argument("--scanned", action="store_true", help="read pictures of the pages by OCR")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--wrong", action="store_true", help="list every difference")
    chosen = parser.parse_args()
    names = chosen.layouts or [name for name in LAYOUTS if chosen.all or name not in HELD_APART]
    print(HEAD)
    scores = []
    for name in names:
        scores.append(
            evaluate(name, range(chosen.first, chosen.first + chosen.seeds), scanned=chosen.scanned)
        )
        print(scores[-1].line(), "(held apart)" if name in HELD_APART else "", flush=True)
        if chosen.wrong:
            print(*(f"    {text}" for text in scores[-1].wrong), sep="\n")
    whole = Score("all")
    for one in scores:
        for count in (
            "drawn",
            "written",
            "right",
            "coded",
            "codes_right",
            "flags",
            "flags_right",
            "unread",
            "pages",
        ):
            setattr(whole, count, getattr(whole, count) + getattr(one, count))
    print(whole.line())
    if chosen.json:
        rows = [
            {"layout": s.layout, "drawn": s.drawn, "precision": s.precision, "recall": s.recall}
            for s in [*scores, whole]
        ]
        chosen.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
