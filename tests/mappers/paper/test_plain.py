"""The sheet as plain text: every word of it, what it is at both ends."""

from __future__ import annotations

from mappers.paper import plain
from tests.mappers.paper.sheets import DRAFT, SIGNED


def test_a_draft_says_so_first_and_last():
    """Nobody who reads either end can take it for a signed report."""
    lines = plain.write(DRAFT).strip().splitlines()
    assert "*** DRAFT - not reviewed, not signed ***" == lines[0]
    assert "artificial intelligence" in " ".join(lines[-3:])
    assert "Not signed by anybody." in lines


def test_a_signature_has_name_time_and_meaning():
    """21 CFR 11.50."""
    words = " ".join(plain.write(SIGNED).split())
    assert "Signed by Dr Ada Rossi on 2026-11-29 19:03:12 UTC: reviewed and approved" in words
    assert "DRAFT" not in words


def test_digits_and_letters_stay():
    """Nothing is rounded, replaced or taken for markup."""
    words = plain.write(DRAFT)
    for said in ("<0.50 µg/L", "2.410 mU/L", "Rößler, Łucja", "Анализ", "≥ 5", "<b>Not</b> markup & more."):
        assert said in words


def test_who_said_it_stands_beside_it():
    """A model's result and a person's change are told apart."""
    lines = plain.write(DRAFT).splitlines()
    assert ["  TSH       2.410 mU/L - by a model"] == [line for line in lines if "TSH" in line]
    assert ["  Анализ    ≥ 5 - changed by a person"] == [line for line in lines if "Анализ" in line]


def test_pictures_are_named():
    """Who has the text alone knows that there are some."""
    assert "Picture 1 (in the PDF): Chest PA" in plain.write(DRAFT)
    assert "marked: left basal opacity" in plain.write(DRAFT)
