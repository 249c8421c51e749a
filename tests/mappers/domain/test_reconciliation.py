"""The sender's numbers beside those of its document."""

from __future__ import annotations

import pytest

from mappers.domain.coding import LOINC, Coding, Concept
from mappers.domain.identifiers import Identity
from mappers.domain.issues import IssueCode
from mappers.domain.reconciliation import reconcile
from mappers.domain.results import Measurement, Quantity, standing
from mappers.domain.times import Moment
from tests.mappers.domain.documents import row


def sent(value, unit="mmol/L", *, loinc="2823-3", name="Potassium", status="final", comparator=None, at=None):
    """A result that the sender sent."""
    if isinstance(value, str) and unit is not None:
        value = Quantity(value, comparator, unit, unit)
    codings = (Coding(loinc, LOINC, name),) if loinc else ()
    return Measurement(
        Identity("Observation", (name,)), Concept(codings, name), status, standing(status, None),
        value=value, effective=Moment(at) if at else None, origins=("OBX[2]",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (("5.90", "mmol/L"), ("5.90", "mmol/L")),
        (("5.9", "mmol/L"), ("5.90", "mmol/L")),
        (("5.90", "mmol/L"), ("5900", "umol/L")),
        (("13.2", "g/dL"), ("132", "g/L")),
        (("7.1", "10*9/L"), ("7.10", "10*3/uL")),
    ],
)
def test_equal_numbers_agree_in_whatever_unit(page, message):
    """Equality is judged in a common unit at the coarser precision."""
    found = reconcile([row("Potassium", *page, loinc="2823-3")], [sent(*message)])
    assert (found.agreeing, found.issues) == (1, ())


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (("5.90", "mmol/L"), ("5.91", "mmol/L")),
        (("5.9", "mmol/L"), ("5.99", "mmol/L")),
        (("59", "mmol/L"), ("5.9", "mmol/L")),
        (("13.2", "g/dL"), ("13.2", "g/L")),
    ],
)
def test_other_numbers_are_an_issue_at_the_senders_segment(page, message):
    """A difference is said, and where; never with a value."""
    found = reconcile([row("Potassium", *page, loinc="2823-3", page=2)], [sent(*message)])
    (issue,) = found.issues
    assert (IssueCode.CONFLICT, "OBX[2]", 0) == (issue.code, issue.location, found.agreeing)
    assert "page 2" in issue.text
    assert not any(value in issue.text for value, _ in (page, message))


def test_a_comparator_is_part_of_the_number():
    """`<0.01` is not 0.01."""
    found = reconcile(
        [row("Troponin", "0.01", "ng/mL", comparator="<")], [sent("0.01", "ng/mL", name="Troponin")]
    )
    assert [IssueCode.CONFLICT] == [issue.code for issue in found.issues]


def test_units_of_different_kinds_are_not_compared():
    """mg/dL and mmol/L need a molar mass: nothing is claimed."""
    found = reconcile(
        [row("Glucose", "90", "mg/dL", loinc="2345-7")], [sent("5.0", loinc="2345-7", name="Glucose")]
    )
    assert [IssueCode.INCOMPLETE] == [issue.code for issue in found.issues]


def test_units_without_code_are_compared_by_their_words():
    """A unit that nobody knows is still the same unit."""
    page = row("Potassium", "5.9", "units", value=Quantity("5.9", None, "Units", None))
    message = sent(Quantity("5.9", None, "units", None), None)
    assert 1 == reconcile([page], [message]).agreeing


def test_codes_outrank_names():
    """Two LOINC codes that differ are two analytes, whatever they are called."""
    page = row("Glucose", "90", "mg/dL", loinc="5792-7")
    assert reconcile([page], [sent("5.0", loinc="2345-7", name="Glucose")]).issues == ()


def test_results_of_other_days_are_not_compared():
    """A column of last year's results contradicts nothing."""
    page = row("Potassium", "4.1", loinc="2823-3", effective=Moment("2025-11-01"))
    assert reconcile([page], [sent("5.9", at="2026-11-22T07:30:00Z")]).issues == ()


def test_withdrawn_results_are_not_compared():
    """What the sender took back says nothing."""
    page = row("Potassium", "4.1", loinc="2823-3")
    assert reconcile([page], [sent("5.9", status="entered-in-error")]).issues == ()


def test_words_are_compared_as_words():
    """Case and blanks do not matter, words do."""
    page = [row("Nitrite", "0", None, value="Negative"), row("Ketones", "0", None, value="positive")]
    message = [
        sent("NEGATIVE ", None, loinc=None, name="nitrite"),
        sent("negative", None, loinc=None, name="Ketones"),
    ]
    found = reconcile(page, message)
    assert (1, 1) == (found.agreeing, len(found.issues))
