"""Every fixture has a row that says who made it and what it proves."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import NamedTuple

from tests.house.tree import ROOT

FOLDER = ROOT / "fixtures"


class Row(NamedTuple):
    """One line of the provenance table; `file` is a pattern relative to fixtures/."""

    file: str
    made_by: str
    standard: str
    proves: str


def rows() -> list[Row]:
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [Row(row[0].strip("`"), *row[1:]) for row in cells[2:]]


def fixtures() -> list[str]:
    return [
        path.relative_to(FOLDER).as_posix()
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file() and path != FOLDER / "README.md"
    ]


def test_every_fixture_has_one_row() -> None:
    """No file without provenance, and none with two."""
    matches = {name: [row.file for row in rows() if fnmatch(name, row.file)] for name in fixtures()}

    assert {} == {name: found for name, found in matches.items() if len(found) != 1}


def test_every_row_has_a_file() -> None:
    """The table speaks of nothing that is not there, and leaves no cell empty."""
    names = fixtures()

    assert [] == [row.file for row in rows() if not any(fnmatch(name, row.file) for name in names)]
    assert [] == [row.file for row in rows() if not all(row)]


def test_hl7_files_end_their_segments_with_cr() -> None:
    """A fixture that git or an editor has touched is not what a sender sends."""
    # A file that is about other line ends says so in its name.
    touched = [
        name
        for name in fixtures()
        if name.endswith(".hl7")
        and not any(word in name for word in ("lf", "line-end", "line_end"))
        and b"\n" in (FOLDER / name).read_bytes()
    ]

    assert [] == touched
