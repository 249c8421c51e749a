"""Units: an alias before any reading as UCUM, and no code where the meaning is not certain."""

from __future__ import annotations

import pytest

from mappers.domain.channels import Channel
from mappers.hl7v2 import tables
from mappers.hl7v2.units import ucum_code

CHANNEL = Channel("lab")
POWERS = [
    (f"{power}/L", "10*9/L") for power in ("x10*9", "X 10^9", "10**9", "10E9", "10e+09", "x10(9)", "10*9")
]


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("K/uL", "10*3/uL"),
        ("M/uL", "10*6/uL"),
        ("m/uL", "10*6/uL"),
        ("G/L", "10*9/L"),
        ("T/L", "10*12/L"),
        ("C", "Cel"),
        ("F", "[degF]"),
        ("PG", "pg"),
        ("pH", "[pH]"),
        ("x10E3/uL", "10*3/uL"),
        ("10^3/uL", "10*3/uL"),
        ("IU/L", "[IU]/L"),
        ("mEq/L", "meq/L"),
        ("mmHg", "mm[Hg]"),
        ("/HPF", "/[HPF]"),
        ("INR", "{INR}"),
        ("MG/DL", "mg/dL"),
        ("mL/min/1.73m2", "mL/min/{1.73_m2}"),
        ("\u00b5g/dL", "ug/dL"),
        ("\u03bcg/dL", "ug/dL"),
    ],
)
def test_laboratory_spellings_have_their_unit(reported: str, expected: str) -> None:
    """Several of them are UCUM with another meaning: kelvin, gauss, coulomb, petagauss."""
    assert expected == ucum_code(reported, channel=CHANNEL)


@pytest.mark.parametrize(
    "unit",
    [
        "mg/dL",
        "mmol/L",
        "%",
        "U/L",
        "mU/L",
        "[IU]/mL",
        "fL",
        "g/(24.h)",
        "kPa",
        "mS/cm",
        "MBq",
        "umol/mol",
        "cm",
    ],
)
def test_ucum_is_ucum(unit: str) -> None:
    """Known to our tables or valid by the grammar."""
    assert unit == ucum_code(unit, channel=CHANNEL)


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("\u00b5mol/kg", "umol/kg"),
        ("10^4/mL", "10*4/mL"),
        (" mg/dL ", "mg/dL"),
        *POWERS,
        ("mcg/kg", "ug/kg"),
        ("IU/dL", "[IU]/dL"),
        ("mIU/dL", "m[IU]/dL"),
        ("mcmol/mol", "umol/mol"),
        ("kg/m^2", "kg/m2"),
        ("mg/m^2", "mg/m2"),
        ("mL/min/1.73m^2", "mL/min/{1.73_m2}"),
    ],
)
def test_spellings_of_one_unit_are_one_code(reported: str, expected: str) -> None:
    """The micro sign and mc, powers of ten, blanks around."""
    assert expected == ucum_code(reported, channel=CHANNEL)


@pytest.mark.parametrize(
    "unit", ["K/L", "MG/L", "ML", "G", "mG", "H", "m/L", "u/dL", "b", "A/L", "KU/L", "UG/G", "X10E9/ML"]
)
def test_doubtful_units_get_no_code(unit: str) -> None:
    """Valid UCUM, but more probably a laboratory's own spelling of something else."""
    assert ucum_code(unit, channel=CHANNEL) is None


@pytest.mark.parametrize(
    "unit", ["", "foo", "mg per dL", "pos/neg", "g/dL extra", "(" * 100, "mg/dL" * 20, "m\ng", "mg/dLé"]
)
def test_what_is_no_unit_gets_no_code(unit: str) -> None:
    """Words, too long, outside ASCII."""
    assert ucum_code(unit, channel=CHANNEL) is None


def test_the_channel_knows_better() -> None:
    """Its own aliases go before the shipped ones, and before validity."""
    channel = Channel("lab", unit_aliases={"K/uL": "10*6/uL", "U": "[IU]"})

    assert ("10*6/uL", "[IU]") == (ucum_code("K/uL", channel=channel), ucum_code("U", channel=channel))
    assert "10*3/uL" == ucum_code("K/uL", channel=CHANNEL)


def test_every_alias_leads_to_valid_ucum() -> None:
    """The parser, which is asked for unknown units only, agrees with the tables."""
    from ucumvert import get_ucum_parser, parse_ucum

    parser = get_ucum_parser()
    for unit in sorted(tables.known_ucum()):
        parse_ucum(unit, parser)
    assert {tables.ucum_alias(alias) for alias in tables.ucum_aliases()} <= tables.known_ucum()
