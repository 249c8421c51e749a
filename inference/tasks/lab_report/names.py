"""The printed name of an analyte, freed of numbering, leaders and a unit in brackets. Pure."""

from __future__ import annotations

import re
from typing import Final

from inference.tasks.lab_report import analytes
from inference.tasks.lab_report.cells import Grammar
from inference.tasks.lab_report.strips import EMPTY, Strip

_BEFORE: Final = re.compile(r"^(?:\(?\d{1,2}[.)]\s+|[•▪\-–*†‡#]+\s*)")
_AFTER: Final = re.compile(r"(?:[\s:=_*†‡#…|]|\.{2,}|(?<=\s)[-–.]+|\^\w$)+$")
_BRACKETED: Final = re.compile(r"\s*[(\[](?P<unit>[^()\[\]]+)[)\]]$")
_TRAILING: Final = re.compile(r",\s*(?P<unit>\S+)$")


def read(strip: Strip, grammar: Grammar) -> tuple[Strip, Strip]:
    """The name, and the unit that stood behind it, if any.

    "Hemoglobin [g/dL]" and "Hemoglobin, g/dL" name a unit; "Neutrophils %" and "Bilirubin, total" are names.
    """
    before = _BEFORE.match(strip.text)
    name = strip.cut(before.end() if before else 0)
    after = _AFTER.search(name.text)
    name = name.cut(0, after.start() if after else None)
    for pattern in (_BRACKETED, _TRAILING):
        match = pattern.search(name.text)
        if match and match.start() and _is_unit(match["unit"], grammar):
            return name.cut(0, match.start()), name.cut(match.start("unit"), match.end("unit"))
    return name, EMPTY


def _is_unit(text: str, grammar: Grammar) -> bool:
    # "Neutrophils (%)" is the fraction, and its unit as well; "(PT)" is a name.
    return grammar.is_unit(text.strip()) and not analytes.candidates(text)


def is_known(name: str) -> bool:
    """Whether the table of analytes knows a name."""
    return bool(analytes.candidates(name))
