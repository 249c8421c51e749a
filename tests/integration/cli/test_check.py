"""`wardwire check`: what is wrong is found before the first message is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from integration.cli.main import wardwire
from integration.store.migrations import HEAD


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and free ports of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WARDWIRE_MLLP__DEFAULT__PORT", "0")
    monkeypatch.setenv("WARDWIRE_WEB__PORT", "0")


def checked() -> dict[str, tuple[bool, str]]:
    """What was checked: whether it passed, and why."""
    told = json.loads(CliRunner().invoke(wardwire, ["check", "--json"]).output)
    return {each["name"]: (each["passed"], each["reason"]) for each in told["checks"]}


def test_a_token_file_that_cannot_be_read_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """`web` would not start with it."""
    monkeypatch.setenv("WARDWIRE_WEB__TOKEN_FILE", "nowhere")

    assert (False, "web.token_file cannot be read") == checked()["web.token_file"]


def test_tokens_are_counted_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even their digests."""
    digest = hashlib.sha256(b"secret").hexdigest()
    (tmp_path / "tokens").write_text(f"ward:{digest}\n", encoding="utf-8")
    monkeypatch.setenv("WARDWIRE_WEB__TOKEN_FILE", "tokens")

    assert (True, "1 tokens") == checked()["web.token_file"]


def test_a_certificate_of_the_web_server_that_does_not_load_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the listeners."""
    monkeypatch.setenv("WARDWIRE_WEB__TLS__CERTIFICATE", "nowhere.pem")

    assert not checked()["web.tls"][0]


def test_migrate_says_its_schema_as_json() -> None:
    """For scripts."""
    first = CliRunner().invoke(wardwire, ["migrate", "--json"])
    second = CliRunner().invoke(wardwire, ["migrate", "--json"])

    assert HEAD == json.loads(first.output)["schema"]
    assert first.output == second.output


def test_a_watched_folder_that_is_not_there_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`mllp` would not start with it."""
    monkeypatch.setenv("WARDWIRE_FOLDERS__SHARE__PATH", str(tmp_path / "share"))
    assert not checked()["folder share"][0]

    (tmp_path / "share").mkdir()
    assert (True, "files can be read and moved in it") == checked()["folder share"]


def test_a_channel_without_a_time_zone_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """It works, and its times become dates: no failure, and not without a word."""
    CliRunner().invoke(wardwire, ["migrate"])
    result = CliRunner().invoke(wardwire, ["check", "--json"])
    (said,) = (each for each in json.loads(result.output)["checks"] if each["name"] == "channel default")
    monkeypatch.setenv("WARDWIRE_CHANNELS__DEFAULT__TIME_ZONE", "Europe/Rome")
    (zoned,) = (
        each
        for each in json.loads(CliRunner().invoke(wardwire, ["check", "--json"]).output)["checks"]
        if each["name"] == "channel default"
    )

    assert (0, True, True) == (result.exit_code, said["passed"], said["warned"])
    assert "channels.default.time_zone" in said["reason"]
    assert (True, False) == (zoned["passed"], zoned["warned"])
