"""Which analyte a printed name means, and which LOINC code its result has.

A code needs more than a name: specimen, kind of value and the unit's dimension have to agree with it.
Where they do not, or two analytes are left, there is no code and the reason is said. Codes come from one
closed list.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from inference.tasks.lab_report import dimensions, specimens
from inference.tasks.lab_report.dimensions import Dimension

_SPACES: Final = re.compile(r"\s+")
_BRACKETS: Final = re.compile(r"[(\[]([^)\]]*)[)\]]")
_NOISE: Final = re.compile(r"[:*†‡#]+|\.{2,}|(?<!\w)\.|\.(?!\w)")
#: Words around an analyte's name that do not change what it is.
_DECORATION: Final = re.compile(
    r"\b(count|level|levels|conc|concentration|automated|auto|calc|calculated|measured|by calculation)\b"
)


@dataclass(frozen=True, slots=True)
class Analyte:
    """A row of the table.

    Attributes:
        ucum: unit that the LOINC term is commonly reported in; "" for terms without one.
        quantitative: whether its results are numbers.
        specimen: kind of specimen, see `specimens`.
        specimen_printed: the table's words for it.
        specimen_snomed: code of the SNOMED CT Global Patient Set, or "".
    """

    key: str
    name: str
    loinc: str
    loinc_name: str | None
    ucum: str
    quantitative: bool
    ordinal: bool
    specimen: str
    specimen_printed: str
    specimen_snomed: str

    @property
    def dimension(self) -> Dimension | None:
        """What its unit measures."""
        return dimensions.of(self.ucum)


@dataclass(frozen=True, slots=True)
class Choice:
    """The analyte that was settled on, and what kept the code away."""

    analyte: Analyte | None
    coded: bool = False
    reason: str | None = None
    assumed_specimen: bool = False


def normalised(name: str) -> str:
    """A name as it is looked up: lower case, no decoration, single blanks."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return _SPACES.sub(" ", _NOISE.sub(" ", text)).strip(" ,;-=_")


def candidates(name: str) -> tuple[Analyte, ...]:
    """The analytes that a printed name may mean; none when the table does not know it."""
    by_name = _by_name()
    for form in _forms(name):
        found = by_name.get(form)
        if found:
            return found
    return ()


def choose(  # noqa: PLR0913  (a code needs them all)
    name: str, *, specimen: str | None, others: bool, numeric: bool, ucum: str | None, unit: str | None
) -> Choice:
    """Settle which analyte and code a result has.

    Args:
        name: as printed.
        specimen: kind of specimen that is printed, see `specimens`; None where nothing is.
        others: whether the document names a specimen other than blood somewhere.
        numeric: whether the result is a number.
        ucum: UCUM code of its unit, None when unknown.
        unit: its unit as printed, None when there is none.
    """
    found = candidates(name) + (candidates(f"urine {name}") if specimen == specimens.URINE else ())
    named = tuple({analyte.key: analyte for analyte in found}.values())
    if not named:
        return Choice(None, reason="the analyte is not in the table")
    own = specimens.in_name(name)
    wanted = own or specimen
    fitting = [a for a in named if specimens.agree(a.specimen, wanted, others=others)]
    if not fitting:
        return Choice(None, reason="the analyte has no code for this specimen")
    kind = [analyte for analyte in fitting if analyte.quantitative == numeric or analyte.ordinal != numeric]
    measured = [analyte for analyte in kind if _unit_fits(analyte, ucum=ucum, unit=unit, numeric=numeric)]
    if len(measured) == 1:
        assumed = wanted is None
        return Choice(measured[0], coded=True, assumed_specimen=assumed)
    if len(measured) > 1:
        return Choice(None, reason="the name fits more than one analyte")
    only = fitting[0] if len(fitting) == 1 else None
    if not kind:
        return Choice(only, reason="the kind of result does not agree with the analyte's code")
    return Choice(only, reason="the unit does not agree with the analyte's code in dimension")


def _unit_fits(analyte: Analyte, *, ucum: str | None, unit: str | None, numeric: bool) -> bool:
    if not numeric:
        return True
    if unit is None:
        # Numbers that need no unit; 0.42 and 42 are both printed for a percentage.
        return analyte.ucum.startswith(("{", "[pH]"))
    return ucum is not None and dimensions.of(ucum) == analyte.dimension


def _forms(name: str) -> Iterator[str]:
    """Spellings of a name under which the table is searched, the fullest first."""
    full = normalised(name)
    bare = normalised(_BRACKETS.sub(" ", name))
    yield full
    yield bare
    for form in (full, bare):
        before, comma, after = form.partition(",")
        if comma:
            yield f"{after.strip()} {before.strip()}"
            yield f"{before.strip()} {after.strip()}"
        yield normalised(_DECORATION.sub(" ", form))
    yield specimens.without(bare)
    yield normalised(_DECORATION.sub(" ", specimens.without(bare)))
    for inner in _BRACKETS.findall(name):
        # "White blood cells (WBC)": only when the words before it are not an analyte of their own.
        yield normalised(inner)


@cache
def _by_name() -> Mapping[str, tuple[Analyte, ...]]:
    names: dict[str, dict[str, Analyte]] = {}
    for name, analyte in _names():
        names.setdefault(normalised(name), {})[analyte.key] = analyte
    return {name: tuple(found.values()) for name, found in names.items()}


def _names() -> Iterable[tuple[str, Analyte]]:
    analytes = {row["key"]: (_analyte(row), row) for row in _rows("analytes.csv")}
    for analyte, row in analytes.values():
        yield analyte.name, analyte
        for synonym in row["synonyms"].split(";"):
            yield synonym, analyte
    for row in _rows("synonyms.csv"):
        yield row["synonym"], analytes[row["key"]][0]


@cache
def by_key() -> Mapping[str, Analyte]:
    """All analytes by key."""
    return {row["key"]: _analyte(row) for row in _rows("analytes.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _analyte(row: Mapping[str, str]) -> Analyte:
    return Analyte(
        key=row["key"],
        name=row["name"],
        loinc=row["loinc"],
        # The name of a few codes could not be compared with LOINC's own: a code without a name is better
        # than a name that is not LOINC's.
        loinc_name=None if row["verified_in"] == "secondary" else row["loinc_name"],
        ucum=row["ucum"],
        quantitative="Quantity" in row["value_kind"],
        ordinal="CodeableConcept" in row["value_kind"],
        specimen=specimens.kind(row["specimen"]) or "",
        specimen_printed=row["specimen"],
        specimen_snomed=row["specimen_snomed_gps"],
    )
