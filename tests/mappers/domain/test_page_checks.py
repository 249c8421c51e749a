"""A page about somebody else stops everything."""

from __future__ import annotations

import pytest

from mappers.domain.extraction import PrintedKind as Kind
from mappers.domain.identifiers import Identifier
from mappers.domain.page_checks import check
from tests.mappers.domain.documents import fact, report
from tests.mappers.fhir.samples import PATIENT

NUMBERS = (Identifier("P1-0042", "urn:oid:1.5"), Identifier("2026001", "urn:oid:1.6"))
NAME, BORN, NUMBER, ORDER, ACCESSION = (
    Kind.PATIENT_NAME, Kind.BIRTH_DATE, Kind.PATIENT_ID, Kind.ORDER_NUMBER, Kind.ACCESSION,
)  # fmt: skip


def judged(*facts, patient=PATIENT, numbers=NUMBERS):
    return check(report(printed=facts), patient=patient, numbers=numbers)


@pytest.mark.parametrize(
    "facts",
    [
        (fact(NAME, "TESTPERSON, Jo Q."), fact(BORN, "02.01.1970", "1970-01-02"), fact(NUMBER, "4711")),
        (fact(NAME, "Jo Testperson"),),
        (fact(NAME, "J. Testperson"),),
        (fact(NUMBER, "0004711"),),
        (fact(BORN, "1970", "1970"),),
        (fact(NAME, "Jo Testperson"), fact(ORDER, "LAB2026001")),
        (fact(NUMBER, "4711"), fact(ACCESSION, "P1 0042"), fact(ORDER, "99")),
    ],
)
def test_the_same_patient_and_order_pass(facts):
    """Spelling, titles, leading zeros and prefixes of letters do not matter."""
    found = judged(*facts)
    assert ((), ()) == (found.mismatches, found.doubts)
    assert "patient" not in found.unchecked


@pytest.mark.parametrize(
    "facts",
    [
        (fact(BORN, "03.01.1970", "1970-01-03"), fact(NAME, "Jo Testperson")),
        (fact(NAME, "Max Mustermann"), fact(NUMBER, "4711")),
        (fact(NAME, "Ida Testperson"),),
        (fact(NAME, "Jo Otherperson"),),
        (fact(NUMBER, "4712"),),
        (fact(NUMBER, "4712"), fact(NAME, "Jo Testperson")),
        (fact(NUMBER, "104711"),),
        (fact(NAME, "Jo Testperson"), fact(ORDER, "2026002")),
        (fact(ACCESSION, "12026001"),),
    ],
)
def test_another_patient_or_order_stops_it(facts):
    """A contradiction is named with its page, without what is printed."""
    found = judged(*facts)
    assert found.mismatches
    assert {"page 1"} == {issue.location for issue in found.mismatches}
    assert not any(each.text in issue.text for issue in found.mismatches for each in facts)


def test_another_number_beside_name_and_birth_date_is_a_doubt():
    """Pages print numbers of other assigners too."""
    found = judged(fact(NUMBER, "X-1"), fact(NAME, "Testperson Jo"), fact(BORN, "x", "1970-01-02"))
    assert ((), 1) == (found.mismatches, len(found.doubts))


def test_a_new_family_name_beside_the_number_is_a_doubt():
    """People marry."""
    found = judged(fact(NUMBER, "4711"), fact(NAME, "Jo Newname"))
    assert ((), 1) == (found.mismatches, len(found.doubts))


def test_an_ambiguous_date_proves_nothing():
    """01.02.1970 without a known order of day and month is no birth date to compare."""
    assert ("patient", "order") == judged(fact(BORN, "01/02/70")).unchecked


@pytest.mark.parametrize("patient", [PATIENT, None])
def test_a_page_that_says_nothing_is_unchecked(patient):
    """That nothing was compared is said."""
    found = judged(patient=patient)
    assert (("patient", "order"), ()) == (found.unchecked, found.mismatches)
