"""Guards: numbers stand in their source, answers do not loop, a no stays a no."""

from __future__ import annotations

import pytest

from inference import guards
from inference.guards import Defect, consistency, polarity
from inference.ports import Completion, Ending
from inference.tasks import judging
from mappers.domain.findings import Finding, GuardOutcome, Presence, Section, Side


@pytest.mark.parametrize(
    ("claim", "source", "missing"),
    [
        ("potassium 4.1", "K 4.1 mmol/L", ()),
        ("potassium 4.10", "K 4.1 mmol/L", ("4.10",)),
        ("potassium 5", "K 5.0, Na 15", ("5",)),
        ("0.1", "10.1", ("0.1",)),
        ("no numbers", "", ()),
        ("1,234 and 7", "1,234 7", ()),
    ],
)
def test_numbers_are_grounded_digit_for_digit(claim: str, source: str, missing: tuple[str, ...]) -> None:
    """A number stands in a source only as a whole."""
    assert missing == guards.ungrounded(claim, [source])


@pytest.mark.parametrize(
    ("text", "ending", "defect"),
    [
        ("The heart is of normal size.", Ending.STOP, None),
        ("The heart is of normal size.", Ending.LENGTH, Defect.TRUNCATED),
        ("  ", Ending.STOP, Defect.EMPTY),
        ("so it goes on and on and on and on " * 12, Ending.STOP, Defect.REPEATED),
        ("[Insert patient name] has a fracture.", Ending.STOP, Defect.TEMPLATE),
        ("<unused94> is no answer", Ending.STOP, Defect.TEMPLATE),
        ('{"results": [' + ", ".join(f'{{"name": "Test {n}", "value": "{n}", "unit": null}}' for n in range(30)) + "]}",
         Ending.STOP, None),
    ],
    ids=["fine", "cut-off", "empty", "loop", "placeholder", "mark", "json-keys"],
)  # fmt: skip
def test_an_answer_with_a_defect_is_none(text: str, ending: Ending, defect: Defect | None) -> None:
    """The first defect is named; a list of many alike is no loop."""
    assert defect is guards.defect(Completion(text=text, ending=ending))


@pytest.mark.parametrize(
    ("term", "source", "denied"),
    [
        ("pneumothorax", "No pneumothorax.", True),
        ("pneumothorax", "There is a small pneumothorax.", False),
        ("pneumothorax", "Small effusion. No pneumothorax or fracture.", True),
        ("effusion", "Effusion is present; no pneumothorax.", False),
        ("pneumothorax", "Clear lungs.", None),
        ("effusion", "No effusion on the left. Effusion on the right.", None),
    ],
)
def test_a_no_stays_a_no(term: str, source: str, *, denied: bool | None) -> None:
    """Sentence by sentence; where they disagree nothing is said."""
    assert denied is guards.negated(term, source)


@pytest.mark.parametrize(
    ("text", "term", "presence"),
    [
        ("No pneumothorax, effusion or consolidation.", "consolidation", Presence.ABSENT),
        ("No pneumothorax, small left effusion.", "effusion", None),
        ("No pneumothorax but there is an effusion.", "effusion", Presence.PRESENT),
        ("Pneumothorax is not seen.", "pneumothorax", Presence.ABSENT),
        ("Pneumothorax has resolved.", "pneumothorax", Presence.ABSENT),
        ("Pneumothorax cannot be excluded.", "pneumothorax", Presence.UNCERTAIN),
        ("Possible pneumothorax.", "pneumothorax", Presence.UNCERTAIN),
        ("No significant change in the effusion.", "effusion", None),
        ("Effusion of 1.5 cm. No pneumothorax.", "effusion", Presence.PRESENT),
        ("Kein Erguss. Pneumothorax links.", "erguss", Presence.ABSENT),
        ("Kein Erguss. Pneumothorax links.", "pneumothorax", Presence.PRESENT),
        ("No effusion; pneumothorax on the left.", "pneumothorax", Presence.PRESENT),
        ("Lungs: no nodule. Bones: fracture.", "fracture", Presence.PRESENT),
    ],
)
def test_what_a_sentence_says_of_a_finding(text: str, term: str, presence: Presence | None) -> None:
    """Where a denial ends, what doubts, and where the rules cannot tell."""
    start = text.casefold().index(term)

    assert presence is polarity.presence(text, start, start + len(term))


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("Left effusion.", Side.LEFT),
        ("Effusion on the right, none elsewhere", Side.RIGHT),
        ("Bilateral effusion.", Side.BILATERAL),
        ("Right lung clear. Left effusion.", Side.LEFT),
        ("Left and right effusion.", None),
        ("Effusion.", None),
    ],
)
def test_which_side_a_sentence_names(text: str, side: Side | None) -> None:
    """One side, or none that can be told."""
    start = text.casefold().index("effusion")

    assert side is polarity.side(text, start, start + 8)


def _finding(name: str, presence: str, side: str) -> Finding:
    return judging.finding(name, presence, side)


def _sections(findings: str, impression: str) -> tuple[Section, ...]:
    return (
        judging.section("findings", "Findings", findings),
        judging.section("impression", "Impression", impression),
    )


@pytest.mark.parametrize(
    ("findings", "text", "impression"),
    [
        ([("pleural effusion", "present", "left"), ("pleural effusion", "absent", "right")],
         "Left pleural effusion. No right pleural effusion.", "Left pleural effusion."),
        ([("pleural effusion", "present", "both")], "Left pleural effusion. Right pleural effusion.", "Bilateral pleural effusion."),
        ([("atelectasis", "uncertain", "none")], "Possible atelectasis.", "Atelectasis."),
        ([("pericardial effusion", "absent", "none")], "No pericardial effusion. Pleural effusion.", "Pleural effusion."),
    ],
    ids=["one-side-only", "both-is-left-and-right", "doubt", "another-effusion"],
)  # fmt: skip
def test_agreement_is_not_mistaken_for_contradiction(
    findings: list[tuple[str, str, str]], text: str, impression: str
) -> None:
    """Guards compare only what is said plainly."""
    held = [_finding(*each) for each in findings]

    assert GuardOutcome.PASSED is consistency.contradictions(held, _sections(text, impression)).outcome
    assert GuardOutcome.PASSED is consistency.laterality(held, _sections(text, impression)).outcome
