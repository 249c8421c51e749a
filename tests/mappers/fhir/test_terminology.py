"""Codes prove themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mappers.fhir import terminology


@pytest.mark.parametrize(
    ("expected", "code"),
    [(True, "718-7"), (False, "718-8"), (True, "29463-7"), (True, "18748-4"), (False, "28655-1"), (False, "HGB"),
     (True, "LP29684-5"), (True, "LA6576-8"), (False, "LX1-1"), (False, "718-7 "), (False, "12345678-1")],
)  # fmt: skip
def test_a_loinc_code_has_its_check_digit(expected, code):
    """Mod 10 for codes; parts and answers have another digit and are taken by their form."""
    assert expected is terminology.is_loinc(code)


@pytest.mark.parametrize(
    ("expected", "code"),
    [(True, "10*3/uL"), (True, "mm[Hg]"), (True, "K/uL"), (True, "g.m/s2"), (True, "10*3/uL{cells}"), (False, "mmHg"),
     (False, "gm/dl"), (False, "x10E3/uL"), (False, ""), (False, "g" * 300), (False, "mg/dL ")],
)  # fmt: skip
def test_a_ucum_code_follows_the_grammar(expected, code):
    """`K/uL` is UCUM: kelvin per microlitre. That it misleads is another question."""
    assert expected is terminology.is_ucum(code)


def test_the_common_units_are_ucum():
    """The list that spares the parser says nothing that the parser would not."""
    wrong = [code for code in terminology.COMMON_UNITS if not terminology._parses(code)]
    assert [] == wrong


def test_misleading_units_are_ucum_and_not_common():
    """Each parses, which is why no judge finds it, and none is taken for granted."""
    assert all(terminology._parses(code) for code in terminology.MISLEADING_UNITS)
    assert not terminology.MISLEADING_UNITS & terminology.COMMON_UNITS


@pytest.mark.parametrize(
    ("expected", "system", "code"),
    [(True, None, "anything"), (True, "http://lab.example/codes", "X"), (False, "http://loinc.org", "X"),
     (False, "http://unitsofmeasure.org", "mmHg"), (True, "http://terminology.hl7.org/CodeSystem/data-absent-reason", "error"),
     (False, "http://terminology.hl7.org/CodeSystem/data-absent-reason", "lost")],
)  # fmt: skip
def test_a_system_is_asked_for_its_code(expected, system, code):
    """An open or unknown system may have any."""
    assert expected is terminology.is_known(system, code)


def test_common_units_do_not_import_the_parser():
    """The roles that only receive stay light."""
    script = (
        "import sys; from mappers.fhir import terminology as t; assert t.is_ucum('mg/dL'); "
        "sys.exit('ucumvert' in sys.modules or 'lark' in sys.modules)"
    )
    assert 0 == subprocess.run([sys.executable, "-c", script], check=False).returncode
