"""Putting together what messages say: in any order, any number of times, the same."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappers.domain.standing import Standing
from mappers.fhir import merging

Node = dict[str, Any]
NUMBERS = [{"value": "1"}, {"value": "2"}, {"value": "3"}]


@st.composite
def sayings(draw: st.DrawFn) -> tuple[Node, Standing]:
    """What a message says of an order, and its standing."""
    said: Node = {
        "resourceType": "ServiceRequest",
        "id": "x",
        "status": draw(st.sampled_from(["active", "unknown", "completed"])),
    }
    optional = {
        "priority": st.sampled_from(["stat", "routine"]),
        "occurrenceDateTime": st.sampled_from(["2026-01-01", "2026-01-02"]),
        "occurrencePeriod": st.just({"start": "2026-01-03"}),
        "identifier": st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=2),
        "extension": st.lists(
            st.sampled_from([{"url": "a", "valueCode": "1"}, {"url": "b", "valueCode": "2"}]),
            min_size=1,
            max_size=1,
        ),
    }
    for name, values in optional.items():
        if draw(st.booleans()) and not (name == "occurrencePeriod" and "occurrenceDateTime" in said):
            said[name] = draw(values)
    at = f"2026-11-22T{draw(st.integers(7, 9)):02}:00:00.000000"
    return said, Standing(draw(st.integers(2, 3)), at)


def together(*parts: tuple[Node, Standing]) -> Node:
    """What they say together."""
    known: Node = {}
    rights: merging.Rights = {}
    for said, standing in parts:
        known, rights = merging.merge(known, rights, said, standing)
        # As from the database.
        rights = merging.decode(merging.encode(rights), known)
    return known


@given(st.lists(sayings(), min_size=2, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_order_and_any_repetition_is_the_same(parts: list[tuple[Node, Standing]]) -> None:
    """Commutative, associative, idempotent."""
    expected = together(*parts)

    for order in itertools.permutations(parts):
        assert expected == together(*order)
    assert expected == together(*parts, *reversed(parts))


def said(rank: int, hour: int, **elements: Any) -> tuple[Node, Standing]:
    """One saying."""
    standing = Standing(rank, f"2026-11-22T{hour:02}:00:00.000000")
    return {"resourceType": "ServiceRequest", "id": "x", **elements}, standing


@pytest.mark.parametrize(
    ("element", "first", "second", "expected"),
    [
        ("priority", (3, 7, "stat"), (2, 9, "routine"), "stat"),
        ("priority", (2, 9, "routine"), (3, 7, "stat"), "stat"),
        ("priority", (3, 7, "stat"), (3, 9, "routine"), "routine"),
        ("status", (3, 7, "active"), (2, 9, "completed"), "completed"),
        ("status", (3, 7, "active"), (2, 9, "unknown"), "active"),
        ("status", (3, 9, "revoked"), (2, 7, "completed"), "revoked"),
        (
            "subject",
            (3, 9, {"type": "Patient"}),
            (2, 7, {"reference": "Patient/1"}),
            {"reference": "Patient/1"},
        ),
        ("identifier", (3, 7, NUMBERS[:1]), (2, 9, NUMBERS[1:]), NUMBERS),
    ],
)
def test_who_has_the_right(element: str, first: Any, second: Any, expected: Any) -> None:
    """The order before its mention, the later before the earlier, anything before nothing, numbers all."""
    parts = [said(rank, hour, **{element: value}) for rank, hour, value in (first, second)]

    assert expected == together(*parts)[element]


def test_a_choice_has_one_branch() -> None:
    """Another branch of a choice, or its extension, replaces the first."""
    found = together(
        said(3, 7, occurrenceDateTime="2026-01-01", _occurrenceDateTime={"id": "a"}),
        said(3, 8, occurrencePeriod={"start": "2026-01-02"}),
    )

    assert {"occurrencePeriod"} == {name for name in found if "occurrence" in name}


def test_a_plain_standing_counts_for_every_element() -> None:
    """What was stored before elements were told apart."""
    stored = {"resourceType": "Patient", "id": "x", "gender": "female", "birthDate": "1980"}
    rights = merging.decode("3|2026-11-22T08:00:00.000000|0", stored)

    older, _ = merging.merge(
        stored, rights, {**stored, "gender": "male"}, Standing(3, "2026-11-22T07:00:00.000000")
    )
    newer, _ = merging.merge(
        stored, rights, {**stored, "gender": "male"}, Standing(3, "2026-11-22T09:00:00.000000")
    )
    assert ("female", "male") == (older["gender"], newer["gender"])
