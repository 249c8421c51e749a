"""Every setting is documented, and the example file is what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from integration.settings import Settings, describe, example_toml, load
from tests.house.tree import ROOT

EXAMPLE = ROOT / "deploy" / "wardwire.example.toml"
RENEW = "renew it: .venv/bin/python -m tests.house.renew"


@pytest.mark.parametrize(("name", "description"), [(name, text) for name, _, _, text in describe()])
def test_every_setting_says_what_it_does(name: str, description: str) -> None:
    """A setting has a sentence of its own."""
    assert re.fullmatch(r"\S.{8,}\.", description.strip(), re.DOTALL), name


def test_no_two_settings_share_a_sentence_within_a_table() -> None:
    """A copied description is a missing description."""
    seen: dict[tuple[str, str], str] = {}
    for name, _, _, description in describe():
        key = (name.rpartition(".")[0], description)
        assert key not in seen, f"{name} and {seen.get(key)}"
        seen[key] = name


def test_the_example_file_is_made_from_the_code() -> None:
    """deploy/wardwire.example.toml has every setting with its description and default."""
    assert example_toml() == EXAMPLE.read_text(encoding="utf-8"), RENEW


def test_the_example_says_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every comment sign removed the example still loads, and changes nothing."""
    monkeypatch.delenv("WARDWIRE_CONFIG", raising=False)
    file = tmp_path / "wardwire.toml"
    # An empty string stands for a setting without a default: TOML cannot say that nothing is set.
    lines = [
        re.sub(r"^# (?=\w+ = )", "", line)
        for line in EXAMPLE.read_text(encoding="utf-8").splitlines()
        if not re.fullmatch(r'# \w+ = ""', line)
    ]
    file.write_text("\n".join(lines), encoding="utf-8")

    uncommented = [line for line in lines if re.match(r"\w+ = ", line)]
    assert len(uncommented) > 20
    assert load(file).model_dump() == Settings().model_dump()


def test_the_example_is_toml_as_it_stands() -> None:
    """The file can be copied and used without a change."""
    assert all(
        table == {} or isinstance(table, dict) for table in tomllib.loads(EXAMPLE.read_text()).values()
    )


@pytest.mark.parametrize("name", ["store.url", "store.blobs", "web.port", "mllp.*.port"])
def test_names_that_scripts_rely_on(name: str) -> None:
    """Settings that are promised to the outside keep their names."""
    assert name in {known for known, _, _, _ in describe()}
