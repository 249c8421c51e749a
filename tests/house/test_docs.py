"""Documents that tell the truth about the tree: links, changelog, decisions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, documents, relative, sources

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(document: Path) -> set[str]:
    """The anchors that a Markdown viewer makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents(), ids=relative)
def test_links_resolve(document: Path) -> None:
    """Every link to a file or heading of the project leads somewhere."""
    broken = []
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        goal = (document.parent / place).resolve() if place else document
        if not goal.exists() or (anchor and anchor not in _anchors(goal)):
            broken.append(target)

    assert [] == broken


def test_documents_that_the_code_names_exist() -> None:
    """A comment that sends its reader to a document sends them to one that is there."""
    named = {
        (source.path, document)
        for source in sources("integration", "inference", "mappers", "deploy")
        for document in re.findall(r"\b(?:docs|deploy)/[\w./-]+\w", source.text)
    }

    assert [] == [f"{path}: {document}" for path, document in sorted(named) if not (ROOT / document).exists()]


def test_the_changelog_is_open() -> None:
    """CHANGELOG has an Unreleased section with something in it."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)

    assert section is not None
    assert re.search(r"^### (Added|Changed|Deprecated|Removed|Fixed|Security)\n+- ", section[1], re.MULTILINE)


def _decisions() -> list[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("decision", _decisions(), ids=lambda path: path.name)
def test_a_decision_says_all_four_things(decision: Path) -> None:
    """Context, options, choice, and what would change our mind, under the number of its file."""
    text = decision.read_text(encoding="utf-8")

    assert text.startswith(f"# {decision.name[:4]} ")
    assert ["Context", "Options", "Choice", "What would change our mind"] == re.findall(
        r"^## (.+)$", text, re.MULTILINE
    )


def test_every_decision_is_listed() -> None:
    """The index of decisions is complete and numbered without a gap."""
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")

    assert [f"{number:04d}" for number in range(1, len(_decisions()) + 1)] == [
        path.name[:4] for path in _decisions()
    ]
    assert [] == [path.name for path in _decisions() if f"({path.name})" not in index]
