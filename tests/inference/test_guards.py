"""Guards: numbers stand in their source, answers do not loop, a no stays a no."""

from __future__ import annotations

import pytest

from inference import guards
from inference.guards import Defect
from inference.ports import Completion, Ending


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
