"""Units of a number: OBX-6, CQ.2.

Standard: v2-to-FHIR 1.0.0 CWE[Quantity]; the aliases and their reasons are in `mappers.hl7v2.units`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mappers.domain.coding import UCUM
from mappers.domain.issues import IssueCode
from mappers.domain.results import Quantity
from mappers.hl7v2 import units
from mappers.hl7v2.datatypes import codes
from mappers.hl7v2.elements import Element

#: What a caret splits when a sender does not escape it: `10^3/uL`, `kg/m^2`, `mL/min/1.73m^2`.
_BASE: Final = re.compile(r"[xX]? ?10 ?|.*[A-Za-z]", re.DOTALL)
_EXPONENT: Final = re.compile(r"-?\d{1,2}(/.+)?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that waits for its number: the reported text, and UCUM where it is known."""

    text: str | None = None
    code: str | None = None

    def of(self, value: str | None, comparator: str | None = None) -> Quantity:
        """This many of the unit."""
        return Quantity(value, comparator, self.text, self.code)


NO_UNIT: Final = Unit()


def unit_of(element: Element) -> Unit:
    """The symbol as reported, and its UCUM code where `units` is certain of it.

    The symbol is CWE.1, the words CWE.2. The words are shown instead of the symbol only where the UCUM code
    is the symbol itself, so that what was reported can always be seen. A power whose caret was not escaped
    fell into both; it is put together again, for `10` is a unit to UCUM.
    """
    symbol, words = element.peek(1), element.peek(2)
    if symbol and words and _BASE.fullmatch(symbol) and _EXPONENT.fullmatch(words):
        element.take(2)
        element.inform(IssueCode.STRUCTURE, "a caret in the unit is not escaped; read as a power")
        symbol, words = f"{symbol}^{words}", None
    reported = symbol or words or element.peek(9)
    if reported is None:
        return NO_UNIT
    code = units.ucum_code(reported, channel=element.context.channel)
    element.take(1 if symbol else 2 if words else 9)
    if code is None and codes.system(element, 6) == UCUM:
        code = units.ucum_code(element.peek(4) or "", channel=element.context.channel)
        element.take(*((4, 6) if code else ()))
    declared = codes.system(element, 3) == UCUM
    if declared and code:
        element.take(3)
    elif declared:
        element.inform(IssueCode.CODE_INVALID, "not certainly a UCUM unit, though said to be; kept as words")
    if words and code and code == symbol:
        element.take(2)
        return Unit(words, code)
    return Unit(reported, code)
