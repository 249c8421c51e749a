"""`wardwire messages`: what an operator sees of a message, in words and in JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from integration.cli.main import wardwire
from integration.settings import Settings
from integration.store.migrations.upgrade import upgrade
from integration.store.records import Arrival
from integration.wiring import stores
from mappers.domain.acknowledgement import Verdict
from mappers.domain.issues import Issue, IssueCode, Severity

ISSUE = Issue(Severity.FATAL, IssueCode.STRUCTURE, "MSH[1]-12", "no version 2 of HL7", "203")


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Id of a message that was refused at the door."""
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    monkeypatch.setenv("WARDWIRE_STORE__URL", url)
    store = stores.open_store(Settings())
    upgrade(store.database)
    arrival = Arrival(
        channel="default", peer="10.1.2.3:1", raw=b"MSH|^~\\&|A", received_at=stores.now(), order_key="x",
        verdict=Verdict.REJECTED, issues=(ISSUE,),
    )  # fmt: skip
    message_id = store.inbox.submit(arrival).result(30).message_id
    store.database.close()
    return message_id


def run(*arguments: str) -> Result:
    """The command as a user calls it."""
    return CliRunner().invoke(wardwire, ["messages", *arguments])


def test_show_says_why_a_message_was_refused(refused: str) -> None:
    """Each issue on a line: severity, place, words."""
    lines = [line.split(maxsplit=2) for line in run("show", refused).output.splitlines()]

    assert ["fatal", "MSH[1]-12", "no version 2 of HL7"] in lines


def test_show_as_json_has_the_same(refused: str) -> None:
    """For scripts."""
    told = json.loads(run("show", refused, "--json").output)

    assert [("fatal", "MSH[1]-12")] == [(each["severity"], each["location"]) for each in told["door_issues"]]
