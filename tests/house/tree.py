"""The checkout as the house tests see it: its files, its Python sources, its documents."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("integration", "inference", "mappers")
FOLDERS = (*PACKAGES, "tests", "docs", "deploy", "fixtures", ".ci")
MADE = {"__pycache__", "node_modules"}


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: str
    text: str
    tree: ast.Module

    def within(self, *places: str) -> bool:
        """Whether the file is one of `places` or lies below one (given without suffix)."""
        return any(self.path == f"{place}.py" or self.path.startswith(f"{place}/") for place in places)


def files() -> Iterator[Path]:
    """Every file that belongs to the project."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and not _is_data(path))
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not MADE.intersection(path.parts) and not _is_data(path):
                yield path


def _is_data(path: Path) -> bool:
    # In a work tree of git `.git` is a file that says where the repository is.
    return ".sqlite" in path.name or path.name in {".coverage", ".git"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """The Python files below `folders`, the three packages when none is named."""
    found = []
    for folder in folders or PACKAGES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            found.append(Source(path=relative(path), text=text, tree=ast.parse(text)))
    return tuple(found)


def imported(source: Source) -> Iterator[str]:
    """Dotted names of the modules that a file imports, at its top or inside a function."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def documents() -> tuple[Path, ...]:
    """The Markdown files."""
    return tuple(path for path in files() if path.suffix == ".md")
