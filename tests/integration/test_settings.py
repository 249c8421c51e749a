"""Settings that cannot be meant are refused by name, and their values are never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.errors import SettingsInvalid
from integration.settings import load


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file but the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WARDWIRE_CONFIG", raising=False)


def refusal(path: Path | None = None) -> str:
    """What is said about settings that are refused."""
    with pytest.raises(SettingsInvalid) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["WARDWIRE_CHANNEL__LAB__TIME_ZONE", "WARDWIRE_FOO__BAR"])
def test_a_misspelt_table_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It would leave the feed without what its deployer thinks was set."""
    monkeypatch.setenv(name, "Europe/Rome")

    assert f"{name}: there is no such setting" == refusal()


def test_other_variables_of_ours_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable without a table may belong to a script or a test."""
    monkeypatch.setenv("WARDWIRE_CORPORA", "/nowhere")

    assert 2575 == load().mllp["default"].port


def test_a_misspelt_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of a settings file, not of the library that read it."""
    monkeypatch.setenv("WARDWIRE_WEB__PROT", "8080")

    assert "web.prot: there is no such setting" == refusal()


@pytest.mark.parametrize("setting", ["CHARACTER_SET", "CHARACTER_SET_OVERRIDE"])
def test_a_character_set_that_nothing_reads_is_refused(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """At the start, not with every message of the feed."""
    monkeypatch.setenv(f"WARDWIRE_CHANNELS__LAB__{setting}", "KLINGON")

    assert refusal().startswith(f"channels.lab.{setting.lower()}: not a character set")


def test_a_character_set_of_the_table_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in MSH-18."""
    monkeypatch.setenv("WARDWIRE_CHANNELS__LAB__CHARACTER_SET", "8859/1")

    assert "8859/1" == load().channels["lab"].character_set


@pytest.mark.parametrize("content", [b"\xff\xfe\x00junk", b"[web\nport = 1"])
def test_a_file_that_is_no_toml_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    """Bytes of another kind included."""
    file = tmp_path / "settings.toml"
    file.write_bytes(content)

    assert "is no TOML" in refusal(file)


def test_a_reference_to_nothing_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which setting names what is not there, and what to add."""
    monkeypatch.setenv("WARDWIRE_MLLP__DEFAULT__CHANNEL", "zzz")

    assert "mllp.default.channel names no channel; add [channels.zzz]" == refusal()


def test_keys_in_the_senders_words_are_not_taken_from_a_variables_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Variables lose their capitals: the assigner of HOSP would be that of hosp, which nobody is."""
    monkeypatch.setenv("WARDWIRE_CHANNELS__LAB__ASSIGNERS__HOSP", "urn:oid:1.2.3")

    assert "write WARDWIRE_CHANNELS__LAB__ASSIGNERS as JSON" in refusal()


def test_keys_in_the_senders_words_keep_their_capitals_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that the refusal names."""
    monkeypatch.setenv("WARDWIRE_CHANNELS__LAB__ASSIGNERS", '{"HOSP": "urn:oid:1.2.3"}')

    assert {"HOSP": "urn:oid:1.2.3"} == load().channels["lab"].assigners
