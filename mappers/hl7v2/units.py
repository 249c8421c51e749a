"""Units as reported -> UCUM. An alias first, for several wrong spellings are UCUM units with another meaning.

`K/uL` is kelvin to UCUM and thousands to a laboratory, `MG/L` megagauss, `C` coulomb. What no alias table
knows and could be such a spelling gets no code: the reported text stays, and no number changes its meaning.
Owns the only use of ucumvert.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from mappers.domain.channels import Channel
from mappers.hl7v2 import tables

if TYPE_CHECKING:
    from lark import Lark

#: Longer than any unit of a laboratory; the parser's time grows with the text.
_LIMIT: Final = 40
_MICRO: Final = str.maketrans({"\u00b5": "u", "\u03bc": "u"})
#: mcg, mcL, mcmol; UCUM has no such prefix.
_MC: Final = re.compile(r"(?<![A-Za-z])mc(?=[gLlm])")
_IU: Final = re.compile(r"(?<![A-Za-z\[])([kmnuM]?)IU(?![A-Za-z\]])")
#: x10E3, 10^3, X 10(3), 10**3 at the start of a unit.
_POWER: Final = re.compile(r"^[xX]? ?10 ?(?:\*{1,2}|\^|[eE]\+?|\() ?0?(\d{1,2})\)?(?=/|$)")
#: m^2, mm^3: UCUM writes exponents without a sign of their own.
_RAISED: Final = re.compile(r"(?<=[A-Za-z])\^(?=\d)")
#: Letters of a unit outside brackets and braces, which hold names and annotations.
_ATOM: Final = re.compile(r"[A-Za-z]+")
_NAMED: Final = re.compile(r"\[[^\]]*\]|\{[^}]*\}")
#: Atoms that are more probably a laboratory's spelling than what UCUM reads: upper-case feeds (ML is
#: megalitre to UCUM), thousands and giga (K kelvin, G gauss), units and billions (u dalton, b barn).
_AMBIGUOUS: Final = re.compile(r"[A-Z]{2,}|[A-KM-TV-Z]|[cdfkmnpu]?[GKCFTHP]|[btu]")
#: Metres per volume: "m" stands for million.
_MILLIONS: Final = re.compile(r"m/[a-z]*[Ll]|m/[cm]?m3")


def ucum_code(reported: str, *, channel: Channel) -> str | None:
    """The UCUM code of a unit, None when it is not certain.

    Args:
        reported: the unit as the sender spells it (OBX-6.1 or OBX-6.2).
        channel: its `unit_aliases` go before the shipped ones.
    """
    unit = reported.strip()
    own = channel.unit_aliases.get(unit)
    return own if own is not None else _ucum(unit)


@lru_cache(maxsize=4096)
def _ucum(unit: str) -> str | None:
    for spelling in (unit, _respelt(unit)):
        alias = tables.ucum_alias(spelling)
        if alias is not None:
            return alias
    if tables.is_known_ucum(spelling):
        return spelling
    return spelling if _certain(spelling) and _valid(spelling) else None


def _respelt(unit: str) -> str:
    """The same unit with UCUM's signs for micro, powers and international units.

    None of the spellings replaced means anything else to UCUM.
    """
    unit = _RAISED.sub("", _MC.sub("u", unit.translate(_MICRO)))
    return _POWER.sub(r"10*\1", _IU.sub(r"\1[IU]", unit))


def _certain(unit: str) -> bool:
    """Whether a unit, if valid, means what its writer meant."""
    atoms = _ATOM.findall(_NAMED.sub("", unit))
    return not _MILLIONS.fullmatch(unit) and not any(_AMBIGUOUS.fullmatch(atom) for atom in atoms)


def _valid(unit: str) -> bool:
    if not unit or len(unit) > _LIMIT or not unit.isascii() or not unit.isprintable() or " " in unit:
        return False
    # Imported when a unit is in no table: it takes longer than all the rest of a message.
    from ucumvert import InvalidUcumError, parse_ucum  # noqa: PLC0415

    try:
        parse_ucum(unit, _parser())
    except InvalidUcumError:
        return False
    return True


@cache
def _parser() -> Lark:
    from ucumvert import get_ucum_parser  # noqa: PLC0415

    parser: Lark = get_ucum_parser()
    return parser
