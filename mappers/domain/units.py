"""What a UCUM unit measures, and how much of it: enough to compare two results of a laboratory.

Only for comparing. No number that anybody sees is ever converted (UCUM §20 is the grammar; its molar masses,
dates and logarithms are not here). Amounts that only look alike stay apart: percent and mol/mol, U and [IU],
eq and mol, and whatever an annotation in braces tells apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

#: (kind of amount, +1 over or -1 under the stroke) of each component; nothing is cancelled.
Dimension = tuple[tuple[str, int], ...]

_PREFIXES: Final = {
    "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12,
    "f": -15,
}  # fmt: skip
#: Atom -> kind, and the amount of that kind; `U` is 1 umol/min, `kat` 1 mol/s.
_METRIC: Final = {
    "g": ("mass", Fraction(1)), "L": ("volume", Fraction(1)), "l": ("volume", Fraction(1)),
    "mol": ("amount", Fraction(1)), "eq": ("equivalents", Fraction(1)), "osm": ("osmoles", Fraction(1)),
    "kat": ("catalysis", Fraction(1)), "U": ("catalysis", Fraction(1, 60_000_000)),
    "[IU]": ("international units", Fraction(1)), "[iU]": ("international units", Fraction(1)),
    "[arb'U]": ("arbitrary units", Fraction(1)), "s": ("time", Fraction(1)), "m": ("length", Fraction(1)),
    "Pa": ("pressure", Fraction(1)), "m[Hg]": ("pressure", Fraction(133322)),
}  # fmt: skip
_PLAIN: Final = {
    "min": ("time", Fraction(60)), "h": ("time", Fraction(3600)), "d": ("time", Fraction(86400)),
    "%": ("percent", Fraction(1)), "[ppm]": ("parts per million", Fraction(1)),
    "[pH]": ("acidity", Fraction(1)),
    "[HPF]": ("high power field", Fraction(1)), "[LPF]": ("low power field", Fraction(1)),
    "Cel": ("temperature", Fraction(1)),
}  # fmt: skip
_COMPONENT: Final = re.compile(
    r"(?P<sign>[./]?)(?:10[*^](?P<power>-?\d+)|(?P<number>\d+)|"
    r"(?P<atom>(?:\[[^\]]+\]|[A-Za-z%'])+)(?P<exponent>-?\d)?)?(?P<note>\{[^}]*\})?"
)
_CUBE: Final = 3


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit as so many times an amount of one dimension."""

    factor: Fraction
    dimension: Dimension


@lru_cache(maxsize=512)
def scale(ucum: str) -> Scale | None:
    """The scale of a UCUM code; None when it has parts that are not known here."""
    factor, parts, position = Fraction(1), [], 0
    while position < len(ucum):
        match = _COMPONENT.match(ucum, position)
        if match is None or match.end() == position or not ucum[position : match.end()].strip("./"):
            return None
        sign = -1 if match["sign"] == "/" else 1
        found = _amount(match)
        if found is None:
            return None
        amount, kinds = found
        factor *= amount**sign
        parts += [(kind, sign * count) for kind, count in kinds]
        position = match.end()
    return Scale(factor, tuple(sorted(parts))) if ucum else None


def _amount(match: re.Match[str]) -> tuple[Fraction, list[tuple[str, int]]] | None:
    told = [(match["note"], 1)] if match["note"] else []
    if match["power"] is not None:
        return Fraction(10) ** int(match["power"]), told
    if match["number"] is not None:
        return (Fraction(int(match["number"])), told) if int(match["number"]) else None
    if match["atom"] is None:
        return Fraction(1), told
    known = _atom(match["atom"])
    if known is None:
        return None
    kind, amount = known
    exponent = int(match["exponent"] or 1)
    if kind == "length" and exponent == _CUBE:
        return amount**exponent * 1000, [("volume", 1), *told]  # a cubic metre is 1000 litres
    return amount**exponent, [(kind, exponent), *told]


def _atom(symbol: str) -> tuple[str, Fraction] | None:
    known = _PLAIN.get(symbol) or _METRIC.get(symbol)
    if known:
        return known
    for prefix, power in _PREFIXES.items():
        metric = _METRIC.get(symbol.removeprefix(prefix)) if symbol.startswith(prefix) else None
        if metric:
            return metric[0], metric[1] * Fraction(10) ** power
    return None
