"""The elements, cardinalities, reference targets and required codes of FHIR R4 4.0.1, as data.

R4 itself, not R4B: the models of fhir.resources are R4B and let more targets stand (Observation.subject).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import NamedTuple, TypedDict


class Element(TypedDict, total=False):
    """What an element may hold.

    Attributes:
        type: a FHIR type, or the path of a backbone element.
        min: least number; 0 when absent.
        max: "*" or a number; "1" when absent.
        choice: name of the choice that it is a branch of, `value[x]`.
        targets: resource types that a Reference may point to; absent means any.
        codes: key into `Definitions.codes` of a required binding.
    """

    type: str
    min: int
    max: str
    choice: str
    targets: list[str]
    codes: str


class Definitions(NamedTuple):
    """The whole table.

    Attributes:
        resources: resource types in it.
        types: type or backbone path -> element name -> element.
        codes: value set -> codes, or `system|code` where a CodeableConcept or Coding is bound.
        systems: closed code system -> all its codes.
    """

    resources: frozenset[str]
    types: dict[str, dict[str, Element]]
    codes: dict[str, frozenset[str]]
    systems: dict[str, frozenset[str]]


@cache
def load() -> Definitions:
    """Read the table that `generate` wrote; 5 ms, once."""
    text = resources.files(__name__).joinpath("r4.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return Definitions(
        resources=frozenset(table["resources"]),
        types=table["types"],
        codes={name: frozenset(codes) for name, codes in table["codes"].items()},
        systems={name: frozenset(codes) for name, codes in table["systems"].items()},
    )
