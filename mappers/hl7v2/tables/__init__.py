"""Code tables of HL7 v2 as data: typed, read once, immutable.

The data under `generated/` is written by `generate.py` from the published tables and committed; it is read when
this package is imported (package data, the one exception to "mapping does no IO") and never again.
"""

from __future__ import annotations

import json
from importlib.resources import files
from types import MappingProxyType

_DATA = json.loads((files(__name__) / "generated" / "character_sets.json").read_text("utf-8"))
_CODECS = MappingProxyType(
    {
        _squeezed: codec
        for name, codec in _DATA["character_sets"].items()
        for _squeezed in [name.upper().replace(" ", "")]
    }
)


def codec(name: str) -> str:
    """The Python codec of a table 0211 code or a spelling seen in feeds; empty when there is none."""
    return _CODECS.get(name.upper().replace(" ", ""), "")
