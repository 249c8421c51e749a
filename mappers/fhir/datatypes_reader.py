"""FHIR data types -> domain values. Lenient: what is not of FHIR's form counts as absent, and nothing raises.

The counterpart of `datatypes`, which writes. Knows no resource type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier
from mappers.domain.people import PersonName
from mappers.domain.times import Moment

Node = dict[str, Any]


def node(value: Any) -> Node:
    """An object; empty where it is something else."""
    return value if isinstance(value, dict) else {}


def nodes(value: Any) -> Iterator[Node]:
    """The objects of an array."""
    yield from (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def text(value: Any) -> str | None:
    """A string with something in it."""
    return value if isinstance(value, str) and value.strip() else None


def texts(value: Any) -> tuple[str, ...]:
    """The strings of an array."""
    return tuple(each for each in (value if isinstance(value, list) else ()) if text(each))


def moment(value: Any) -> Moment | None:
    """A date, dateTime or instant."""
    try:
        return Moment(value) if isinstance(value, str) else None
    except ValueError:
        return None


def coding(value: Any) -> Coding | None:
    """A Coding."""
    one = node(value)
    code, display = text(one.get("code")), text(one.get("display"))
    if not (code or display):
        return None
    return Coding(code, text(one.get("system")), display, text(one.get("version")))


def concept(value: Any) -> Concept | None:
    """A CodeableConcept."""
    one = node(value)
    codings = tuple(found for each in nodes(one.get("coding")) if (found := coding(each)))
    words = text(one.get("text"))
    return Concept(codings, words) if codings or words else None


def concepts(value: Any) -> tuple[Concept, ...]:
    """An array of CodeableConcepts."""
    return tuple(found for each in nodes(value) if (found := concept(each)))


def identifier(value: Any) -> Identifier | None:
    """An Identifier that has a value."""
    one = node(value)
    number = text(one.get("value"))
    if number is None:
        return None
    assigner = text(node(one.get("assigner")).get("display"))
    return Identifier(number, text(one.get("system")), assigner, concept(one.get("type")))


def identifiers(value: Any) -> tuple[Identifier, ...]:
    """Identifiers that are in use: not those that are marked as old."""
    current = (each for each in nodes(value) if each.get("use") != "old")
    return tuple(found for each in current if (found := identifier(each)))


def has_type(number: Identifier, code: str) -> bool:
    """Whether an identifier is of a type, by its code of table 0203."""
    return number.type is not None and any(each.code == code for each in number.type.codings)


def human_name(value: Any) -> PersonName | None:
    """A HumanName."""
    one = node(value)
    family, given, words = text(one.get("family")), texts(one.get("given")), text(one.get("text"))
    if not (family or given or words):
        return None
    return PersonName(
        family=family,
        given=given,
        prefix=texts(one.get("prefix")),
        suffix=texts(one.get("suffix")),
        text=words,
        use=text(one.get("use")),
    )
