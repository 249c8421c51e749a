"""Scores of a recogniser: the publisher's comparison, intervals over cases, and the errors that matter apart."""

from __future__ import annotations

import json
from pathlib import Path

import jiwer
import pytest

from inference.errors import InputRefused
from inference.evaluation import bootstrap, datasets
from inference.evaluation.dictation import normalised, score, scores


def test_texts_are_compared_as_the_publisher_does() -> None:
    """Lower case, letters, digits, apostrophes; tokens are words like others."""
    assert "no pneumothorax period patient's 5 50" == normalised(
        "No  pneumothorax {period}</s> patient's 5.50"
    )


@pytest.mark.parametrize(
    ("said", "heard", "counts"),
    [
        ("no pneumothorax", "no pneumothorax", (0, 0, 0, 0, 0, 0)),
        ("no pneumothorax", "pneumothorax", (0, 1, 0, 1, 0, 0)),
        ("the heart is normal", "the heart is not normal", (0, 0, 1, 1, 0, 0)),
        ("left lung", "right lung", (1, 0, 0, 0, 1, 0)),
        ("five millimeters", "nine millimeters", (1, 0, 0, 0, 0, 1)),
        ("5 mm", "5 cm", (1, 0, 0, 0, 0, 0)),
        ("patient present", "patient absent", (1, 0, 0, 1, 0, 0)),
        ("clear", "", (0, 1, 0, 0, 0, 0)),
        ("", "made up", (0, 0, 2, 0, 0, 0)),
    ],
)
def test_what_is_counted(said: str, heard: str, counts: tuple[int, ...]) -> None:
    """Wrong, lost, made up; touching a negation, a side, a number."""
    case = score("case", said, heard)

    assert counts == (
        case.substituted,
        case.deleted,
        case.inserted,
        case.negations,
        case.sides,
        case.numbers,
    )


def test_the_rate_is_jiwer_s() -> None:
    """Over all words, not the mean of cases."""
    pairs = [
        ("the heart is normal", "the hard is normal"),
        ("no effusion seen in the left lung", "effusion seen the left long"),
    ]
    found = scores([score(str(at), *pair) for at, pair in enumerate(pairs)])

    assert jiwer.wer([said for said, _ in pairs], [heard for _, heard in pairs]) == pytest.approx(
        found.wer.value
    )
    assert found.wer.low <= found.wer.value <= found.wer.high


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of many datasets of one kind, some nine of ten or more intervals hold the rate that they were drawn from."""
    import random

    drawn, held = random.Random(7), 0
    for _ in range(60):
        errors = [sum(drawn.random() < 0.2 for _ in range(20)) for _ in range(40)]
        found = bootstrap.ratio(errors, [20] * 40)
        held += found.low <= 0.2 <= found.high

    assert held >= 51


def test_few_cases_have_no_interval_and_none_no_rate() -> None:
    """Nothing is claimed that one case cannot bear."""
    assert (0.5, None) == (bootstrap.ratio([1], [2]).value, bootstrap.ratio([1], [2]).low)
    assert bootstrap.ratio([], []) is None


def test_the_worst_cases_are_those_that_change_what_is_said() -> None:
    """A lost "no" comes before ten misspelt words."""
    found = scores([
        score("spelling", "alpha beta gamma delta", "alfa beta gama delta"),
        score("negation", "there is no pneumothorax on this view of the chest", "there is pneumothorax on this view of the chest"),
        score("right", "clear", "clear"),
    ])  # fmt: skip

    assert ["negation", "spelling"] == [case.name for case in found.worst(5)]


def manifest(folder: Path, name: str, text: str) -> Path:
    (folder / "a.wav").write_bytes(b"a")
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_manifests_of_both_kinds(tmp_path: Path) -> None:
    """The same cases from CSV, with a byte order mark as spreadsheets write it, and from lines of JSON."""
    for name, text in (
        ("manifest.csv", '\ufeffaudio,text,reader\na.wav,"no effusion, none",A\n'),
        ("manifest.jsonl", json.dumps({"audio": "a.wav", "text": "no effusion, none"}) + "\n\n"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (case,) = datasets.spoken(manifest(folder, name, text))
        assert ("a.wav", "no effusion, none") == (case.name, case.text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("readme.txt", ""),
        ("manifest.csv", ""),
        ("manifest.csv", "audio,text\n../a.wav,no\n"),
        ("manifest.csv", "audio,text\nb.wav,no\n"),
        ("manifest.csv", "file,text\na.wav,no\n"),
        ("manifest.jsonl", "{"),
        ("manifest.jsonl", "[1]"),
    ],
)
def test_a_dataset_that_is_none_is_refused(tmp_path: Path, name: str, text: str) -> None:
    """Also one whose rows lead out of its folder."""
    with pytest.raises(InputRefused):
        datasets.spoken(manifest(tmp_path, name, text))
