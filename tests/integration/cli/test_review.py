"""`wardwire review` over a store with one draft: exit codes, JSON, and no patient data on standard error."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from integration.cli.main import wardwire
from tests.integration.flows.test_documents import Bench

MEANING = "reviewed and approved"


class Shell:
    """Runs the command on a store of its own."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.config = folder / "wardwire.toml"
        self.config.write_text(f'[store]\nurl = "sqlite:///{folder / "store.sqlite"}"\n', encoding="utf-8")

    def __call__(self, *arguments: str, code: int = 0):
        """The result, whose exit code must be this."""
        result = CliRunner().invoke(wardwire, ["--config", str(self.config), "review", *arguments])
        raised = result.exception if not isinstance(result.exception, SystemExit) else None
        assert code == (1 if raised else result.exit_code), result.output
        result.raised = raised
        return result

    def json(self, *arguments: str):
        """What it prints as JSON."""
        return json.loads(self(*arguments, "--json").stdout)


@pytest.fixture
def shell(tmp_path):
    """One draft waits."""
    bench = Bench(tmp_path)
    bench.read()
    bench.store.database.close()
    return Shell(tmp_path)


def test_a_draft_is_listed_shown_and_signed(shell):
    """The way of a clinician at a terminal."""
    listed = shell.json("list")
    shown = shell.json("show", listed["id"])
    assert ("draft", "preliminary", listed["seen"]) == (shown["kind"], shown["status"], shown["seen"])
    assert {"TSH", "Ferritin"} == {each["name"] for each in shown["results"]}
    assert all(each["places"][0]["quote"] for each in shown["results"])
    assert "Rossi" in shown["patient"]
    done = shell.json(
        "sign", listed["id"], "--as", "Dr Ada Rossi", "--meaning", MEANING, "--seen", listed["seen"]
    )
    assert ("signed", listed["id"]) == (done["outcome"], done["id"])
    again = shell.json("show", listed["id"])
    assert ("final", "completed", "Dr Ada Rossi") == (
        again["status"], again["state"], again["signatures"][0]["name"],
    )  # fmt: skip
    assert "nothing waits" in shell("list").stdout


def test_people_read_it_too(shell):
    """Without --json: results, places, and what to name when signing."""
    listed = shell("list").stdout
    shown = shell("show", listed.split()[0])
    for said in ("Ferritin: 9 ng/mL", "page 1:", "seen      ", "patient   Rossi"):
        assert said in shown.stdout
    assert "" == shown.stderr


def test_rejecting_and_amending(shell):
    """With a reason; the new value is there."""
    case = shell.json("list")
    result = next(each for each in shell.json("show", case["id"])["results"] if each["name"] == "Ferritin")
    shell("amend", case["id"], "--as", "Ada", "--seen", case["seen"], "--reason", "misread",
          "--set", f"{result['reference']}=0.90")  # fmt: skip
    shown = shell.json("show", case["id"])
    assert ["0.90 ng/mL"] == [each["result"] for each in shown["results"] if each["by_person"]]
    done = shell.json("reject", case["id"], "--as", "Ada", "--seen", shown["seen"], "--reason", "no use")
    assert "rejected" == done["outcome"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nothing"),
        ("sign", "ID", "--as", "Dr Ada Rossi", "--meaning", "whatever", "--seen", "SEEN"),
        ("sign", "ID", "--as", " ", "--meaning", MEANING, "--seen", "SEEN"),
        ("sign", "ID", "--as", "Dr Ada Rossi", "--meaning", MEANING, "--seen", "stale"),
        ("reject", "ID", "--as", "Dr Ada Rossi", "--reason", " ", "--seen", "SEEN"),
    ],
)
def test_what_is_refused_exits_1_and_names_no_patient(shell, arguments):
    """A named error, which `main` prints as one line."""
    case = shell.json("list")
    known = {"ID": case["id"], "SEEN": case["seen"]}
    result = shell(*(known.get(each, each) for each in arguments), code=1)
    assert not [word for word in ("Rossi, Giulia", "WW-100417", "Ferritin") if word in str(result.raised)]


def test_bad_usage_exits_2(shell):
    """What was looked at has to be named, and so has the person."""
    for arguments in (("sign", "x", "--as", "a", "--meaning", MEANING), ("sign", "x", "--seen", "y"),
                      ("amend", "x", "--as", "a", "--seen", "y", "--reason", "r", "--set", "novalue")):  # fmt: skip
        shell(*arguments, code=2)


def test_listed_signers_bind_the_shell(shell):
    """Where the settings list some, nobody else signs; the listed name stands under the report."""
    text = shell.config.read_text(encoding="utf-8")
    shell.config.write_text(text + '[review.signers.ada]\nname = "Dr Ada Rossi"\n', encoding="utf-8")
    case = shell.json("list")
    refused = ("sign", case["id"], "--as", "Dr Eve", "--meaning", MEANING, "--seen", case["seen"])
    assert "may look and not sign" in str(shell(*refused, code=1).raised)
    shell("sign", case["id"], "--as", "ada", "--meaning", MEANING, "--seen", case["seen"])
    assert "Dr Ada Rossi" == shell.json("show", case["id"])["signatures"][0]["name"]


@pytest.mark.parametrize("command", ["list", "show", "sign", "reject", "amend"])
def test_every_command_has_help_with_an_example(shell, command):
    """As the contract says."""
    assert "Example:" in shell(command, "--help").stdout
