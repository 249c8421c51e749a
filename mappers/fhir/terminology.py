"""Codes that can be proved: LOINC by check digit, UCUM by grammar, closed code systems by their list."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from mappers.domain.coding import LOINC, UCUM
from mappers.fhir.definitions import load

if TYPE_CHECKING:
    from lark import Lark

_LOINC = re.compile(r"(\d{1,7})-(\d)")
_LOINC_PART = re.compile(r"L[APLG]\d{1,7}-\d")  # parts, answers, lists, groups: another check digit
#: Longest unit worth parsing; the longest in the UCUM examples is 40.
_MAX_UNIT = 200

#: Units of every laboratory, spared the parser: importing it takes 0.1 s.
COMMON_UNITS = frozenset(
    re.findall(
        r"\S+",
        """
        % 1 /100{WBCs} /[HPF] /[LPF] /min 10*12/L 10*3/uL 10*6/uL 10*9/L Cel U/L [CFU]/mL [IU]/L [IU]/mL
        [degF] [in_i] [lb_av] [pH] a cm d fL fg g g/L g/dL h k[IU]/L kPa kg kg/m2 m mL mL/min
        mL/min/{1.73_m2} mU/L m[IU]/L m[IU]/mL meq/L mg mg/(24.h) mg/L mg/L{FEU} mg/dL mg/g{creat} mg/mmol
        min mm mm/h mm[Hg] mmol/L mmol/mol mo mosm/kg ng/L ng/dL ng/mL ng/mL{DDU} ng/mL{FEU} nmol/L pg pg/mL
        pmol/L s u[IU]/mL uU/mL ug/L ug/dL ug/mL ug/mL{FEU} ug/mg{creat} um3 umol/L wk
        {COI} {INR} {Specific_gravity} {cells}/[HPF] {cells}/uL {copies}/mL {index} {pixel} {ratio}
        {s_co_ratio} {titer}
        """,
    )
)

#: Valid UCUM that says something else than a laboratory means: kelvin or metre per microlitre,
#: gauss and tesla per litre, petagauss, picohenry, coulomb, farad.
MISLEADING_UNITS = frozenset({"K/uL", "K/mL", "m/uL", "G/L", "T/L", "PG", "pH", "C", "F"})


def is_known(system: str | None, code: str) -> bool:
    """Whether the system may have this code: by check digit, grammar or list where there is one, else yes."""
    if system == LOINC:
        return is_loinc(code)
    if system == UCUM:
        return is_ucum(code)
    listed = load().systems.get(system) if system else None
    return listed is None or code in listed


def is_loinc(code: str) -> bool:
    """Whether this has the form of a LOINC code and its check digit is right (mod 10, LOINC Users' Guide)."""
    match = _LOINC.fullmatch(code)
    if match is None:
        return _LOINC_PART.fullmatch(code) is not None
    return _check_digit(match[1]) == int(match[2])


def _check_digit(digits: str) -> int:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004  two digits are summed
    return -total % 10


def is_ucum(code: str) -> bool:
    """Whether this is a case-sensitive UCUM expression (The Unified Code for Units of Measure, §§2-3)."""
    return code in COMMON_UNITS or _parses(code)


def misleads(code: str) -> bool:
    """Whether this UCUM code names a physical unit that no laboratory result has: `K/uL` is kelvin per uL."""
    return code in MISLEADING_UNITS


@lru_cache(maxsize=4096)
def _parses(code: str) -> bool:
    if not 0 < len(code) <= _MAX_UNIT:
        return False
    errors = import_module("lark.exceptions")
    try:
        _parser().parse(code)
    except errors.LarkError:
        return False
    return True


@cache
def _parser() -> Lark:
    parser: Lark = import_module("ucumvert.parser").get_ucum_parser()
    return parser
