"""The shape of the code: small files and functions, plain names, one place that catches everything."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.tree import Source, files, relative, sources

FILE_LINES = 350
FUNCTION_LINES = 40

#: Longer than the rule, each with the reason why splitting it would make it harder to read.
LONG_FUNCTIONS: dict[str, str] = {
    "integration/store/migrations/versions/v0001_first.py:_message": "a table: one line a column",
}

#: The one place where an unknown error is caught: the worker, which parks the message.
CATCH_ALL = "integration/flows/lab_report.py"


def functions(source: Source) -> list[tuple[str, int]]:
    """(path:name, lines of its body without its docstring) of every function."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if ast.get_docstring(node) is not None:
                body = body[1:]
            if body:
                found.append((f"{source.path}:{node.name}", (body[-1].end_lineno or 0) - body[0].lineno + 1))
    return found


def test_files_are_short() -> None:
    """No source of the three packages is longer than a person reads in one go."""
    lengths = {source.path: source.text.count("\n") for source in sources()}

    assert {} == {path: lines for path, lines in lengths.items() if lines >= FILE_LINES}


def test_functions_are_short() -> None:
    """No function outgrows a screen, but for those that are listed with a reason."""
    lengths = dict(pair for source in sources() for pair in functions(source))
    long = {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES}

    assert set(LONG_FUNCTIONS) == set(long), long


def test_unknown_errors_are_caught_in_one_place() -> None:
    """Exactly one handler takes any exception: in the worker, where it parks the message."""
    catchers = [
        source.path
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type)
    ]

    assert [CATCH_ALL] == catchers


def _catches_all(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    if isinstance(kind, ast.Tuple):
        return any(_catches_all(element) for element in kind.elts)
    return isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}


def test_names_say_something() -> None:
    """No Base*, no *Manager, no room for odds and ends."""
    vague_rooms = [
        s.path for s in sources() if re.search(r"(^|/)(utils|common|helpers|misc)(/|\.py$)", s.path)
    ]
    vague_classes = [
        f"{source.path}:{node.name}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and re.search(r"^Base[A-Z]|Manager$", node.name)
    ]

    assert [] == vague_rooms + vague_classes


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error"])
def test_nothing_is_left_for_later(word: str) -> None:
    """Shipped code holds no reminder and no stub."""
    assert [] == [s.path for s in sources() if re.search(rf"\b{word}\b", s.text)]


def test_no_path_of_a_machine() -> None:
    """No file names a folder of the machine that it was written on."""
    private = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+|Users)/[\w.]")

    assert [] == _lines_with(private)


def test_no_download_address() -> None:
    """Packages are named, never the place that they come from."""
    address = re.compile(
        r'"resolved"\s*:|--(?:extra-)?index-url|--find-links|^registry\s*=|https?://\S+\.(?:whl|tgz|tar\.gz|jar)\b'
    )

    assert [] == [line for line in _lines_with(address) if not line.startswith("tests/house/test_shape.py")]


def test_files_are_light() -> None:
    """Every clone carries every file: none is larger than 2 MB, but for demonstration weights of under 8 MB."""
    limits = {path: 8_000_000 if path.suffix == ".safetensors" else 2_000_000 for path in files()}

    assert [] == [relative(path) for path, limit in limits.items() if path.stat().st_size > limit]


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{relative(path)}:{number}" for number, line in enumerate(lines, 1) if pattern.search(line)
        ]
    return found
