"""README tells the truth: its commands exist, its blocks can be run."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from integration.cli.main import COMMANDS, wardwire
from tests.house.tree import ROOT, documents, relative

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:wardwire|make) [^`]+)`")


@cache
def make_targets() -> frozenset[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^\.PHONY: (\w+)$", text, re.MULTILINE))


def commands_shown() -> list[tuple[str, str]]:
    """(document, command line) of every `wardwire` and `make` command in the documents."""
    shown = []
    for document in documents():
        text = document.read_text(encoding="utf-8")
        lines = [line.split("#")[0].strip() for block in BLOCK.findall(text) for line in block.splitlines()]
        lines += INLINE.findall(text)
        shown += [
            (relative(document), line.rstrip("& "))
            for line in lines
            if line.startswith(("wardwire ", "make ")) and "NAME" not in line.split()[:2]
        ]
    return shown


@pytest.mark.parametrize(("document", "line"), commands_shown(), ids=lambda value: value)
def test_a_command_that_is_shown_exists(document: str, line: str) -> None:
    """Every make target, subcommand and option that a document shows is there."""
    program, *words = shlex.split(line)
    if program == "make":
        assert [] == [
            word
            for word in words
            if "=" not in word and not word.startswith("-") and word not in make_targets()
        ]
    else:
        _check_wardwire(words)


def _check_wardwire(words: list[str]) -> None:
    context = click.Context(wardwire)
    command: click.Command = wardwire
    for word in words:
        if word in {">", "|"}:
            break
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(context, word.rstrip(","))
            assert found is not None, f"no command {word}"
            command = found
        elif word.startswith("--") and word != "--help":
            options = {name for parameter in command.params for name in parameter.opts}
            assert word.partition("=")[0] in options, f"{command.name} has no option {word}"


def test_readme_names_every_command() -> None:
    """The command table leaves none out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [] == [name for name in COMMANDS if f"`wardwire {name}" not in text]


def test_the_two_commands_come_first() -> None:
    """A newcomer's first two blocks are the demo and the tests."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))

    assert ["make demo\n", "make test\n"] == blocks[:2]


def commands() -> list[str]:
    """Every command and subcommand, as it is typed after `wardwire`."""
    found = []
    for name in COMMANDS:
        found.append(name)
        command = wardwire.get_command(click.Context(wardwire), name)
        if isinstance(command, click.Group):
            found += [f"{name} {below}" for below in command.list_commands(click.Context(command))]
    return found


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_with_an_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--help` shows how a command is used, where nothing is set up yet."""
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(wardwire, [*name.split(), "--help"])

    assert shown.exit_code == 0, shown.output
    assert f"wardwire {name}" in shown.output.split("Example:")[1]
    assert [] == list(tmp_path.iterdir())
