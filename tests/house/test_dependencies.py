"""What is installed with Wardwire: pinned, and under licences that a product may carry."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

from packaging.requirements import Requirement

from tests.house.tree import ROOT

#: Copyleft that reaches the whole product. LGPL does not, and psycopg has it.
COPYLEFT = re.compile(r"(?<!L)(?<!LESSER )\b(A?GPL|GNU (AFFERO )?GENERAL PUBLIC)")


def _project() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named: dict[str, list[str]] = {
        "dependencies": project["project"]["dependencies"],
        **{name: project["project"]["optional-dependencies"][name] for name in ("postgres",)},
        **project["dependency-groups"],
    }
    return named


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pins() -> dict[str, str]:
    lines = (ROOT / "deploy" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {_canonical(name): version for name, version in pairs}


def _closure(*groups: str) -> set[str]:
    """All distributions that the requirements of `groups` bring here, theirs included."""
    heap = [Requirement(text) for group in groups for text in _project()[group]]
    seen: set[tuple[str, frozenset[str]]] = set()
    while heap:
        wanted = heap.pop()
        key = (_canonical(wanted.name), frozenset(wanted.extras))
        if key in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(key)
        for text in metadata.requires(wanted.name) or ():
            inner = Requirement(text)
            extras = ("", *wanted.extras)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                inner.marker = None
                heap.append(inner)
    return {name for name, _ in seen}


def test_every_requirement_is_pinned() -> None:
    """The constraints name a version of everything that the tests install."""
    assert set() == _closure(*_project()) - set(_pins())


def test_pins_meet_the_lower_bounds() -> None:
    """What the tests run on is what pyproject allows."""
    pins = _pins()
    wrong = [
        text
        for group in _project().values()
        for text in group
        if not Requirement(text).specifier.contains(pins[_canonical(Requirement(text).name)])
    ]

    assert [] == wrong


def test_no_copyleft_in_what_runs() -> None:
    """Nothing that the product imports is under the GPL or the AGPL."""
    found = {}
    for name in _closure("dependencies", "postgres"):
        facts = metadata.metadata(name)
        stated = " ".join(
            [
                *facts.get_all("License-Expression", []),
                *(text.splitlines()[0] for text in facts.get_all("License", []) if text),
                *(text for text in facts.get_all("Classifier", []) if text.startswith("License")),
            ]
        )
        if COPYLEFT.search(stated.upper()):
            found[name] = stated

    assert {} == found
