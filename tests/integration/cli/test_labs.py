"""`wardwire labs` as its users see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from integration.cli.main import wardwire
from tests.support import hostile_pdfs as pages
from tests.support.lab_pdfs import sheet

#: The contract's keys of a row.
KEYS = {"name", "loinc", "value", "comparator", "unit", "ucum", "reference_range", "flag", "specimen", "page", "bbox",
        "method", "quote"}  # fmt: skip


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file of the developer's takes part."""
    monkeypatch.chdir(tmp_path)


def _labs(content: bytes, *arguments: str) -> Result:
    Path("report.pdf").write_bytes(content)
    return CliRunner().invoke(wardwire, ["labs", "report.pdf", *arguments])


def test_rows_are_json() -> None:
    """A list of objects with the contract's keys; numbers keep their digits as text."""
    done = _labs(pages.plain([("Potassium", "4.10", "mmol/L", "3.5-5.1")]))

    [row] = json.loads(done.stdout)
    assert KEYS <= set(row)
    assert ("Potassium", "2823-3", "4.10", "mmol/L", "mmol/L", "3.5-5.1", 1, "table", "4.10") == tuple(
        row[key]
        for key in ("name", "loinc", "value", "unit", "ucum", "reference_range", "page", "method", "quote")
    )
    assert 4 == len(row["bbox"])
    assert 0 == done.exit_code


def test_json_has_the_document_as_well() -> None:
    """Coverage, what is printed of patient and order, and what was left unread."""
    done = _labs(sheet("ruled", 0).content, "--json")

    told = json.loads(done.stdout)
    assert "page 1 of 1" == told["coverage"]
    assert 16 == len(told["rows"])
    assert {"patient-name", "collected", "accession"} <= {fact["kind"] for fact in told["printed"]}


def test_a_refusal_is_one_line() -> None:
    """Exit code 1, the reason, and no traceback."""
    done = _labs(pages.encrypted(user="secret"))

    assert (1, "") == (done.exit_code, done.stdout)
    assert "refused: the file opens only with a password" in done.stderr


def test_nothing_of_the_page_is_on_stderr() -> None:
    """Issues speak of places and reasons, not of patients."""
    done = _labs(pages.injection())

    assert "Potassium" in done.stdout
    assert not any(word in done.stderr for word in ("Potassium", "Sodium", "199", "4.1"))


def test_places_are_drawn() -> None:
    """A PNG of the page, with the frame of the value in its colour where the box says."""
    from PIL import Image

    done = _labs(pages.plain([pages.POTASSIUM]), "--draw", "places.png")

    [row] = json.loads(done.stdout)
    image = Image.open("places.png")
    scale = image.width / 595
    x0, top, x1, _ = row["bbox"]
    assert (0xD0, 0x02, 0x1B) == image.getpixel((round((x0 + x1) / 2 * scale), round(top * scale) - 2))
