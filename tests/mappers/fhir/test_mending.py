"""What R4 forbids is left out, as little as may be; where nothing valid is left, the place is named."""

from __future__ import annotations

import pytest

from mappers.domain.issues import Refused, Severity
from mappers.fhir import r4
from mappers.fhir.mending import mended

GOOD = {"resourceType": "Patient", "id": "p", "name": [{"family": "A"}, {"family": "B"}], "gender": "female"}


def test_what_is_valid_stays_as_it_is():
    """Nothing is told, and it is the same object."""
    found = mended(GOOD)
    assert (GOOD, ()) == (found.value, found.issues)


@pytest.mark.parametrize(
    ("changes", "left", "place"),
    [
        ({"gender": "bogus"}, {"name": GOOD["name"]}, "Patient.gender"),
        ({"colour": "red"}, {"name": GOOD["name"], "gender": "female"}, "Patient"),
        ({"name": [{"family": 7}, {"family": "B"}]}, {"name": [{"family": "B"}], "gender": "female"}, "Patient.name[0].family"),
        ({"name": []}, {"gender": "female"}, "Patient.name"),
        ({"name": [{"family": "A", "x": 1, "y": 2}]}, {"name": [{"family": "A"}], "gender": "female"}, "Patient.name[0]"),
        ({"contact": [{"pager": 7}]}, {"name": GOOD["name"], "gender": "female"}, "Patient.contact[0]"),
        ({"deceasedBoolean": "yes"}, {"name": GOOD["name"], "gender": "female"}, "Patient.deceased"),
        ({"contact": [{"name": {"family": ["x"]}}]}, {"name": GOOD["name"], "gender": "female"}, "Patient.contact[0]"),
    ],
)  # fmt: skip
def test_the_least_that_is_at_fault_goes(changes, left, place):
    """With its parent where that would be empty; each is a warning with its place and without its value."""
    found = mended(GOOD | changes)

    assert {"resourceType": "Patient", "id": "p", **left} == found.value
    assert r4.is_valid(found.value)
    assert any(each.location.startswith(place) for each in found.issues)
    assert all(each.severity is Severity.WARNING for each in found.issues)
    assert "bogus" not in str(found.issues)


@pytest.mark.parametrize("resource", [
    {"resourceType": "Media", "id": "m", "status": "bogus", "content": {"url": "http://x/y"}},
    {"resourceType": "Media", "id": "m", "status": "completed"},
    {"resourceType": "Nothing", "id": "m"},
])  # fmt: skip
def test_what_must_be_there_cannot_be_left_out(resource):
    """Refused, with the place."""
    with pytest.raises(Refused) as caught:
        mended(resource)
    assert caught.value.issue.location
