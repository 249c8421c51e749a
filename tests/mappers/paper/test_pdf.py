"""The sheet as PDF, read again by a reader that is not ours."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from dataclasses import replace

import pdfplumber
import pytest

from mappers.domain.sheet import Fact, Stage
from mappers.paper import pdf
from mappers.paper.fonts import Undrawable
from tests.house.tree import ROOT
from tests.mappers.paper.sheets import DRAFT, LONG, SIGNED, picture


def pages(sheet) -> list[str]:
    """The text of each page."""
    with pdfplumber.open(io.BytesIO(pdf.write(sheet))) as document:
        return [page.extract_text() for page in document.pages]


def test_the_same_sheet_gives_the_same_bytes():
    """In this process, and in another one."""
    code = (
        "import hashlib\nfrom mappers.paper import pdf\nfrom tests.mappers.paper.sheets import SIGNED\n"
        "print(hashlib.sha256(pdf.write(SIGNED)).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = pdf.write(SIGNED), pdf.write(SIGNED)
    assert first == second
    assert hashlib.sha256(first).hexdigest() == done.stdout.strip()


def test_every_page_says_what_it_is():
    """A page taken out of a draft is still a draft, of somebody, with a number."""
    texts = pages(LONG)
    assert len(texts) > 2
    for number, text in enumerate(texts, 1):
        assert "DRAFT - not reviewed, not signed" in text
        assert "artificial intelligence" in text
        assert "Rößler, Łucja" in text
        assert f"page {number} of {len(texts)}" in text


def test_a_withdrawn_report_says_so():
    """On every page."""
    assert all("WITHDRAWN - entered in error" in text for text in pages(replace(LONG, stage=Stage.WITHDRAWN)))


def test_a_signature_has_name_time_and_meaning():
    """21 CFR 11.50; nothing of a draft is left."""
    text = " ".join(pages(SIGNED))
    for said in ("Dr Ada Rossi", "2026-11-29 19:03:12 UTC", "reviewed and approved"):
        assert said in text
    assert "DRAFT" not in text


def test_digits_letters_and_markup_stay():
    """What looks like markup is text."""
    text = " ".join(pages(DRAFT))
    for said in ("<0.50 µg/L", "2.410 mU/L", "Анализ", "≥ 5", "<b>Not</b> markup & more."):
        assert said in text


@pytest.mark.parametrize(
    "name", ["王小明", "שרה", "فاطمة", "อรทัย", "a\u0301\u0323", "x\u202ey", "\ufffd", "🙂"]
)
def test_what_cannot_be_drawn_is_refused(name):
    """Never a box or a question mark in the place of a letter; the message does not repeat it."""
    with pytest.raises(Undrawable) as refused:
        pdf.write(replace(DRAFT, facts=(Fact("Patient", name),)))
    assert name not in str(refused.value)


def test_a_composed_letter_is_drawn():
    """A letter with its accent apart is the same letter."""
    assert "José" in pages(replace(DRAFT, facts=(Fact("Patient", "Jose\u0301"),)))[0]


def test_boxes_stand_where_they_were_found():
    """In the pixels of the source, from its upper left corner, whatever the size on the page."""
    with pdfplumber.open(io.BytesIO(pdf.write(DRAFT))) as document:
        (page,) = [each for each in document.pages if each.images]
        (image,) = page.images
        frames = [each for each in page.rects if each["stroke"] and not each["fill"]]
    scale = (image["x1"] - image["x0"]) / 400
    box = frames[-1]
    assert pytest.approx(100 * scale) == box["x0"] - image["x0"]
    assert pytest.approx(200 * scale) == box["top"] - image["top"]
    assert pytest.approx(300 * scale) == box["bottom"] - image["top"]


def test_a_picture_has_a_size():
    """Boxes could not be placed otherwise."""
    with pytest.raises(ValueError, match="size"):
        picture(columns=0)
