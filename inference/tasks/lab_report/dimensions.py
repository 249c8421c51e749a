"""What kind of quantity a UCUM unit measures, so far as laboratories need it. Pure, from UCUM's own grammar.

Numbers and prefixes fall away: mg/dL and g/L are both mass for volume. Amounts that are not exchangeable stay
apart though UCUM reduces both to 1: percent and mmol/mol, mass of FEU and mass of DDU.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Final

#: A kind and its exponent, sorted; equal tuples measure the same.
Dimension = tuple[tuple[str, int], ...]

_ATOMS: Final = {
    "g": "mass", "L": "volume", "l": "volume", "mol": "amount", "eq": "amount", "osm": "osmoles",
    "U": "activity", "[IU]": "activity", "kat": "activity", "[arb'U]": "arbitrary",
    "s": "time", "min": "time", "h": "time", "d": "time",
    "m": "length", "m[Hg]": "pressure", "Pa": "pressure", "bar": "pressure", "[pH]": "acidity",
    "[HPF]": "field", "[LPF]": "field", "Cel": "temperature", "%": "", "[ppm]": "",
}  # fmt: skip
_PREFIXES: Final = "kdcmunpfMG"
_TERM: Final = re.compile(
    r"([./]?)(10\*-?\d+|\d+(?:\.\d+)?|(?:\[[^\]]+\]|[A-Za-z%'])+(?:\[[^\]]+\])?)?(-?\d)?(\{[^}]*\})?"
)
_CUBE: Final = 3
#: Annotations that make two equal units incomparable.
_TELLING: Final = re.compile(r"\{(FEU|DDU)\}")


@lru_cache(maxsize=1024)
def of(ucum: str) -> Dimension | None:
    """The dimension of a UCUM code; None when the code has parts that laboratories do not use.

    A count is what is left when a number or an annotation stands over a volume or a field.
    """
    if not ucum:
        return None
    total: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    position = 0
    while position < len(ucum):
        match = _TERM.match(ucum, position)
        if match is None or match.end() == position:
            return None
        sign = -1 if match[1] == "/" else 1
        kind = _kind(match[2])
        if kind is None:
            return None
        power = int(match[3] or 1) if match[2] and not match[2][0].isdigit() else 1
        if kind == "length" and power == _CUBE:
            kind, power = "volume", 1
        if kind:
            total[kind] += sign * power
            amounts[kind] += 1
        position = match.end()
    # A ratio of two amounts or masses is not the plain fraction that UCUM makes of it.
    ratios = [(f"{kind} ratio", 1) for kind, times in amounts.items() if times > 1 and kind != "volume"]
    telling = [(label, 1) for label in _TELLING.findall(ucum)]
    return tuple(sorted([(kind, power) for kind, power in total.items() if power] + ratios + telling))


def _kind(atom: str | None) -> str | None:
    if atom is None or atom[0].isdigit():
        return ""
    if atom in _ATOMS:
        return _ATOMS[atom]
    if atom[0] in _PREFIXES and atom[1:] in _ATOMS:
        return _ATOMS[atom[1:]]
    return None
