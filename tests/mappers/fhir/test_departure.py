"""A resource as it leaves for another server: references, names, attachments."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.fhir import departure

ID = "0c4d3c3e-0b63-5f5e-9a2b-5f4cbb1f2b11"
BASE = "https://ehr.example/fhir"
NAMED = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{ID}"}


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": ID, **more}


def left(links=None, **more):
    return departure.depart(observation(**more), links or {}, base=BASE)


def test_a_reference_that_is_there_is_theirs_and_keeps_its_words():
    """Without the version of ours."""
    links = {"Patient/a": {"reference": "Patient/9"}}
    subject = {"reference": "Patient/a/_history/4", "display": "G. R."}

    assert {"reference": "Patient/9", "display": "G. R."} == left(links, subject=subject)["subject"]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"reference": f"Device/{ID}"}, {"type": "Device", "identifier": NAMED}),
        (
            {"reference": f"Device/{ID}", "display": "d"},
            {"type": "Device", "identifier": NAMED, "display": "d"},
        ),
        (
            {"identifier": {"system": "urn:ietf:rfc:3986", "value": f"{BASE}/Device/7"}, "type": "Device"},
            {"reference": "Device/7", "type": "Device"},
        ),
        ({"reference": "#c"}, {"reference": "#c"}),
        ({"reference": f"{BASE}/Device/7"}, {"reference": "Device/7"}),
        (
            {"reference": "https://other.example/Device/7"},
            {"identifier": {"system": "urn:ietf:rfc:3986", "value": "https://other.example/Device/7"}},
        ),
        ({"identifier": {"value": "1"}}, {"identifier": {"value": "1"}}),
    ],
)
def test_a_reference_that_is_not_there_leaves_what_names_it(reference, expected):
    """No literal reference that nobody there could follow."""
    assert expected == left(device=reference).get("device")


def test_a_reference_to_what_is_known_by_number_only_is_logical():
    """Its own identifier goes before the one that we know."""
    links = {"Encounter/e": {"type": "Encounter", "identifier": {"value": "V1"}}}

    assert links["Encounter/e"] == left(links, encounter={"reference": "Encounter/e"})["encounter"]
    own = {"reference": "Encounter/e", "identifier": {"value": "V2"}}
    assert "V2" == left(links, encounter=own)["encounter"]["identifier"]["value"]


def test_a_list_that_loses_all_vanishes():
    """An empty array is no FHIR."""
    form = {"contentType": "application/pdf", "url": "https://archive.example/1"}

    assert "presentedForm" not in left(presentedForm=[form])


def test_an_extension_with_a_url_is_no_attachment():
    """Its url is its name."""
    extension = [{"url": "https://x.example/y", "valueString": "z"}]

    assert extension == left(extension=extension)["extension"]


def test_nulls_beside_extensions_of_primitives_stay():
    """R4 §2.6.2.3."""
    name = {"given": ["A", None], "_given": [None, {"id": "x"}]}

    assert name == departure.depart({"resourceType": "Patient", "id": ID, "name": name}, {})["name"]


def test_a_provenance_is_named_by_a_tag():
    """R4 gives it no identifier."""
    written = departure.depart({"resourceType": "Provenance", "id": ID, "recorded": "x"}, {})

    assert departure.bears(written, f"Provenance/{ID}")
    assert "identifier" not in written


def test_a_name_is_given_once():
    """What bears its name already is not named twice."""
    named = left()

    assert [departure.identifier_of(f"Observation/{ID}")] == named["identifier"]
    assert named["identifier"] == left(identifier=named["identifier"])["identifier"]
    assert departure.bears(named, f"Observation/{ID}")


@given(
    st.recursive(
        st.one_of(st.booleans(), st.integers(), st.text(min_size=1)),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1),
            st.dictionaries(
                st.text(min_size=1).filter(lambda name: name not in {"reference", "url", "id", "meta"}),
                inner,
                min_size=1,
            ),
        ),
        max_leaves=20,
    )
)
def test_what_refers_to_nothing_leaves_as_it_is(value):
    """Whatever its shape."""
    assert value == left(extra={"in": value})["extra"]["in"]
