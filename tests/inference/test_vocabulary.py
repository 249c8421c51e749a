"""The closed tables: names to rows, rows to codes, and nothing else to a code."""

from __future__ import annotations

import csv
from importlib import resources

import pytest

from inference import vocabulary

SNOMED = "http://snomed.info/sct"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
_VERHOEFF = (
    "0123456789123406789523401789563401289567401239567859876043216598710432765982104387659321049876543210"
)
_PERMUTE = "01234567891576283094580379614289160435279453126870428657390127938064157046913258"


def _is_sctid(code: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_VERHOEFF[check * 10 + int(_PERMUTE[place % 8 * 10 + int(digit)])])
    return check == 0


@pytest.mark.parametrize("table", ["findings.csv", "body_sites.csv"])
def test_every_row_is_whole(table: str) -> None:
    """Keys once, codes of the two systems that may be shipped, with their check digits and displays."""
    rows = list(csv.DictReader(resources.files("inference").joinpath(table).read_text().splitlines()))

    assert len(rows) == len({row["key"] for row in rows})
    for row in rows:
        assert (row["system"] in {SNOMED, DCM}) == bool(row["code"]) == bool(row["display"]), row
        assert row["system"] != SNOMED or _is_sctid(row["code"]), row


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("pleural effusion", "pleural_effusion"),
        ("Left Pleural Effusions", "pleural_effusion"),
        ("ground-glass opacity", "ground_glass_opacity"),
        ("effusion", "effusion"),
        ("cancer", None),
        ("", None),
    ],
)
def test_a_name_finds_its_row(name: str, key: str | None) -> None:
    """Whatever its case, side and hyphens; an unknown one finds none."""
    known = vocabulary.finding(name)

    assert key == (known.key if known else None)


def test_words_that_may_mean_another_thing_have_no_code() -> None:
    """An effusion may be of a joint, an edema of a brain, a consolidation has no code that may be shipped."""
    rows = [vocabulary.finding(name) for name in ("effusion", "edema", "consolidation", "nodule", "mass")]

    assert [None] * 5 == [row and row.coding for row in rows]


def test_the_longest_name_counts() -> None:
    """A pericardial effusion is not a pleural one, and mass effect is no mass."""
    text = "Pericardial effusion. Mass effect. Pulmonary  edema."

    assert ["pericardial_effusion", "mass_effect", "pulmonary_edema"] == [
        mention.known.key for mention in vocabulary.mentions(text)
    ]


def test_body_sites() -> None:
    """By name or synonym."""
    known = vocabulary.body_site("right lower lobe")

    assert known is not None
    assert ("lower_lobe", "90572001") == (known.key, known.coding and known.coding.code)
