"""Two units are compared only where they measure the same."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mappers.domain.units import scale


@pytest.mark.parametrize(
    ("one", "other", "times"),
    [
        ("g/L", "mg/dL", Fraction(100)),
        ("mg/dL", "mg/dL", Fraction(1)),
        ("mmol/L", "umol/L", Fraction(1000)),
        ("10*3/uL", "10*9/L", Fraction(1)),
        ("10*6/uL", "10*12/L", Fraction(1)),
        ("ukat/L", "U/L", Fraction(60)),
        ("fL", "um3", Fraction(1)),
        ("mL/min/{1.73_m2}", "mL/min/{1.73_m2}", Fraction(1)),
        ("/uL", "10*6/L", Fraction(1)),
        ("mm/h", "mm/h", Fraction(1)),
        ("kPa", "Pa", Fraction(1000)),
    ],
)
def test_units_of_one_dimension_differ_by_a_factor(one, other, times):
    """A unit is so many times another one of its dimension."""
    first, second = scale(one), scale(other)
    assert first is not None
    assert second is not None
    assert (second.dimension, times) == (first.dimension, first.factor / second.factor)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mmol/L", "mg/dL"), ("%", "mmol/mol"), ("%", "L/L"), ("meq/L", "mmol/L"), ("U/L", "[IU]/L"),
        ("ng/mL{FEU}", "ng/mL{DDU}"), ("mL/min", "mL/min/{1.73_m2}"), ("[pH]", "%"), ("mol/mol", "g/g"),
    ],
)  # fmt: skip
def test_units_that_only_look_alike_stay_apart(one, other):
    """Amounts that cannot be exchanged have different dimensions."""
    first, second = scale(one), scale(other)
    assert first is not None
    assert second is not None
    assert first.dimension != second.dimension


@pytest.mark.parametrize("unknown", ["", "furlong", "mg/", "0", "[", "mg dL", "K/uL"])
def test_what_is_not_known_has_no_scale(unknown):
    """No scale is guessed."""
    assert scale(unknown) is None
